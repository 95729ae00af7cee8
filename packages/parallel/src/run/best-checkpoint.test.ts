// The best epoch is saved without making the run wait for the disk. Epochs of one step end faster than any disk writes.
// While one is being written, better ones replace the waiting one; after failures and a resume it is the best of all.
import { expect, it } from "vitest";
import type { Faults } from "../../testing/faults.ts";
import { runJob } from "../../testing/run-job.ts";
import { SimulatedDisk } from "../../testing/simulated-disk.ts";
import type { Disk } from "../checkpoint/disk.ts";
import type { CheckpointEvent, EpochEvent, TrainEvent } from "../events.ts";
import type { CheckpointOptions } from "../plan/checkpoint-options.ts";
import type { TrainOptions } from "../plan/train-options.ts";

const directory = "/runs/best";

interface Course {
  job: "clusters" | "metrics";
  best: NonNullable<CheckpointOptions["best"]>;
  options?: TrainOptions;
  disk?: Disk;
  faults?: Faults;
  /** Gets each event. */
  listen?: (event: TrainEvent) => void;
}

/** Only the best epoch and the last step are saved. */
async function run({ job, best, options, disk = new SimulatedDisk(), faults = [], listen }: Course) {
  const events: TrainEvent[] = [];
  const result = await runJob(
    new URL(`../../../../test/jobs/${job}.ts`, import.meta.url).href,
    {
      workers: 2,
      shards: 4,
      batchSize: 600,
      epochs: 60,
      kernels: "wasm",
      checkpoint: { directory, everyEpochs: 1_000_000, keep: 1, best },
      ...options,
    },
    {
      emit: (event) => {
        events.push(event);
        listen?.(event);
      },
      faults,
      store: { disk },
    },
  );
  const epochs = events.filter((event): event is EpochEvent => event.type === "epoch");
  const saves = events.filter((event): event is CheckpointEvent => event.type === "checkpoint");
  return { ...result, epochs, saves };
}

/** The first epoch with the highest accuracy. */
function bestOf(epochs: readonly EpochEvent[]) {
  const values = epochs.map(({ metrics }) => metrics.accuracy as number);
  const value = Math.max(...values);
  const step = epochs[values.indexOf(value)]!.step;
  return { metric: "accuracy", value, path: `${directory}/step-${String(step).padStart(10, "0")}` };
}

const best = { metric: "accuracy" };

it("a run does not wait for the disk, writes what is better than all before, and ends with the best", async () => {
  const disk = new SimulatedDisk();
  // The first save lasts until half of the epochs are over: a run that waited for it would never get there.
  const half = Promise.withResolvers<void>();
  const rename = disk.rename.bind(disk);
  disk.rename = async (from, to) => {
    if (to.includes("step-")) await half.promise;
    return rename(from, to);
  };
  const {
    epochs,
    saves,
    best: found,
  } = await run({
    job: "clusters",
    best,
    disk,
    listen: (event) => {
      if (event.type === "epoch" && event.epoch === 30) half.resolve();
    },
  });
  expect(found).toEqual(bestOf(epochs));
  const accuracies = epochs.map(({ metrics }) => metrics.accuracy as number);
  for (const { epoch } of saves.slice(0, -1)) {
    const [value, before] = [accuracies[epoch - 1]!, accuracies.slice(0, epoch - 1)];
    expect(value).toBeGreaterThan(Math.max(-1, ...before));
  }
});

it("after failures of workers, in evaluations and while snapshots are copied", async () => {
  const whole = await run({ job: "clusters", best });
  const faults: Faults = [
    { rank: 0, step: 5, phase: "checkpoint", how: "throw" },
    { rank: 1, step: 17, phase: "evaluate", how: "process.exit" },
    { rank: 1, step: 40, phase: "gather", how: "throw" },
  ];
  const { best: found, epochs } = await run({
    job: "clusters",
    best,
    faults,
    options: { snapshotEvery: 1 },
  });
  expect(epochs.map(({ metrics }) => metrics)).toEqual(whole.epochs.map(({ metrics }) => metrics));
  expect(found).toEqual(whole.best);
});

it.each(["disk", "off"] as const)("wherever snapshots are: %s", async (snapshots) => {
  const { best: found, epochs, saves } = await run({ job: "clusters", best, options: { snapshots } });
  expect(found).toEqual(bestOf(epochs));
  // A run that waits for the disk saves each epoch that is better than all before.
  const values = epochs.map(({ metrics }) => metrics.accuracy as number);
  const better = epochs.filter((_, i) => values[i]! > Math.max(-1, ...values.slice(0, i)));
  if (snapshots === "off")
    expect(saves.slice(0, better.length).map(({ step }) => step)).toEqual(better.map(({ step }) => step));
});

it("after a resume, of all epochs, before it and after", async () => {
  for (const job of ["clusters", "metrics"] as const) {
    const by = job === "clusters" ? best : { metric: "backwards" };
    const whole = await run({ job, best: by });
    const disk = new SimulatedDisk();
    await run({ job, best: by, disk, options: { steps: 20 } });
    const rest = await run({ job, best: by, disk, options: { resume: "must", workers: 1 } });
    expect(rest.best).toEqual(whole.best);
  }
});

it("one that the disk refused is saved when it can be", async () => {
  const disk = new SimulatedDisk();
  disk.incident = { at: /^write .*model/, kind: "ENOSPC" };
  const { best: found, saves } = await run({
    job: "metrics",
    best: { metric: "backwards" },
    disk,
    listen: (event) => {
      if (event.type === "checkpoint") disk.incident = undefined;
    },
  });
  expect(saves.map(({ step, committed }) => [step, committed])).toEqual([
    [1, "no"],
    [1, "yes"],
    [60, "yes"],
  ]);
  expect(found?.path).toBe(`${directory}/step-0000000001`);
});
