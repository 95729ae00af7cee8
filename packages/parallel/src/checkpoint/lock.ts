// One writer per directory, by a lock file that names its process. The file appears atomically, since it is linked into
// place, not written. A process may take over the lock of a dead one. If two take over the same lock at once, the loser
// finds out at its next save. Nothing is lost, as writers never touch each other's files.
import { join } from "node:path";
import { CheckpointError } from "../errors.ts";
import type { Disk } from "./disk.ts";
import { codeOf } from "./disk.ts";
import type { Processes } from "./processes.ts";

/** Held: the directory is ours. */
export interface Lock {
  /** Whose lock we took over, and why, as text. */
  note: string | undefined;
  /** Throws a CheckpointError if the lock is no longer ours. */
  check(): Promise<void>;
  /** Releases it; does nothing if it is no longer ours. */
  release(): Promise<void>;
}

/** A lock may be released or taken over just before we read it, but not forever. */
const mostTries = 100;

/** What a lock says of its process. All but the first four are absent if unknown. */
interface Owner {
  host: string;
  pid: number;
  incarnation: string;
  token: string;
  kernel?: string;
  namespace?: string;
  /** The name of its sign of life, in the directory. */
  sign?: string;
  /** The id of the locked directory: a copy of the directory has a copy of the lock. */
  directory?: { path: string; identity: string };
}

export const lockName = "lock";
const mostLockBytes = 2 ** 16;

/** The name of lock files that are on their way in or out, with the number of their process. */
export const lockLeftover = /^\.lock-(\d+)-[\da-f-]{36}(-stale)?$/;
/** The name of signs of life. */
export const signLeftover = /^\.alive-[\da-f]{8}$/;

/** Who holds a lock; undefined if its text is cut off, which only a power cut can do. */
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
    return Buffer.from(await disk.read(path, mostLockBytes)).toString();
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** True if the file got its second name, false if that name exists. */
async function tryLink(disk: Disk, from: string, to: string): Promise<boolean> {
  try {
    await disk.link(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

/** A directory to lock. */
interface Place {
  path: string;
  identity: string;
}

const isCopied = ({ directory }: Owner, { path, identity }: Place) =>
  directory !== undefined && directory.path !== path && directory.identity !== identity;

/** Whether a lock's process runs on this kernel, so that we can check it. */
function isHere(owner: Owner, { kernel, host }: Processes): boolean {
  return owner.kernel !== undefined && kernel !== undefined ? owner.kernel === kernel : owner.host === host;
}

/** Where a process is that may be alive, as text; undefined if it is gone. */
async function whereabouts(
  owner: Owner,
  place: Place,
  processes: Processes,
): Promise<{ where: string; asked: boolean } | undefined> {
  const { sign, host, pid, namespace, incarnation } = owner;
  // Another kernel on the same host means that it has rebooted.
  if (!isHere(owner, processes))
    return host === processes.host ? undefined : { where: ` on ${host}`, asked: false };
  if (namespace === processes.namespace)
    return processes.incarnation(pid) === incarnation ? { where: "", asked: true } : undefined;
  const lives = sign === undefined ? undefined : await processes.hasSign(join(place.path, sign));
  return lives === false ? undefined : { where: " in another container", asked: lives === true };
}

/**
 * Why a lock is stale, as text.
 *
 * @throws CheckpointError if its process is alive, or may be
 */
async function requireVoid(text: string, place: Place, processes: Processes): Promise<string> {
  const owner = ownerIn(text);
  if (!owner) return "the lock of process (unknown), which is gone";
  const found = await whereabouts(owner, place, processes);
  if (!found) return `the lock of process ${owner.pid}, which is gone`;
  if (isCopied(owner, place)) return `the lock of process ${owner.pid}, which was copied with the directory`;
  const remedy = found.asked
    ? "use another directory, or end that process"
    : `use another directory, or remove ${join(place.path, lockName)} if it is gone`;
  throw new CheckpointError(
    `checkpoint: ${place.path} is in use by process ${owner.pid}${found.where}; ${remedy}`,
  );
}

/** Moves a stale lock out of the way, if it still is the same one. */
async function takeAway(disk: Disk, path: string, aside: string, found: string): Promise<void> {
  try {
    await disk.rename(path, aside);
  } catch (error) {
    // Another process was faster.
    if (codeOf(error) === "ENOENT") return;
    throw error;
  }
  // Another process was faster and holds the lock now: put it back.
  if ((await readText(disk, aside)) !== found) await tryLink(disk, aside, path);
  await disk.removeFile(aside);
}

/** Puts the lock into place if there is none, or a stale one; returns a note about that one. */
async function linkLock(
  disk: Disk,
  place: Place,
  draft: string,
  processes: Processes,
): Promise<string | undefined> {
  const path = join(place.path, lockName);
  let note: string | undefined;
  for (let tries = 1; !(await tryLink(disk, draft, path)); tries++) {
    if (tries > mostTries)
      throw new CheckpointError(`checkpoint: cannot lock ${place.path}: ${path} comes and goes`);
    const found = await readText(disk, path);
    if (found === undefined) continue;
    const why = await requireVoid(found, place, processes);
    await takeAway(disk, path, `${draft}-stale`, found);
    note = `checkpoint: ${why}, was taken over`;
  }
  return note;
}

/**
 * Takes the lock of a directory.
 *
 * @throws CheckpointError if another process has it, or one on another machine, which we cannot check
 */
export async function takeLock(disk: Disk, directory: string, processes: Processes): Promise<Lock> {
  const { host, kernel, namespace, pid } = processes;
  const token = processes.token();
  const place = { path: directory, identity: await disk.identityOf(directory) };
  const sign = `.alive-${token.slice(0, 8)}`;
  const endSign = await processes.giveSign(join(directory, sign));
  const incarnation = processes.incarnation(pid) ?? "unknown";
  const owner: Owner = {
    host,
    pid,
    incarnation,
    token,
    ...(kernel !== undefined && { kernel }),
    ...(namespace !== undefined && { namespace }),
    ...(endSign && { sign }),
    directory: place,
  };
  const text = `${JSON.stringify(owner)}\n`;
  const draft = join(directory, `.lock-${pid}-${token}`);
  const path = join(directory, lockName);
  const isOurs = async () => (await readText(disk, path)) === text;
  let note: string | undefined;
  try {
    const file = await disk.create(draft);
    try {
      try {
        await file.write(Buffer.from(text));
      } finally {
        await file.close();
      }
      note = await linkLock(disk, place, draft, processes);
    } finally {
      await disk.removeFile(draft);
    }
  } catch (error) {
    await endSign?.();
    throw error;
  }
  return {
    note,
    async check() {
      if (await isOurs()) return;
      throw new CheckpointError(
        `checkpoint: the lock of ${directory} was lost to another process or removed; let one process only write there`,
      );
    },
    async release() {
      try {
        if (await isOurs()) await disk.removeFile(path);
      } finally {
        await endSign?.();
      }
    },
  };
}
