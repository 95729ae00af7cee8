// One writer per directory: against processes that live, are dead, or run elsewhere, and for every interleaving of two
// that try.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setImmediate } from "node:timers/promises";
import { describe, expect, it, test } from "vitest";
import { simulatedProcesses } from "../../testing/checkpoint-samples.ts";
import type { Task } from "../../testing/interleavings.ts";
import { everyInterleaving } from "../../testing/interleavings.ts";
import { SimulatedDisk } from "../../testing/simulated-disk.ts";
import { CheckpointError } from "../errors.ts";
import type { Disk } from "./disk.ts";
import type { Lock } from "./lock.ts";
import { takeLock } from "./lock.ts";
import { nodeProcesses } from "./processes.ts";

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
    await takeLock(disk, directory, simulatedProcesses(1, new Set([1]), { host: "there" }));
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

describe("a lock of another PID namespace, where numbers of processes mean something else,", () => {
  const taken = async (signs?: Set<string>) => {
    const disk = await emptyDisk();
    const container = { host: "container", kernel: "kernel", namespace: "its own", ...(signs && { signs }) };
    await takeLock(disk, directory, simulatedProcesses(7, new Set([7]), container));
    const machine = { kernel: "kernel", ...(signs && { signs }) };
    // Whether or not a process 7 exists here, that proves nothing.
    const take = (alive: number[]) =>
      takeLock(disk, directory, simulatedProcesses(8, new Set(alive), machine));
    return { disk, take };
  };

  it.each([[[7, 8]], [[8]]])(
    "is respected while its process gives a sign of life; here are %j",
    async (alive) => {
      const { disk, take } = await taken(new Set());
      await expect(take(alive)).rejects.toThrow(
        /^checkpoint: \/runs is in use by process 7 in another container; use another directory, or end that process$/,
      );
      expect(await disk.list(directory)).toEqual(["lock"]);
    },
  );

  it.each([[[7, 8]], [[8]]])("is taken over once its process has ended; here are %j", async (alive) => {
    const signs = new Set<string>();
    const { take } = await taken(signs);
    signs.clear();
    expect((await take(alive)).note).toBe("checkpoint: the lock of process 7, which is gone, was taken over");
  });

  it.each([[[7, 8]], [[8]]])("is respected where there are no signs of life; here are %j", async (alive) => {
    const { take } = await taken();
    await expect(take(alive)).rejects.toThrow(
      /in another container; .* or remove \/runs\/lock if it is gone$/,
    );
  });
});

describe("the lock in a copy of a directory in use", () => {
  const copy = async (other: Parameters<typeof simulatedProcesses>[2]) => {
    const disk = await emptyDisk();
    await takeLock(disk, directory, simulatedProcesses(1, new Set([1]), other));
    await disk.makeDirectory("/copy");
    const file = await disk.create("/copy/lock");
    await file.write(await disk.read(`${directory}/lock`, 1000));
    await file.close();
    return disk;
  };

  it.each([
    ["of this machine", {}],
    ["of another container", { namespace: "its own" }],
    ["of another machine", { host: "there" }],
  ])("%s is void, and that of the directory is not", async (_, other) => {
    const disk = await copy(other);
    const processes = simulatedProcesses(2, new Set([1, 2]));
    const lock = await takeLock(disk, "/copy", processes);
    expect(lock.note).toBe(
      "checkpoint: the lock of process 1, which was copied with the directory, was taken over",
    );
    await expect(takeLock(disk, directory, processes)).rejects.toThrow(/^checkpoint: \/runs is in use by/);
  });
});

/** Waits for its turn before everything that the other process can see. Drafts are private. */
function inTurns(disk: Disk, turn: () => Promise<void>): Disk {
  const gated = <A extends unknown[], R>(act: (...args: A) => Promise<R>) => {
    return async (...args: A) => {
      if (args.every((path) => !/\.lock-[^/]*$/.test(String(path))) || typeof args[1] === "string")
        await turn();
      return act.apply(disk, args);
    };
  };
  return Object.assign(Object.create(disk) as Disk, {
    create: (path: string) => disk.create(path),
    identityOf: (path: string) => disk.identityOf(path),
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

test("a process that has ended is not there, though nobody has asked how it ended", async ({ skip }) => {
  if (process.platform !== "linux") return skip("needs /proc");
  // The shell replaces itself with a program that never waits for its child, before the child has ended.
  const parent = spawn("sh", ["-c", "sleep 0.2 & echo $!; exec sleep 60"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  try {
    const [line] = await once(parent.stdout, "data");
    const pid = Number(line);
    while (nodeProcesses.incarnation(pid) !== undefined) await setImmediate();
    expect(() => process.kill(pid, 0)).not.toThrow();
  } finally {
    parent.kill("SIGKILL");
    await once(parent, "exit");
  }
});
