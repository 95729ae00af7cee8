// Workers that hang, that fail after the last step, and that are slow; on real threads.
import { expect, it } from "vitest";
import type { Faults } from "../../testing/faults.ts";
import { runJob } from "../../testing/run-job.ts";
import { JobError } from "../errors.ts";
import type { TrainEvent } from "../events.ts";
import type { TrainOptions } from "../plan/train-options.ts";

const jobAt = (name: string) => new URL(`../../../../test/jobs/${name}.ts`, import.meta.url).href;

async function run(job: string, options: TrainOptions, faults: Faults = []) {
  const events: TrainEvent[] = [];
  const publish = (event: TrainEvent) => events.push(event);
  const given = { kernels: "wasm", ...options } as const;
  const result = await runJob(jobAt(job), given, { emit: publish, faults });
  return { ...result, events };
}

const epochsOf = (events: TrainEvent[]) =>
  events.flatMap((event) => (event.type === "epoch" ? [[event.epoch, event.loss, event.metrics]] : []));

it("a worker that hangs is named and replaced", async () => {
  const options = { shards: 4, workers: 2 };
  const expected = await run("dropout", options);
  for (const phase of ["forward", "evaluate"] as const) {
    const fault = { rank: 1, step: 5, phase, how: "hang" } as const;
    const { events, weightsSha256 } = await run("dropout", { ...options, stallSeconds: 3 }, [fault]);
    const message = `train: worker 1 failed in step 5 (${phase}): no sign of life for 3 s (stallSeconds): is there an endless loop?`;
    expect(events.filter(({ type }) => type === "restart")).toMatchObject([
      { rank: 1, failedStep: 5, message },
    ]);
    expect(weightsSha256).toBe(expected.weightsSha256);
    expect(epochsOf(events)).toEqual(epochsOf(expected.events));
  }
});

it("a worker that fails in the evaluation after a last step within an epoch leaves nothing out", async () => {
  const options = { shards: 4, workers: 2, steps: 8 };
  const expected = await run("dropout", options);
  expect(epochsOf(expected.events)).toHaveLength(2);
  const fault = { rank: 1, step: 8, phase: "evaluate", how: "throw" } as const;
  const { events, weightsSha256, metrics } = await run("dropout", options, [fault]);
  expect(events.some(({ type }) => type === "restart")).toBe(true);
  expect([weightsSha256, metrics]).toEqual([expected.weightsSha256, expected.metrics]);
  expect(epochsOf(events)).toEqual(epochsOf(expected.events));
});

it("a worker that is slow is named, once", async () => {
  const { events } = await run("uneven-threads", { workers: 2 });
  const told = events.flatMap((event) => (event.type === "straggler" ? [event] : []));
  expect(told).toHaveLength(1);
  expect(told[0]!.ratio).toBeGreaterThan(2);
  expect(told[0]!.steps).toBeGreaterThanOrEqual(50);
});

it.each([0, -1, Number.NaN])("stallSeconds of %s is refused", async (stallSeconds) => {
  await expect(run("dropout", { stallSeconds })).rejects.toThrow(JobError);
});
