// A run is stopped while a worker fails, or because one has failed. Reports stay true: no step and no epoch is undone,
// and the final metrics belong to the returned weights.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Faults } from "../../testing/faults.ts";
import { runJob } from "../../testing/run-job.ts";
import { findNewest } from "../checkpoint/find-newest.ts";
import type { TrainEvent } from "../events.ts";
import type { TrainOptions } from "../plan/train-options.ts";

const job = new URL("../../../../test/jobs/dropout.ts", import.meta.url).href;
const root = mkdtempSync(join(tmpdir(), "shardgrad-stop-"));
afterAll(() => rmSync(root, { recursive: true }));

// 5 steps an epoch.
const pinned = { workers: 2, shards: 4, kernels: "wasm", epochs: 8, snapshotEvery: 1000 } as const;

/** Stops the run at the first event of this type. */
async function run(options: TrainOptions, faults: Faults = [], stopAt?: TrainEvent["type"]) {
  const events: TrainEvent[] = [];
  let stopped = false;
  const steps: number[] = [];
  const publish = (event: TrainEvent) => {
    events.push(event);
    stopped ||= event.type === stopAt;
  };
  const onStepEnd = ({ step }: { step: number }) => void steps.push(step);
  const all = { ...pinned, ...options, onStepEnd };
  const end = await runJob(job, all, { emit: publish, stopRequested: () => stopped, faults });
  const epochs = events.flatMap((event) => (event.type === "epoch" ? [event] : []));
  const told = epochs.map(({ epoch, step, loss, metrics }) => ({ epoch, step, loss, metrics }));
  return { end, steps, told, restarts: events.filter(({ type }) => type === "restart").length };
}

/** Fails in the worker that reports the steps, so that it has reported them. */
const failed = { rank: 0, step: 23, phase: "forward", how: "throw" } as const;
const inEvaluation = { rank: 1, step: 22, phase: "evaluate", how: "process.exit" } as const;

describe.each<[string, TrainOptions]>([
  ["from its beginning", {}],
  ["from a snapshot", { snapshotEvery: 7 }],
  ["from the step before", { snapshotEvery: 1 }],
  ["where the coordinator averages", { reduce: "coordinator" }],
  ["of shards that train apart", { syncEvery: 2 }],
  ["that is to end a step later", { steps: 23 }],
])("a run that goes on %s", (_, options) => {
  it.each<[string, Faults]>([
    ["is stopped", [failed]],
    ["is stopped, and fails in the evaluation of that", [failed, inEvaluation]],
  ])("and %s ends with what it told", async (_, faults) => {
    const { end, steps, told, restarts } = await run(options, faults, "restart");
    expect(restarts).toBe(faults.length);
    expect([end.stopped, end.steps]).toEqual([true, 22]);
    expect(steps).toEqual(Array.from({ length: 22 }, (_, index) => index + 1));
    const whole = await run({ ...options, steps: 22 });
    expect(told).toEqual(whole.told);
    expect([end.weightsSha256, end.metrics]).toEqual([whole.end.weightsSha256, whole.end.metrics]);
    expect(end.metrics).toEqual(told.at(-1)!.metrics);
  });
});

it("a stop that fails in saving its last step ends with that step, saved", async () => {
  const directory = join(root, "saved");
  const faults = [failed, { rank: 1, step: 22, phase: "checkpoint", how: "throw" } as const];
  const { end } = await run({ checkpoint: { directory, everySteps: 1000 } }, faults, "restart");
  const { checkpoint } = await findNewest(directory);
  expect([end.steps, checkpoint?.state.step]).toEqual([22, 22]);
  // Resumes, but is stopped before it begins: nothing is evaluated, and the event says so.
  const before = await run({ checkpoint: { directory }, resume: "must" }, [], "start");
  expect(before.end).toMatchObject({
    steps: 22,
    metrics: {},
    weightsSha256: end.weightsSha256,
    stopped: true,
  });
});
