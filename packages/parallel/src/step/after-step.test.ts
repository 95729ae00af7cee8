// A run that loses a worker restarts from a snapshot with everything that afterStep has changed.
import { expect, it } from "vitest";
import type { Faults } from "../../testing/faults.ts";
import { runJob } from "../../testing/run-job.ts";
import type { Phase } from "../errors.ts";

const job = new URL("../../../../test/jobs/mean-teacher.ts", import.meta.url).href;

async function run(faults: Faults) {
  const options = { workers: 2, kernels: "wasm", snapshotEvery: 2, restarts: faults.length } as const;
  const { weightsSha256, metrics } = await runJob(job, options, { faults });
  return { weightsSha256, metrics };
}

it("a teacher has the bits of a run in which nothing failed", async () => {
  const fault = (rank: number, step: number, phase: Phase, afterBarriers: number) =>
    ({ rank, step, phase, afterBarriers, how: "throw" }) as const;
  // The second fault is in the call itself, on the first worker; the third while the other worker waits for it.
  const faults = [fault(1, 4, "forward", 0), fault(0, 7, "update", 2), fault(1, 8, "barrier", 2)];
  expect(await run(faults)).toEqual(await run([]));
});
