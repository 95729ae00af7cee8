// The writing side: a directory of checkpoints that one process owns. It writes a checkpoint under another name, syncs
// all of it, and makes it visible with one rename. README.md in this folder lists what may happen in between.
import { join, resolve } from "node:path";
import type { Committed } from "../errors.ts";
import { CheckpointError } from "../errors.ts";
import { frozenCopy } from "../frozen-copy.ts";
import type { CheckpointContent, CheckpointParts } from "./content.ts";
import type { Disk } from "./disk.ts";
import { codeOf, nodeDisk } from "./disk.ts";
import type { NewestCheckpoint, StoredCheckpoint, Use } from "./find-newest.ts";
import { checkpointsIn, findNewest, loadNewest, nameOf, readState } from "./find-newest.ts";
import type { Lock } from "./lock.ts";
import { lockLeftover, signLeftover, takeLock } from "./lock.ts";
import type { Processes } from "./processes.ts";
import { nodeProcesses } from "./processes.ts";
import type { BestBy, Kept, Retention } from "./retention.ts";
import { bestOf, checkRetention, surplus } from "./retention.ts";
import { Damage } from "./schema.ts";
import { makeDirectories, removeCheckpoint, writeCheckpoint } from "./write-checkpoint.ts";

/** A checkpoint that is safely on the disk. */
export interface SavedCheckpoint {
  /** Its directory. */
  path: string;
  /** Older checkpoints that it removed, oldest first. */
  removed: string[];
  /** Later problems as text: older checkpoints that it could not remove. */
  notes: string[];
}

/** What a store works with; by default the machine's. */
export interface StoreEnvironment {
  disk?: Disk;
  processes?: Processes;
}

/** The name of directories that are being written or removed; the store's token makes it unique. */
const leftover = /^\.(writing|removing)-[\da-f-]{36}-\d+$/;

/** Advice for an error, by its code. */
const remedies: Readonly<Record<string, string>> = {
  ENOSPC: "free some space, or keep fewer checkpoints",
  EDQUOT: "free some space, or keep fewer checkpoints",
  EACCES: "make the directory writable",
  EPERM: "use a directory that is writable, on a file system with hard links",
  ENOTSUP: "use a directory on a file system with hard links",
  EROFS: "use a directory that is writable",
};

/** The note about a directory that keeps foreign content; reported once. */
const leftNote = (name: string, path: string, left: readonly string[]) =>
  `checkpoint: removed ${name} except ${left.join(", ")}, which this library did not write and leaves in ${path}`;

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** A directory of checkpoints, open for writing. Created by `openCheckpoints`. */
export class CheckpointStore {
  readonly directory: string;
  /** Log lines from opening: leftovers, a lock that was taken over. */
  readonly notes: readonly string[];
  readonly #disk: Disk;
  readonly #lock: Lock;
  readonly #retention: Retention;
  /** Names of checkpoints that stay, whatever the retention says. */
  readonly #alsoKept: string[] = [];
  readonly #token: string;
  /** The metrics of checkpoints whose state was read or written. */
  readonly #metrics = new Map<string, Kept["metrics"]>();
  #writes = 0;
  #closed = false;
  /** The last requested save: saves run one after another. */
  #last: Promise<unknown> = Promise.resolve();

  /** @internal */
  constructor(
    directory: string,
    retention: Retention,
    disk: Disk,
    lock: Lock,
    token: string,
    notes: readonly string[],
  ) {
    this.directory = directory;
    this.notes = notes;
    this.#disk = disk;
    this.#lock = lock;
    this.#retention = retention;
    this.#token = token;
  }

  /**
   * Writes a checkpoint. Of one from `checkpointParts`, the tensors must not change before the promise has settled. When the promise resolves, it survives a power cut, and the checkpoints beyond the retention
   * are gone.
   *
   * @throws CheckpointError if that fails; its `committed` says whether the checkpoint is there nevertheless
   */
  save(content: CheckpointContent | CheckpointParts): Promise<SavedCheckpoint> {
    return this.#inTurn(() => this.#save(content));
  }

  /** The newest intact checkpoint here; see the function of this name. */
  findNewest(use?: Use): Promise<NewestCheckpoint> {
    return this.#inTurn(() => findNewest(this.directory, this.#disk, use));
  }

  /** The same without a copy in memory. @internal */
  loadNewest(use: (checkpoint: StoredCheckpoint) => void): ReturnType<typeof loadNewest> {
    return this.#inTurn(() => loadNewest(this.directory, this.#disk, use));
  }

  /** The best checkpoint here by `keepBest`, with its value; undefined if there is none, or it cannot be read. */
  findBest(): Promise<{ path: string; value: number } | undefined> {
    const { keepBest } = this.#retention;
    if (!keepBest) return Promise.resolve(undefined);
    return this.#inTurn(async () => {
      const best = bestOf(await this.#kept(), keepBest);
      return best && { path: join(this.directory, best.name), value: best.value };
    }).catch(() => undefined);
  }

  /** Protects the current best checkpoint by another measure than `keepBest`, whatever is saved later; returns its name. */
  keepNowBest(metric: string, direction: BestBy["direction"]): Promise<string | undefined> {
    return this.#inTurn(async () => {
      const best = bestOf(await this.#kept(), { metric, direction });
      if (best) this.#alsoKept.push(best.name);
      return best?.name;
    }).catch(() => undefined);
  }

  /** Waits for pending saves and releases the lock. */
  async close(): Promise<void> {
    if (this.#closed) return;
    const released = this.#inTurn(() => this.#lock.release());
    this.#closed = true;
    try {
      await released;
    } catch (error) {
      throw new CheckpointError(
        `checkpoint: cannot give up the lock of ${this.directory}: ${messageOf(error)}; it becomes void when this process ends`,
        { cause: error },
      );
    }
  }

  /** For `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) {
      return Promise.reject(
        new CheckpointError(`checkpoint: the store of ${this.directory} is closed; open it again`),
      );
    }
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #save(content: CheckpointContent | CheckpointParts): Promise<SavedCheckpoint> {
    const { step, metrics } = content.state;
    const path = (name: string) => join(this.directory, name);
    const draft = path(`.writing-${this.#token}-${++this.#writes}`);
    let name: string;
    try {
      await this.#lock.check();
      await writeCheckpoint(this.#disk, draft, content);
      name = await this.#freeName(step);
    } catch (error) {
      await this.#discard(draft);
      return this.#fail(step, error, "no");
    }
    try {
      await this.#disk.rename(draft, path(name));
    } catch (error) {
      // A failing disk may complete an operation and report an error.
      const done = await this.#isThere(name);
      await this.#discard(draft);
      return this.#fail(step, error, done ? "perhaps" : "no");
    }
    try {
      await this.#disk.syncDirectory(this.directory);
    } catch (error) {
      return this.#fail(step, error, "perhaps");
    }
    this.#metrics.set(name, metrics);
    return { path: path(name), ...(await this.#removeSurplus(name)) };
  }

  /** What it cannot remove now, it removes when the directory is opened the next time. */
  async #discard(draft: string): Promise<void> {
    await removeCheckpoint(this.#disk, draft).catch(() => undefined);
  }

  async #isThere(name: string): Promise<boolean> {
    // If even that fails, it may be there.
    return this.#disk.list(this.directory).then(
      (names) => names.includes(name),
      () => true,
    );
  }

  async #freeName(step: number): Promise<string> {
    const taken = await this.#disk.list(this.directory);
    let attempt = 1;
    while (taken.includes(nameOf(step, attempt))) attempt++;
    return nameOf(step, attempt);
  }

  #fail(step: number, error: unknown, committed: Committed): never {
    const outcome = {
      no: "it is not saved; earlier checkpoints are unchanged",
      perhaps: "it may be in place, but might not survive a power cut",
    }[committed];
    const remedy = remedies[codeOf(error) ?? ""] ?? "look at the disk";
    const detail =
      error instanceof CheckpointError
        ? error.message.replace(/^checkpoint: /, "")
        : `${messageOf(error)}; ${outcome}; ${remedy}`;
    throw new CheckpointError(`checkpoint: cannot save step ${step} in ${this.directory}: ${detail}`, {
      cause: error,
      committed,
    });
  }

  async #removeSurplus(justSaved: string): Promise<Pick<SavedCheckpoint, "removed" | "notes">> {
    const removed: string[] = [];
    const notes: string[] = [];
    try {
      for (const name of surplus(await this.#kept(), [justSaved, ...this.#alsoKept], this.#retention)) {
        const { aside, left } = await this.#remove(name);
        removed.push(name);
        if (left.length > 0) notes.push(leftNote(name, aside, left));
      }
    } catch (error) {
      notes.push(`checkpoint: an older one could not be removed from ${this.directory}: ${messageOf(error)}`);
    }
    return { removed, notes };
  }

  /** Newest first. */
  async #kept(): Promise<Kept[]> {
    const kept: Kept[] = [];
    for (const { name } of checkpointsIn(await this.#disk.list(this.directory)))
      kept.push({ name, metrics: await this.#metricsOf(name) });
    return kept;
  }

  /** The metrics of a checkpoint; undefined if its state is damaged, or it is not ours. */
  async #metricsOf(name: string): Promise<Kept["metrics"]> {
    const path = join(this.directory, name);
    // The target of a link is not ours.
    if ((await this.#disk.kindOf(path)) !== "directory") return undefined;
    if (!this.#metrics.has(name)) this.#metrics.set(name, await this.#readMetrics(path));
    return this.#metrics.get(name);
  }

  #readMetrics(path: string): Promise<Kept["metrics"]> {
    return readState(this.#disk, path).then(
      ({ state }) => state.metrics,
      (error: unknown) => {
        // A checkpoint of a newer version is not ours to remove.
        if (error instanceof Damage || error instanceof CheckpointError) return undefined;
        throw error;
      },
    );
  }

  /** It is renamed before its first file goes, so that nobody sees a half-removed checkpoint. */
  async #remove(name: string): Promise<{ aside: string; left: string[] }> {
    const aside = join(this.directory, `.removing-${this.#token}-${++this.#writes}`);
    await this.#disk.rename(join(this.directory, name), aside);
    await this.#disk.syncDirectory(this.directory);
    const { left } = await removeCheckpoint(this.#disk, aside);
    return { aside, left };
  }
}

/** Removes a leftover of an interrupted save or a dead process, and reports it if it had content. */
async function removeLeftover(
  disk: Disk,
  path: string,
  name: string,
  processes: Processes,
): Promise<string | undefined> {
  const kind = await disk.kindOf(path);
  const pid = lockLeftover.exec(name)?.[1];
  if (pid !== undefined) {
    if (kind === "file" && processes.incarnation(Number(pid)) === undefined) await disk.removeFile(path);
  } else if (signLeftover.test(name)) {
    if (kind === "other" && (await processes.hasSign(path)) === false) await disk.removeFile(path);
  } else if (leftover.test(name) && kind === "directory") {
    const { removed, left } = await removeCheckpoint(disk, path);
    if (left.length === 0) return `checkpoint: removed ${name}, which an interrupted run had left`;
    if (removed > 0) return leftNote(name, path, left);
  }
  return undefined;
}

/** Removes leftovers of interrupted saves; nobody else writes here. Leftovers that cannot be removed do no harm. */
async function removeLeftovers(disk: Disk, directory: string, processes: Processes): Promise<string[]> {
  const notes: string[] = [];
  for (const name of await disk.list(directory)) {
    const note = await removeLeftover(disk, join(directory, name), name, processes).catch(
      (error: unknown) => `checkpoint: ${name} could not be removed: ${messageOf(error)}`,
    );
    if (note !== undefined) notes.push(note);
  }
  return notes;
}

/**
 * Opens a directory for writing checkpoints, and creates it if needed. Only one process at a time may have it open.
 *
 * @throws CheckpointError if another process has it open, it is not writable, or an option makes no sense
 */
export async function openCheckpoints(
  directory: string,
  retention: Retention = {},
  { disk = nodeDisk, processes = nodeProcesses }: StoreEnvironment = {},
): Promise<CheckpointStore> {
  checkRetention(retention);
  const kept = frozenCopy(retention);
  const path = resolve(directory);
  let lock: Lock | undefined;
  try {
    await makeDirectories(disk, path);
    lock = await takeLock(disk, path, processes);
    const notes = await removeLeftovers(disk, path, processes);
    if (lock.note) notes.unshift(lock.note);
    return new CheckpointStore(path, kept, disk, lock, processes.token(), notes);
  } catch (error) {
    await lock?.release().catch(() => undefined);
    if (error instanceof CheckpointError) throw error;
    throw new CheckpointError(
      `checkpoint: cannot open ${path}: ${messageOf(error)}; ${remedies[codeOf(error) ?? ""] ?? "look at the disk"}`,
      { cause: error },
    );
  }
}
