// A worker fails while shards train separately: the run restarts from a synchronization point, and ends with the bits
// of an undisturbed one.
import { expect, it } from "vitest";
import type { Faults } from "../../testing/faults.ts";
import { runJob } from "../../testing/run-job.ts";
import type { Phase } from "../errors.ts";
import type { RestartEvent } from "../events.ts";
import type { TrainOptions } from "../plan/train-options.ts";

const job = new URL("../../../../test/jobs/dropout.ts", import.meta.url).href;

// 5 steps per epoch, so that shards synchronize after steps 2, 4, 5, 7, 9, 10 and so on.
const options = { shards: 8, epochs: 3, syncEvery: 2, snapshotEvery: 2, kernels: "wasm" } as const;

async function run(more: TrainOptions, faults: Faults = []) {
  const restarts: RestartEvent[] = [];
  const result = await runJob(
    job,
    { ...options, ...more },
    { emit: (event) => event.type === "restart" && restarts.push(event), faults },
  );
  return { ...result, restarts };
}

const expected = run({ workers: 1 });

// Rank 0 announces a snapshot while the others may already be on their way to the next synchronization point. Before
// that, rank 0 itself must fail, so that the test knows where the run restarts.
it.each<{ rank: number; workers: number; phase: Phase; step: number; from: number }>([
  { rank: 0, workers: 2, phase: "gather", step: 3, from: 2 },
  { rank: 0, workers: 3, phase: "backward", step: 8, from: 7 },
  { rank: 0, workers: 2, phase: "update", step: 9, from: 7 },
  { rank: 0, workers: 3, phase: "barrier", step: 10, from: 9 },
  { rank: 1, workers: 2, phase: "reduce", step: 10, from: 9 },
  { rank: 1, workers: 3, phase: "evaluate", step: 10, from: 9 },
  { rank: 1, workers: 2, phase: "checkpoint", step: 12, from: 10 },
])("worker $rank of $workers in step $step, in $phase", async ({ rank, workers, phase, step, from }) => {
  const how = workers === 2 ? "throw" : "process.exit";
  const { restarts, weightsSha256, metrics } = await run({ workers }, [{ rank, step, phase, how }]);
  expect(restarts).toMatchObject([{ rank, failedStep: step, phase, fromStep: from }]);
  expect({ weightsSha256, metrics }).toEqual({
    weightsSha256: (await expected).weightsSha256,
    metrics: (await expected).metrics,
  });
});

it("Hogwild goes on, too: alone to the same bits", async () => {
  const fault = { rank: 0, step: 8, phase: "update", how: "throw" } as const;
  const hogwild = { workers: 1, hogwild: true };
  const { restarts, weightsSha256 } = await run(hogwild, [fault]);
  expect(restarts).toMatchObject([{ failedStep: 8, fromStep: 7 }]);
  expect(weightsSha256).toBe((await run(hogwild)).weightsSha256);
  const shared = await run({ ...hogwild, workers: 3 }, [{ ...fault, rank: 2, how: "process.exit" }]);
  expect(shared).toMatchObject({ steps: 15, restarts: [{ rank: 2, failedStep: 8 }] });
});
