// A disk fails during a run. The run reports whether the checkpoint exists, and continues or ends as configured. What
// is on the disk leads to the bits of an undisturbed run.
import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runJob } from "../../testing/run-job.ts";
import type { Incident } from "../../testing/simulated-disk.ts";
import { SimulatedDisk } from "../../testing/simulated-disk.ts";
import type { Disk } from "../checkpoint/disk.ts";
import { codeOf, nodeDisk } from "../checkpoint/disk.ts";
import { findNewest } from "../checkpoint/find-newest.ts";
import type { Committed } from "../errors.ts";
import { CheckpointError } from "../errors.ts";
import type { CheckpointEvent, TrainEvent } from "../events.ts";
import type { CheckpointOptions } from "../plan/checkpoint-options.ts";
import type { TrainOptions } from "../plan/train-options.ts";

const job = new URL("../../../../test/jobs/dropout.ts", import.meta.url).href;
const pinned = { shards: 8, kernels: "wasm" } as const;

interface Course {
  checkpoint: CheckpointOptions;
  disk: Disk;
  /** Gets all saves so far, after each one, successful or not; returns true when the run may end. */
  saved: (all: readonly CheckpointEvent[]) => boolean;
}

/** A run without an end, so that its speed does not matter. */
async function runUntil({ checkpoint, disk, saved }: Course) {
  const saves: CheckpointEvent[] = [];
  let enough = false;
  const publish = (event: TrainEvent) => {
    if (event.type !== "checkpoint") return;
    saves.push(event);
    enough ||= saved(saves);
  };
  const options: TrainOptions = { ...pinned, workers: 2, epochs: 100_000, checkpoint };
  const error = await runJob(job, options, {
    emit: publish,
    stopRequested: () => enough,
    store: { disk },
  }).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return { saves, error };
}

/** The newest checkpoint must be whole, and of this step. */
async function expectNewest({ directory }: CheckpointOptions, disk: Disk, step: number): Promise<void> {
  const found = await findNewest(directory, disk);
  expect([found.checkpoint?.state.step, found.notes]).toEqual([step, []]);
}

/** Resumes from the newest checkpoint, which must be of this step, and checks the state some steps later. */
async function expectResumed(checkpoint: CheckpointOptions, disk: Disk, step: number): Promise<void> {
  await expectNewest(checkpoint, disk, step);
  const steps = step + 7;
  const events: TrainEvent[] = [];
  const hashOf = async (options: TrainOptions) =>
    (
      await runJob(
        job,
        { ...pinned, steps, ...options },
        { emit: (event) => events.push(event), store: { disk } },
      )
    ).weightsSha256;
  const resumed = await hashOf({ workers: 1, checkpoint, resume: "must" });
  expect(events.find(({ type }) => type === "resume")).toMatchObject({ step });
  expect(resumed).toBe(await hashOf({ workers: 1 }));
}

const directory = "/runs/mlp";
const cases: { called: string; incident: Incident; committed: Committed }[] = [
  {
    called: "no space for the weights",
    incident: { at: /^write .*model/, kind: "ENOSPC", done: true },
    committed: "no",
  },
  {
    called: "an error in writing the state",
    incident: { at: /^write .*state\.json/, kind: "EIO" },
    committed: "no",
  },
  {
    called: "an error in syncing the optimizer's state",
    incident: { at: /^sync .*optimizer/, kind: "EIO" },
    committed: "no",
  },
  {
    called: "no space that is found in syncing",
    incident: { at: /^sync .*state\.json/, kind: "ENOSPC" },
    committed: "no",
  },
  {
    called: "no space for the new name",
    incident: { at: /^rename .*\.writing/, kind: "ENOSPC" },
    committed: "no",
  },
  {
    called: "an error in renaming, which was done",
    incident: { at: /^rename .*\.writing/, kind: "EIO", done: true },
    committed: "perhaps",
  },
  {
    called: "an error in syncing the new name",
    incident: { at: /^syncDirectory \/runs\/mlp$/, kind: "EIO" },
    committed: "perhaps",
  },
];

const told = { no: "it is not saved; earlier checkpoints are unchanged", perhaps: "it may be in place" };

describe.each(cases)("$called", ({ incident, committed }) => {
  it("is told, and the run goes on", async () => {
    const disk = new SimulatedDisk();
    const checkpoint = { directory, everySteps: 4 };
    const { saves, error } = await runUntil({
      checkpoint,
      disk,
      saved: (all) => {
        if (all.length === 1) disk.incident = incident;
        return all.length > 2;
      },
    });
    expect(error).toBeUndefined();
    expect(saves.slice(0, 3).map((save) => save.committed)).toEqual(["yes", committed, "yes"]);
    const { step, path, error: message } = saves[1]!;
    expect(path).toBeUndefined();
    expect(message).toContain(`cannot save step ${step} in ${directory}: ${incident.kind}: simulated`);
    expect(message).toContain(told[committed]);
    await expectResumed(checkpoint, disk, saves.at(-1)!.step);
  });

  it("ends the run if it is to", async () => {
    const disk = new SimulatedDisk();
    const checkpoint = { directory, everySteps: 4, onError: "stop" } as const;
    const saved = (saves: readonly CheckpointEvent[]) => {
      if (saves.length === 1) disk.incident = incident;
      return false;
    };
    const { saves, error } = await runUntil({ checkpoint, disk, saved });
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error).toMatchObject({ committed, message: saves[1]!.error });
    expect(saves.map((save) => save.committed)).toEqual(["yes", committed]);
    await expectNewest(checkpoint, disk, saves[committed === "no" ? 0 : 1]!.step);
  });
});

it("a disk that is full for some time: every save fails until there is space", async () => {
  const disk = new SimulatedDisk();
  const checkpoint = { directory, everySteps: 4, keep: 2 };
  const { saves, error } = await runUntil({
    checkpoint,
    disk,
    saved: (all) => {
      if (all.length === 1)
        disk.incident = { at: /^(write|create|makeDirectory) /, kind: "ENOSPC", lasting: true };
      if (all.length === 4) disk.incident = undefined;
      return all.length > 4;
    },
  });
  expect(error).toBeUndefined();
  expect(saves.slice(0, 5).map(({ committed }) => committed)).toEqual(["yes", "no", "no", "no", "yes"]);
  // The failed saves left nothing, and older checkpoints went only when there were newer ones.
  expect((await disk.list(directory)).every((name) => name.startsWith("step-"))).toBe(true);
  await expectResumed(checkpoint, disk, saves.at(-1)!.step);
});

/** A file system of a MiB; undefined if this system cannot make one. */
function mountTiny(at: string): { unmount: () => void } | undefined {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return undefined;
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", at], { stdio: "ignore" });
  } catch {
    return undefined;
  }
  return { unmount: () => execFileSync("umount", [at]) };
}

/** Fills the disk. */
function fill(file: string): void {
  const opened = openSync(file, "w");
  try {
    for (;;) writeSync(opened, Buffer.alloc(4096));
  } catch (error) {
    if (codeOf(error) !== "ENOSPC") throw error;
  } finally {
    closeSync(opened);
  }
}

it("a real file system that is full", async ({ skip }) => {
  const root = mkdtempSync(join(tmpdir(), "shardgrad-full-"));
  const mounted = mountTiny(root);
  try {
    if (!mounted) return skip("needs the right to mount");
    const [ballast, directory] = [join(root, "ballast"), join(root, "runs")];
    const checkpoint = { directory, everySteps: 4, keep: 1 };
    const { saves, error } = await runUntil({
      checkpoint,
      disk: nodeDisk,
      saved: (all) => {
        if (all.length === 1) fill(ballast);
        if (all.length === 2) rmSync(ballast);
        return all.length > 2;
      },
    });
    expect(error).toBeUndefined();
    expect(saves.slice(0, 3).map(({ committed }) => committed)).toEqual(["yes", "no", "yes"]);
    expect(saves[1]!.error).toMatch(
      /cannot save step \d+ .*ENOSPC: no space left on device, write.*; free some space/,
    );
    expect(readdirSync(directory)).toEqual([expect.stringMatching(/^step-/)]);
    await expectResumed(checkpoint, nodeDisk, saves.at(-1)!.step);
  } finally {
    mounted?.unmount();
    rmSync(root, { recursive: true });
  }
});
