// A run recovers from a failure as long as that makes sense. For failures in every phase see faults*.test.ts.
import { beforeAll, expect, it } from "vitest";
import type { Faults } from "../../testing/faults.ts";
import { runJob } from "../../testing/run-job.ts";
import { WorkerError } from "../errors.ts";
import type { RestartEvent, TrainEvent } from "../events.ts";
import type { TrainOptions } from "../plan/train-options.ts";

const job = new URL("../../../../test/jobs/dropout.ts", import.meta.url).href;

// 5 steps an epoch.
const step = 10;
const options = { shards: 8, epochs: 3, snapshotEvery: 2, kernels: "wasm" } as const;

async function run(more: TrainOptions, faults: Faults = []) {
  const restarts: RestartEvent[] = [];
  const publish = (event: TrainEvent) => {
    if (event.type === "restart") restarts.push(event);
  };
  const result = await runJob(job, { ...options, ...more }, { emit: publish, faults });
  return { ...result, restarts };
}

let expected: Awaited<ReturnType<typeof run>>;
beforeAll(async () => {
  expected = await run({ workers: 1 });
});

it("alone, and while the coordinator averages", async () => {
  const fault = { rank: 0, step, phase: "update", how: "throw" } as const;
  expect((await run({ workers: 1 }, [fault])).weightsSha256).toBe(expected.weightsSha256);
  for (const how of ["throw", "process.exit"] as const) {
    const averaged = await run({ workers: 3, reduce: "coordinator" }, [{ ...fault, how }]);
    expect(averaged.weightsSha256).toBe(expected.weightsSha256);
  }
});

it("goes on after as many failures at different places as there are restarts", async () => {
  const faults = [3, 7, 12].map((step) => ({ rank: 0, step, phase: "forward", how: "throw" }) as const);
  const { restarts, weightsSha256 } = await run({ workers: 2 }, faults);
  expect(restarts.map(({ fromStep }) => fromStep)).toEqual([2, 6, 10]);
  expect(weightsSha256).toBe(expected.weightsSha256);
});

it.each([
  ["comes again at the same place", {}, [4, 4], 1],
  ["comes more often than there are restarts", { restarts: 1 }, [4, 8], 1],
  ["comes when there are to be no restarts", { restarts: 0 }, [4], 0],
])("a failure that %s ends the run with the first error", async (_, more, steps, restarts) => {
  const faults = steps.map((step) => ({ rank: 1, step, phase: "update", how: "throw" }) as const);
  const told: TrainEvent[] = [];
  const failed = runJob(
    job,
    { ...options, workers: 2, ...more },
    { emit: (event) => told.push(event), faults },
  );
  const error = await failed.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(WorkerError);
  expect(error).toMatchObject({ rank: 1, step: 4, phase: "update" });
  const outcome = restarts === 1 ? "; a restart did not help" : "";
  expect((error as Error).message).toBe(
    `train: worker 1 failed in step 4 (update): RangeError: injected${outcome}`,
  );
  expect(told.filter(({ type }) => type === "restart")).toHaveLength(restarts);
});
