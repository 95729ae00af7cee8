// A worker fails during an evaluation, before its chunks or between them and the scores. The metrics of every kind and
// every epoch are those of an undisturbed run.
import { expect, it } from "vitest";
import type { Faults } from "../../testing/faults.ts";
import { runJob } from "../../testing/run-job.ts";
import type { EpochEvent, TrainEvent } from "../events.ts";

const job = new URL("../../../../test/jobs/metrics.ts", import.meta.url).href;

async function run(workers: number, faults: Faults = []) {
  const events: TrainEvent[] = [];
  const options = { workers, snapshotEvery: 3, kernels: "wasm" } as const;
  const publish = (event: TrainEvent) => void events.push(event);
  await runJob(job, options, { emit: publish, faults });
  const told = events.filter((event) => event.type === "epoch") as EpochEvent[];
  return {
    restarts: events.filter(({ type }) => type === "restart").length,
    epochs: told.map(({ metrics }) => metrics),
  };
}

it.each([
  { place: "before its chunks", workers: 2, afterBarriers: 2, how: "throw" },
  { place: "between chunks and scores", workers: 3, afterBarriers: 3, how: "process.exit" },
] as const)("$place, one of $workers workers", async ({ workers, afterBarriers, how }) => {
  const { epochs } = await run(1);
  const fault = { rank: 1, step: 20, phase: "evaluate", afterBarriers, how } as const;
  expect(await run(workers, [fault])).toEqual({ restarts: 1, epochs });
});
