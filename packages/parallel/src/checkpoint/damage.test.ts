// Any change to a written checkpoint is noticed, and the previous checkpoint is used.
import { beforeEach, describe, expect, test } from "vitest";
import { sample, simulatedProcesses } from "../../testing/checkpoint-samples.ts";
import { SimulatedDisk } from "../../testing/simulated-disk.ts";
import { CheckpointError } from "../errors.ts";
import type { Disk } from "./disk.ts";
import { findNewest, loadNewest, readCheckpoint } from "./find-newest.ts";
import { openCheckpoints } from "./store.ts";

const directory = "/runs";
const newest = `${directory}/step-0000000002`;
const files = ["state.json", "model.safetensors", "optimizer.safetensors"];

/** A disk with checkpoints of steps 1 and 2. */
async function savedDisk(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk();
  const store = await openCheckpoints(
    directory,
    {},
    { disk, processes: simulatedProcesses(1, new Set([1])) },
  );
  for (const step of [1, 2]) await store.save(sample(step, { accuracy: 0.5, loss: Number.NaN }));
  await store.close();
  return disk;
}

let disk: SimulatedDisk;
beforeEach(async () => {
  disk = await savedDisk();
});

/** Both ways to look for the newest: one reads all of it, the other a part at a time. */
const finders = {
  whole: () => findNewest(directory, disk),
  "in parts": () => loadNewest(directory, disk, () => undefined),
};
let find: (typeof finders)[keyof typeof finders] = finders.whole;

async function expectPassedOver(reason: RegExp): Promise<void> {
  const { checkpoint, passedOver, notes } = await find();
  expect(checkpoint?.state.step).toBe(1);
  expect(passedOver).toEqual([{ name: "step-0000000002", reason: expect.stringMatching(reason) }]);
  expect(notes).toEqual([
    expect.stringMatching(/^checkpoint: step-0000000002 is damaged \([^\n]+\); step-0000000001 is used$/),
  ]);
}

describe.each(Object.entries(finders))("read %s", (_, finder) => {
  beforeEach(() => {
    find = finder;
  });

  test("what was not changed is whole", async () => {
    const { checkpoint, passedOver, notes } = await find();
    expect([checkpoint?.path, passedOver, notes]).toEqual([newest, [], []]);
    expect(checkpoint?.state).toEqual(sample(2, { accuracy: 0.5, loss: Number.NaN }).state);
  });

  describe.each(files)("%s", (file) => {
    const path = `${newest}/${file}`;

    test("with any byte changed, by one bit, to zero, or to the inverse", async () => {
      const original = await disk.read(path, Number.POSITIVE_INFINITY);
      for (let at = 0; at < original.length; at++) {
        for (const change of [1 << (at % 8), 1 << ((at + 5) % 8), 0xff, "zero"] as const) {
          const changed = change === "zero" ? 0 : original[at]! ^ change;
          disk.alter(path, () => original.with(at, changed));
          await expectPassedOver(/was changed|is cut off/);
        }
      }
    });

    test("cut off anywhere", async () => {
      const { length } = await disk.read(path, Number.POSITIVE_INFINITY);
      for (let kept = length - 1; kept >= 0; kept--) {
        disk.alter(path, (bytes) => bytes.subarray(0, kept));
        await expectPassedOver(/was changed|is cut off|has \d+ bytes, expected \d+/);
      }
    });

    test("with bytes added", async () => {
      disk.alter(path, (bytes) => Buffer.concat([bytes, Buffer.from("\n")]));
      await expectPassedOver(/is cut off or was changed|has more bytes than \d+|has \d+ bytes, expected \d+/);
    });

    test("missing", async () => {
      await disk.removeFile(path);
      await expectPassedOver(/^\S+ is missing$/);
    });

    test("unreadable", async () => {
      disk.incident = { at: disk.log.length + 1 + files.indexOf(file), kind: "EIO" };
      await expectPassedOver(/^\S+ cannot be read \(EIO\)$/);
    });

    test("that of another checkpoint", async () => {
      const other = await disk.read(`${directory}/step-0000000001/${file}`, Number.POSITIVE_INFINITY);
      disk.alter(path, () => other);
      await expectPassedOver(/was changed/);
    });
  });

  test("the whole of another checkpoint, under its name", async () => {
    for (const file of files) {
      const other = await disk.read(`${directory}/step-0000000001/${file}`, Number.POSITIVE_INFINITY);
      disk.alter(`${newest}/${file}`, () => other);
    }
    await expectPassedOver(/^it is of step 1$/);
  });
});

test("with none left, nothing is found, and every reason is told", async () => {
  for (const step of [1, 2]) await disk.removeFile(`${directory}/step-000000000${step}/state.json`);
  expect(await findNewest(directory, disk)).toEqual({
    passedOver: ["step-0000000002", "step-0000000001"].map((name) => ({
      name,
      reason: "state.json is missing",
    })),
    notes: [
      "checkpoint: step-0000000002 is damaged (state.json is missing); there is no other",
      "checkpoint: step-0000000001 is damaged (state.json is missing); there is no other",
    ],
  });
});

test("in a directory that is empty, or is not there, nothing is found", async () => {
  await disk.makeDirectory("/empty");
  for (const path of ["/empty", "/nowhere"]) {
    expect(await findNewest(path, disk)).toEqual({ passedOver: [], notes: [] });
  }
});

test("a damaged one is neither counted among the last nor removed", async () => {
  disk.alter(`${newest}/state.json`, (bytes) => bytes.subarray(1));
  const processes = simulatedProcesses(1, new Set([1]));
  const store = await openCheckpoints(directory, { keepLast: 2 }, { disk, processes });
  expect((await store.save(sample(3))).removed).toEqual([]);
  expect((await store.save(sample(4))).removed).toEqual(["step-0000000001"]);
  await store.close();
  expect((await disk.list(directory)).sort()).toEqual([2, 3, 4].map((step) => `step-000000000${step}`));
});

test("one that its writer removes while it is read is not taken for damaged: a newer one is there", async () => {
  const processes = simulatedProcesses(1, new Set([1]));
  const store = await openCheckpoints(directory, { keepLast: 1 }, { disk, processes });
  let saved = false;
  const read = async (path: string, most: number) => {
    if (path.endsWith("model.safetensors") && !saved) {
      saved = true;
      await store.save(sample(3));
    }
    return disk.read(path, most);
  };
  const reader: Disk = Object.assign(Object.create(disk) as Disk, { list: disk.list.bind(disk), read });
  const { checkpoint, notes } = await findNewest(directory, reader);
  expect([checkpoint?.state.step, notes]).toEqual([3, []]);
  await store.close();
});

describe("an error, where there is no telling", () => {
  test("a disk that refuses is not taken for damage", async () => {
    disk.incident = { at: disk.log.length + 1, kind: "EACCES" };
    await expect(findNewest(directory, disk)).rejects.toThrow(
      /^checkpoint: cannot read \/runs: EACCES: .*; look at the disk and its permissions$/,
    );
  });

  test("one that is asked for by its path", async () => {
    expect((await readCheckpoint(newest, disk)).state.step).toBe(2);
    disk.alter(`${newest}/model.safetensors`, (bytes) => bytes.with(3, 1));
    const error = await readCheckpoint(newest, disk).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(CheckpointError);
    expect((error as Error).message).toBe(
      "checkpoint: /runs/step-0000000002 is damaged: model.safetensors was changed: its SHA-256 does not fit; use another one",
    );
  });
});
