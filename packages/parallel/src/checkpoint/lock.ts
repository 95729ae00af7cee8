// One writer per directory: a lock file that names its process. It appears whole or not at all (it is linked, not
// written, into place), and one whose process is gone is taken over. If ever two processes take over the same one at the
// same moment, the loser is told at its next save, and nothing is lost: writers never touch each other's files.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { CheckpointError } from "../errors.ts";
import type { Disk } from "./disk.ts";
import { codeOf } from "./disk.ts";

/** What is known of processes. */
export interface Processes {
  host: string;
  pid: number;
  /** A name of its own for everything that asks. */
  token(): string;
  /** Tells apart processes that had the same number one after another; undefined if there is none of this number. */
  incarnation(pid: number): string | undefined;
}

/** The machine's own processes. */
export const nodeProcesses: Processes = {
  host: hostname(),
  pid: process.pid,
  token: randomUUID,
  incarnation(pid) {
    try {
      process.kill(pid, 0);
    } catch (error) {
      // EPERM: it is there, but somebody else's.
      if (codeOf(error) === "ESRCH") return undefined;
    }
    try {
      // Field 22, the time it started since the machine did; field 2 is a name, which may hold anything but ends with `)`.
      const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ").at(-1)!.split(" ");
      return `${readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim()} ${fields[19]}`;
    } catch {
      return "unknown";
    }
  },
};

/** The directory is ours. */
export interface Lock {
  /** Whose lock was taken over because its process was gone, in words. */
  note: string | undefined;
  /** Throws a CheckpointError if the lock is no longer ours. */
  check(): Promise<void>;
  /** Gives it up; nothing happens if it is no longer ours. */
  release(): Promise<void>;
}

/** A lock may be given up, or taken over, just before it is read; not for ever. */
const mostTries = 100;

interface Owner {
  host: string;
  pid: number;
  incarnation: string;
  token: string;
}

export const lockName = "lock";
/** Lock files on their way in or out are called so, with the number of their process. */
export const lockLeftover = /^\.lock-(\d+)-/;

/** Who holds a lock; undefined if its text was cut off, as only a power cut does it. */
function ownerIn(text: string): Owner | undefined {
  try {
    const owner = JSON.parse(text) as Owner;
    return Number.isSafeInteger(owner.pid) ? owner : undefined;
  } catch {
    return undefined;
  }
}

async function readText(disk: Disk, path: string): Promise<string | undefined> {
  try {
    return Buffer.from(await disk.read(path)).toString();
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** True if the file got its second name, false if that is taken. */
async function tryLink(disk: Disk, from: string, to: string): Promise<boolean> {
  try {
    await disk.link(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

function refuse(directory: string, owner: Owner, elsewhere: boolean): never {
  const who = `process ${owner.pid}${elsewhere ? ` on ${owner.host}` : ""}`;
  const remedy = elsewhere
    ? `use another directory, or remove ${join(directory, lockName)} if it is gone`
    : "use another directory, or end that process";
  throw new CheckpointError(`checkpoint: ${directory} is in use by ${who}; ${remedy}`);
}

/** Throws if the lock's process is there, or may be. */
function requireStale(directory: string, text: string, processes: Processes): void {
  const owner = ownerIn(text);
  if (!owner) return;
  if (owner.host !== processes.host) refuse(directory, owner, true);
  if (processes.incarnation(owner.pid) === owner.incarnation) refuse(directory, owner, false);
}

/** Moves a lock out of the way, if it still is the one that was found to be stale. */
async function takeAway(disk: Disk, path: string, aside: string, stale: string): Promise<void> {
  try {
    await disk.rename(path, aside);
  } catch (error) {
    // Somebody else was faster.
    if (codeOf(error) === "ENOENT") return;
    throw error;
  }
  // Or somebody else was faster and has locked since: that one is put back.
  if ((await readText(disk, aside)) !== stale) await tryLink(disk, aside, path);
  await disk.removeFile(aside);
}

/**
 * Takes the lock of a directory.
 *
 * @throws CheckpointError if another process has it, or one on another machine, which cannot be asked
 */
export async function takeLock(disk: Disk, directory: string, processes: Processes): Promise<Lock> {
  const { host, pid } = processes;
  const token = processes.token();
  const path = join(directory, lockName);
  const own = JSON.stringify({ host, pid, incarnation: processes.incarnation(pid) ?? "unknown", token });
  const draft = join(directory, `.lock-${pid}-${token}`);
  let note: string | undefined;

  const file = await disk.create(draft);
  try {
    try {
      await file.write(Buffer.from(`${own}\n`));
    } finally {
      await file.close();
    }
    for (let tries = 1; !(await tryLink(disk, draft, path)); tries++) {
      if (tries > mostTries)
        throw new CheckpointError(`checkpoint: cannot lock ${directory}: ${path} comes and goes`);
      const found = await readText(disk, path);
      if (found === undefined) continue;
      requireStale(directory, found, processes);
      await takeAway(disk, path, `${draft}-stale`, found);
      note = `checkpoint: the lock of process ${ownerIn(found)?.pid ?? "(unknown)"}, which is gone, was taken over`;
    }
  } finally {
    await disk.removeFile(draft);
  }

  const isOurs = async () => (await readText(disk, path)) === `${own}\n`;
  return {
    note,
    async check() {
      if (await isOurs()) return;
      throw new CheckpointError(
        `checkpoint: the lock of ${directory} was lost to another process or removed; let one process only write there`,
      );
    },
    async release() {
      if (await isOurs()) await disk.removeFile(path);
    },
  };
}
