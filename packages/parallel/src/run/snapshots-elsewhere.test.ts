// Runs that keep their snapshots in a file, or none. They restart and save to the same bits as one that has them in
// memory, and leave nothing behind. What they cannot do is told in one line.
import { mkdtempSync, readdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { Faults } from "../../testing/faults.ts";
import { runJob } from "../../testing/run-job.ts";
import { SimulatedDisk } from "../../testing/simulated-disk.ts";
import { JobError, phases, SnapshotError, WorkerError } from "../errors.ts";
import type { RestartEvent, StartEvent, TrainEvent } from "../events.ts";
import type { TrainOptions } from "../plan/train-options.ts";
import type { SnapshotsChoice } from "../shared/snapshots/snapshot-slots.ts";
import { SnapshotFile } from "./snapshot-file.ts";

const job = new URL("../../../../test/jobs/dropout.ts", import.meta.url).href;
const places: readonly SnapshotsChoice[] = ["memory", "disk", "off"];

// 5 steps an epoch: step 10 ends one, so it has every phase.
const options = { workers: 2, shards: 8, epochs: 3, kernels: "wasm" } as const;

let folder: string;
const temporary = process.env.TMPDIR;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "shardgrad-elsewhere-"));
  process.env.TMPDIR = folder;
});
afterEach(() => {
  vi.restoreAllMocks();
  expect(readdirSync(folder)).toEqual([]);
});
afterAll(() => {
  if (temporary === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = temporary;
  rmSync(folder, { recursive: true });
});

async function run(more: TrainOptions, faults: Faults = [], disk = new SimulatedDisk()) {
  const events: TrainEvent[] = [];
  const emit = (event: TrainEvent) => events.push(event);
  const result = await runJob(job, { ...options, ...more }, { emit, faults, store: { disk } });
  const epochs = events.flatMap((event) =>
    event.type === "epoch" ? [[event.epoch, event.loss, event.metrics]] : [],
  );
  const restarts = events.filter((event): event is RestartEvent => event.type === "restart");
  const start = events.find((event): event is StartEvent => event.type === "start")!;
  return { ended: { weightsSha256: result.weightsSha256, epochs }, restarts, start };
}

/** The error that a run ends with. */
const failureOf = (...args: Parameters<typeof run>) =>
  run(...args).then(
    () => undefined,
    (error: unknown) => error,
  );

it("a worker that ends in any phase: snapshots in a file lead to the bits of an undisturbed run", async () => {
  const { ended } = await run({ workers: 1 });
  const faults = phases
    .filter((phase) => phase !== "idle")
    .map((phase, i) => ({ rank: i % 2, step: 10, phase, how: i % 3 ? "process.exit" : "throw" }) as const);
  const restarting = { snapshots: "disk", snapshotEvery: 2, restarts: faults.length } as const;
  const disturbed = await run(restarting, faults);
  expect(disturbed.restarts.map(({ phase, fromStep }) => [phase, fromStep])).toEqual(
    faults.map(({ phase }) => [phase, 8]),
  );
  expect(disturbed.ended).toEqual(ended);
});

it("only snapshots in memory count there", async () => {
  const counted = places.map(async (snapshots) => {
    const { start } = await run({ snapshots, steps: 1 });
    return start.memory.rows.find(({ what }) => what === "snapshots")?.count ?? 0;
  });
  expect(await Promise.all(counted)).toEqual([2, 0, 0]);
});

/** A disk so slow that a run does many steps in the time of one save. */
function slowDisk(): SimulatedDisk {
  const disk = new SimulatedDisk();
  const create = disk.create.bind(disk);
  disk.create = async (path) => {
    await sleep(20);
    return create(path);
  };
  return disk;
}

const directory = "/runs/elsewhere";

/** The files with tensors of all checkpoints. */
async function tensorsOn(disk: SimulatedDisk): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const name of (await disk.list(directory)).filter((name) => name.startsWith("step-")))
    for (const file of (await disk.list(`${directory}/${name}`)).filter((file) => file !== "state.json"))
      files[`${name}/${file}`] = Buffer.from(await disk.read(`${directory}/${name}/${file}`, 1e6)).toString(
        "hex",
      );
  return files;
}

describe("checkpoints are of one moment, and the same wherever snapshots are", () => {
  it.each<[string, TrainOptions]>([
    ["by all workers", {}],
    ["by the coordinator", { reduce: "coordinator" }],
    ["apart", { syncEvery: 2 }],
  ])("averaged %s", async (_, more) => {
    const checkpoint = { directory, everySteps: 4, everyEpochs: 1, keep: 100, best: { metric: "accuracy" } };
    const saved = places.map(async (snapshots) => {
      const disk = slowDisk();
      const { ended } = await run({ ...more, snapshots, checkpoint }, [], disk);
      return { ended, files: await tensorsOn(disk) };
    });
    const [inMemory, onDisk, off] = await Promise.all(saved);
    const last = Object.keys(inMemory!.files).filter((name) => name.startsWith("step-0000000015"));
    expect(last).toHaveLength(2);
    for (const other of [onDisk!, off!]) {
      expect(other.ended).toEqual(inMemory!.ended);
      // What falls due while another one is written is saved later, if snapshots do not wait for the disk.
      const common = Object.keys(other.files).filter((name) => inMemory!.files[name] !== undefined);
      expect(common.length).toBeGreaterThan(2);
      for (const name of common) expect(other.files[name], name).toBe(inMemory!.files[name]);
    }
    const steps = [4, 5, 8, 10, 12, 15].map((step) => `step-${String(step).padStart(10, "0")}`);
    expect([...new Set(Object.keys(off!.files).map((name) => name.split("/")[0]))].sort()).toEqual(
      more.syncEvery ? expect.arrayContaining(["step-0000000005"]) : steps,
    );
  });
});

describe("without snapshots", () => {
  const faults: Faults = [{ rank: 1, step: 10, phase: "update", how: "throw" }];

  it("a failing worker ends the run", async () => {
    const error = await failureOf({ snapshots: "off" }, faults);
    expect(error).toBeInstanceOf(WorkerError);
    expect((error as Error).message).toBe(
      'train: worker 1 failed in step 10 (update): RangeError: injected; it is not restarted: snapshots is "off"',
    );
  });

  it("which another run resumes from its last checkpoint, to the same bits", async () => {
    const disk = new SimulatedDisk();
    const saving = { snapshots: "off", checkpoint: { directory, everySteps: 3 } } as const;
    const error = await failureOf(saving, faults, disk);
    expect((error as Error).message).toMatch(
      /; it is not restarted: snapshots is "off"; resume it from the checkpoint of step 9$/,
    );
    const { ended } = await run({ ...saving, resume: "must" }, [], disk);
    expect(ended.weightsSha256).toBe((await run({})).ended.weightsSha256);
  });

  it.each([
    [{ restarts: 2 }, "leave restarts out"],
    [{ snapshotEvery: 2 }, "leave snapshotEvery out"],
  ])("%o makes no sense", async (more, advice) => {
    const error = await failureOf({ snapshots: "off", ...more });
    expect(error).toBeInstanceOf(JobError);
    expect((error as Error).message).toBe(
      `train: snapshots is "off", so a run cannot restart; ${advice}, or use snapshots: "disk"`,
    );
  });
});

describe.runIf(process.platform === "linux")("a disk that is full ends the run in one line", () => {
  const full =
    /^train: cannot write snapshots in .*: ENOSPC: no space left on device, write; make room there, or /;

  it("at its start", async () => {
    vi.spyOn(SnapshotFile, "open").mockReturnValue({
      path: "/dev/full",
      folder,
      close: () => undefined,
    } as SnapshotFile);
    const error = await failureOf({ snapshots: "disk" });
    expect(error).toBeInstanceOf(SnapshotError);
    expect((error as Error).message).toMatch(full);
  });

  it("in the middle, when a worker finds out", async () => {
    const { open } = SnapshotFile;
    let path = "";
    vi.spyOn(SnapshotFile, "open").mockImplementation((bytes) => {
      const file = open(bytes, () => undefined);
      path = file.path;
      return file;
    });
    const emit = (event: TrainEvent) => {
      if (event.type !== "epoch" || event.epoch !== 1) return;
      // In one go: a worker may open the file at any moment.
      symlinkSync("/dev/full", `${path}-full`);
      renameSync(`${path}-full`, path);
    };
    const endless = { ...options, epochs: 100_000, snapshots: "disk", snapshotEvery: 2 } as const;
    const error = await runJob(job, endless, { emit }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(SnapshotError);
    expect((error as Error).message).toMatch(full);
  });
});
