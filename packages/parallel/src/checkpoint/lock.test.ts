// One writer per directory: against processes that live, have died, or are elsewhere, and in every order of two that try.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it, test } from "vitest";
import { simulatedProcesses } from "../../scripts/checkpoint-samples.ts";
import type { Task } from "../../scripts/interleavings.ts";
import { everyInterleaving } from "../../scripts/interleavings.ts";
import { SimulatedDisk } from "../../scripts/simulated-disk.ts";
import { CheckpointError } from "../errors.ts";
import type { Disk } from "./disk.ts";
import type { Lock } from "./lock.ts";
import { nodeProcesses, takeLock } from "./lock.ts";

const directory = "/runs";

async function emptyDisk(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk();
  await disk.makeDirectory(directory);
  return disk;
}

describe("a lock", () => {
  it("is for one process, until it is released", async () => {
    const disk = await emptyDisk();
    const alive = new Set([1, 2]);
    const first = await takeLock(disk, directory, simulatedProcesses(1, alive));
    expect(first.note).toBeUndefined();
    await first.check();
    const second = () => takeLock(disk, directory, simulatedProcesses(2, alive));
    await expect(second()).rejects.toThrow(CheckpointError);
    await expect(second()).rejects.toThrow(
      /^checkpoint: \/runs is in use by process 1; use another directory, or end that process$/,
    );
    await first.release();
    await (await second()).release();
    expect(await disk.list(directory)).toEqual([]);
  });

  it("is refused to its own process, too", async () => {
    const disk = await emptyDisk();
    const processes = simulatedProcesses(1, new Set([1]));
    await takeLock(disk, directory, processes);
    await expect(takeLock(disk, directory, processes)).rejects.toThrow(/in use by process 1/);
  });

  it("of a process that is gone is taken over, which is noted", async () => {
    const disk = await emptyDisk();
    await takeLock(disk, directory, simulatedProcesses(1, new Set([1])));
    const lock = await takeLock(disk, directory, simulatedProcesses(2, new Set([2])));
    expect(lock.note).toBe("checkpoint: the lock of process 1, which is gone, was taken over");
    await lock.check();
    expect(await disk.list(directory)).toEqual(["lock"]);
  });

  it("of a process whose number another one has now is taken over", async () => {
    const disk = await emptyDisk();
    await takeLock(disk, directory, simulatedProcesses(1, new Set([1])));
    const later = { ...simulatedProcesses(1, new Set([1])), incarnation: () => "another life" };
    expect((await takeLock(disk, directory, later)).note).toMatch(/process 1, which is gone/);
  });

  it("that a power cut has left without its content is taken over", async () => {
    const disk = await emptyDisk();
    await takeLock(disk, directory, simulatedProcesses(1, new Set([1])));
    disk.alter(`${directory}/lock`, () => new Uint8Array());
    const lock = await takeLock(disk, directory, simulatedProcesses(2, new Set([1, 2])));
    expect(lock.note).toBe("checkpoint: the lock of process (unknown), which is gone, was taken over");
  });

  it("of another machine is respected, for there is no asking", async () => {
    const disk = await emptyDisk();
    await takeLock(disk, directory, simulatedProcesses(1, new Set([1]), "there"));
    await expect(takeLock(disk, directory, simulatedProcesses(2, new Set([2])))).rejects.toThrow(
      /^checkpoint: \/runs is in use by process 1 on there; use another directory, or remove \/runs\/lock if it is gone$/,
    );
    expect(await disk.list(directory)).toEqual(["lock"]);
  });

  it("that was removed or taken is not ours any more, nor given up", async () => {
    const disk = await emptyDisk();
    const lock = await takeLock(disk, directory, simulatedProcesses(1, new Set([1])));
    await disk.removeFile(`${directory}/lock`);
    await expect(lock.check()).rejects.toThrow(/^checkpoint: the lock of \/runs was lost to another process/);
    const other = await takeLock(disk, directory, simulatedProcesses(2, new Set([2])));
    await expect(lock.check()).rejects.toThrow(CheckpointError);
    await lock.release();
    await other.check();
  });
});

/** Waits for its turn before everything that the other process may see. Drafts are a process's own. */
function inTurns(disk: Disk, turn: () => Promise<void>): Disk {
  const gated = <A extends unknown[], R>(act: (...args: A) => Promise<R>) => {
    return async (...args: A) => {
      if (args.every((path) => !/\.lock-[^/]*$/.test(String(path))) || args.length === 2) await turn();
      return act.apply(disk, args);
    };
  };
  return Object.assign(Object.create(disk) as Disk, {
    create: (path: string) => disk.create(path),
    read: gated(disk.read),
    link: gated(disk.link),
    rename: gated(disk.rename),
    removeFile: gated(disk.removeFile),
  });
}

test.each([
  ["a directory that is free", false, 2],
  ["a lock whose process is gone", true, 58],
])(
  "in every order of two processes that want %s, one gets it and the other knows",
  async (_, stale, orders) => {
    const alive = new Set([1, 2]);
    let disk: SimulatedDisk;
    const start = async (): Promise<Task<Lock>[]> => {
      disk = await emptyDisk();
      if (stale) await takeLock(disk, directory, simulatedProcesses(3, new Set([3])));
      return [1, 2].map(
        (pid) => (turn) => takeLock(inTurns(disk, turn), directory, simulatedProcesses(pid, alive)),
      );
    };
    const count = await everyInterleaving(start, async (results) => {
      const locks = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
      expect(locks).toHaveLength(1);
      await locks[0]!.check();
      for (const result of results) {
        if (result.status === "rejected") expect(result.reason).toBeInstanceOf(CheckpointError);
      }
      expect(await disk.list(directory)).toEqual(["lock"]);
    });
    expect(count).toBe(orders);
  },
);

test("this process is there, and one that has ended is not", async () => {
  const { pid, incarnation } = nodeProcesses;
  expect(incarnation(pid)).toBe(incarnation(pid));
  expect(incarnation(process.ppid)).not.toBe(incarnation(pid));
  const child = spawn(process.execPath, ["--version"], { stdio: "ignore" });
  await once(child, "exit");
  expect(incarnation(child.pid!)).toBeUndefined();
});
