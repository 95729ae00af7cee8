// A save fails or is interrupted at each of its operations, on a simulated disk. The newest intact checkpoint is then
// the old one or the new one, never a torn one, and an error says which.
import { describe, expect, test } from "vitest";
import { sample, simulatedProcesses, simulatedToken } from "../../testing/checkpoint-samples.ts";
import type { Incident } from "../../testing/simulated-disk.ts";
import { Crash, SimulatedDisk } from "../../testing/simulated-disk.ts";
import { CheckpointError } from "../errors.ts";
import { findNewest } from "./find-newest.ts";
import { openCheckpoints } from "./store.ts";

const directory = "/runs/mnist";
const old = sample(700);
const fresh = sample(800);
/** The name of drafts of process 2's store. */
const token = simulatedToken(2, 2);

/** A disk with one checkpoint, of step 700, and no drafts. */
async function startingDisk(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk();
  const store = await openCheckpoints(
    directory,
    {},
    { disk, processes: simulatedProcesses(1, new Set([1])) },
  );
  await store.save(old);
  await store.close();
  return disk.afterCrash();
}

type Outcome = "saved" | "no" | "perhaps" | "not opened";

/** Opens, saves step 800, which removes step 700, and closes, with an incident on the way. */
async function run(disk: SimulatedDisk, incident?: Incident): Promise<{ outcome: Outcome; error?: unknown }> {
  disk.incident = incident;
  let outcome: Outcome = "not opened";
  try {
    const processes = simulatedProcesses(2, new Set([2]));
    const store = await openCheckpoints(directory, { keepLast: 1 }, { disk, processes });
    outcome = "no";
    await store.save(fresh);
    outcome = "saved";
    await store.close();
  } catch (error) {
    if (error instanceof CheckpointError && error.committed) outcome = error.committed;
    return { outcome, error };
  }
  return { outcome };
}

/** The operations of an undisturbed run. */
const operations = startingDisk().then(async (disk) => {
  expect(await run(disk)).toEqual({ outcome: "saved" });
  return disk.log;
});

/** The step of the newest checkpoint, after checking that it is intact. */
async function newestStep(disk: SimulatedDisk): Promise<number> {
  const { checkpoint, passedOver } = await findNewest(directory, disk);
  expect(passedOver).toEqual([]);
  const { state, files } = checkpoint!;
  const expected = state.step === 700 ? old : fresh;
  const texts = (bytes: typeof files) => Object.values(bytes).map((file) => Buffer.from(file).toString());
  expect([state, ...texts(files)]).toEqual([expected.state, ...texts(expected.files)]);
  return state.step;
}

/** A new process can open and save, and leaves nothing but checkpoints. */
async function expectRecovery(disk: SimulatedDisk): Promise<void> {
  const store = await openCheckpoints(
    directory,
    { keepLast: 1 },
    { disk, processes: simulatedProcesses(3, new Set([3])) },
  );
  await store.save(sample(900));
  await store.close();
  expect(await disk.list(directory)).toEqual(["step-0000000900"]);
}

test("a save does what it says, in this order", async () => {
  const draft = `${directory}/.writing-${token}-1`;
  const removing = `${directory}/.removing-${token}-2`;
  const log = await operations;
  const start = log.indexOf(`makeDirectory ${draft}`);
  expect(log.slice(start, log.indexOf(`removeDirectory ${removing}`) + 1)).toEqual([
    `makeDirectory ${draft}`,
    ...["model.safetensors", "optimizer.safetensors", "state.json"].flatMap((name) =>
      ["create", "write", "sync", "close"].map((operation) => `${operation} ${draft}/${name}`),
    ),
    `syncDirectory ${draft}`,
    `list ${directory}`,
    `rename ${draft}`,
    `syncDirectory ${directory}`,
    `list ${directory}`,
    `kindOf ${directory}/step-0000000800`,
    `kindOf ${directory}/step-0000000700`,
    `read ${directory}/step-0000000700/state.json`,
    `rename ${directory}/step-0000000700`,
    `syncDirectory ${directory}`,
    `list ${removing}`,
    ...["model.safetensors", "optimizer.safetensors", "state.json"].flatMap((name) =>
      ["kindOf", "removeFile"].map((operation) => `${operation} ${removing}/${name}`),
    ),
    `removeDirectory ${removing}`,
  ]);
});

/** The steps that the newest checkpoint may have, given the outcome of the save. */
const allowed: Record<Outcome, number[]> = {
  "not opened": [700],
  no: [700],
  perhaps: [700, 800],
  saved: [800],
};

describe("after any operation", () => {
  test("the process may die", async () => {
    const { length } = await operations;
    const found: number[] = [];
    for (let at = 0; at < length; at++) {
      const disk = await startingDisk();
      const { outcome, error } = await run(disk, { at, kind: "crash" });
      expect(error).toBeDefined();
      const visible = disk.afterCrash();
      const step = await newestStep(visible);
      // It may have died with the new one in place, before it could report it.
      expect(outcome === "saved" ? [800] : [700, 800]).toContain(step);
      found.push(step);
      await expectRecovery(visible);
    }
    // First the old one, then the new one: the change happens at one moment.
    expect(found).toEqual(found.toSorted());
    expect(new Set(found)).toEqual(new Set([700, 800]));
  });

  test("the power may go", async () => {
    const { length } = await operations;
    const seen = new Set<string>();
    for (let at = 0; at < length; at++) {
      const disk = await startingDisk();
      const { outcome } = await run(disk, { at, kind: "crash" });
      for (const remains of disk.afterPowerCut()) {
        const key = `${outcome === "saved"} ${remains}`;
        if (seen.has(key)) continue;
        seen.add(key);
        expect(outcome === "saved" ? [800] : [700, 800]).toContain(await newestStep(remains));
        await expectRecovery(remains);
      }
    }
    expect(seen.size).toBeGreaterThan(100);
  });
});

test("the first checkpoint of all survives a power cut, with the directories that were made for it", async () => {
  const disk = new SimulatedDisk();
  const processes = simulatedProcesses(1, new Set([1]));
  const store = await openCheckpoints(directory, {}, { disk, processes });
  await store.save(old);
  for (const remains of disk.afterPowerCut()) expect(await newestStep(remains)).toBe(700);
});

describe.each(["ENOSPC", "EIO", "EACCES"] as const)("at any operation, %s", (kind) => {
  test.each([
    ["once", {}],
    ["once, although the operation is done", { done: true }],
    ["from then on", { lasting: true }],
    ["from then on, although the operation is done", { lasting: true, done: true }],
  ])("%s", async (_, how) => {
    const { length } = await operations;
    const outcomes = new Set<Outcome>();
    const seen = new Set<string>();
    for (let at = 0; at < length; at++) {
      const disk = await startingDisk();
      const { outcome, error } = await run(disk, { at, kind, ...how });
      outcomes.add(outcome);
      if (error !== undefined) {
        expect(error).toBeInstanceOf(CheckpointError);
        expect((error as Error).message).toMatch(/^checkpoint: [^\n]+$/);
        expect((error as Error).message).toContain(kind);
      }
      const visible = disk.afterCrash();
      const step = await newestStep(visible);
      expect(allowed[outcome], `${outcome} at ${disk.log[at]}`).toContain(step);
      for (const remains of disk.afterPowerCut()) {
        const key = `${outcome} ${remains}`;
        if (seen.has(key)) continue;
        seen.add(key);
        expect(allowed[outcome]).toContain(await newestStep(remains));
      }
      await expectRecovery(visible);
    }
    expect([...outcomes].sort()).toEqual(["no", "not opened", "perhaps", "saved"]);
  });
});

test("an open that failed gives up the lock", async () => {
  const disk = await startingDisk();
  const processes = simulatedProcesses(2, new Set([2]));
  const open = () => openCheckpoints(directory, {}, { disk, processes });
  disk.incident = { at: (await operations).indexOf(`list ${directory}`), kind: "EIO" };
  await expect(open()).rejects.toThrow(/^checkpoint: cannot open \/runs\/mnist: EIO: .*; look at the disk$/);
  await (await open()).close();
});

test("saves that are asked for at once are done one after another", async () => {
  const disk = await startingDisk();
  const processes = simulatedProcesses(2, new Set([2]));
  const store = await openCheckpoints(directory, {}, { disk, processes });
  await Promise.all([801, 802, 803].map((step) => store.save(sample(step))));
  const saves = disk.log.flatMap((line) => /\.writing-[\d-]{36}-(\d)/.exec(line)?.[1] ?? []);
  expect(new Set(saves)).toEqual(new Set(["1", "2", "3"]));
  expect(saves).toEqual(saves.toSorted());
});

describe("after a save that failed", () => {
  test("the next one succeeds, also of the same step", async () => {
    const disk = await startingDisk();
    const processes = simulatedProcesses(2, new Set([2]));
    const store = await openCheckpoints(directory, {}, { disk, processes });
    disk.incident = { at: disk.log.length + 8, kind: "ENOSPC" };
    const failed = store.save(fresh);
    const next = store.save(fresh);
    await expect(failed).rejects.toMatchObject({
      committed: "no",
      message: expect.stringMatching(
        /^checkpoint: cannot save step 800 in \/runs\/mnist: ENOSPC: .*; it is not saved; earlier checkpoints are unchanged; free some space, or keep fewer checkpoints$/,
      ),
    });
    expect(await next).toMatchObject({ path: `${directory}/step-0000000800`, notes: [] });
    expect(await disk.list(directory)).toEqual(["step-0000000700", "lock", "step-0000000800"]);
    await store.close();
  });

  test("a checkpoint that may be in place is not written over", async () => {
    const disk = await startingDisk();
    const processes = simulatedProcesses(2, new Set([2]));
    const store = await openCheckpoints(directory, {}, { disk, processes });
    const rename = (await operations).indexOf(`rename ${directory}/.writing-${token}-1`);
    disk.incident = { at: rename, kind: "EIO", done: true };
    await expect(store.save(fresh)).rejects.toMatchObject({
      committed: "perhaps",
      message: expect.stringMatching(
        /; it may be in place, but might not survive a power cut; look at the disk$/,
      ),
    });
    expect((await store.save(fresh)).path).toBe(`${directory}/step-0000000800-2`);
    const { checkpoint } = await store.findNewest();
    expect(checkpoint!.path).toBe(`${directory}/step-0000000800-2`);
    await store.close();
  });

  test("of an older one's removal, the new one is saved, and a note says so", async () => {
    const disk = await startingDisk();
    const processes = simulatedProcesses(2, new Set([2]));
    const store = await openCheckpoints(directory, { keepLast: 1 }, { disk, processes });
    disk.incident = { at: (await operations).indexOf(`rename ${directory}/step-0000000700`), kind: "EIO" };
    const { removed, notes } = await store.save(fresh);
    expect(removed).toEqual([]);
    expect(notes).toEqual([
      expect.stringMatching(
        /^checkpoint: an older one could not be removed from \/runs\/mnist: EIO: simulated/,
      ),
    ]);
    await store.close();
  });
});

test("a dead process says nothing more", async () => {
  const disk = await startingDisk();
  disk.incident = { at: 0, kind: "crash" };
  await expect(disk.list("/")).rejects.toThrow(Crash);
  await expect(disk.list("/")).rejects.toThrow(Crash);
  expect(disk.log).toHaveLength(1);
});
