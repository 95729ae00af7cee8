// The file of a run that keeps its snapshots on disk: where it is, that there is room for it, and that nothing of it
// stays. Workers write into it and the coordinator reads from it (shared/snapshots/snapshot-slots.ts).
import { randomBytes } from "node:crypto";
import type { StatsFs } from "node:fs";
import { closeSync, fstatSync, openSync, rmSync, statfsSync, statSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatBytes } from "@shardgrad/core/engine";
import { SnapshotError } from "../errors.ts";

/** What Linux calls file systems that are memory: tmpfs and ramfs. */
const inMemory: readonly number[] = [0x01021994, 0x858458f6];

/** The file system that has a folder; undefined if nobody knows. */
function systemOf(folder: string): StatsFs | undefined {
  try {
    return statfsSync(folder);
  } catch {
    return undefined;
  }
}

/**
 * The system's temporary folder, or, where that is memory, the one that is not.
 *
 * @throws SnapshotError if both are memory
 */
function chooseFolder(): string {
  const folder = tmpdir();
  for (const candidate of process.platform === "linux" ? [folder, "/var/tmp"] : [folder]) {
    const type = systemOf(candidate)?.type;
    if (type === undefined || !inMemory.includes(type)) return candidate;
  }
  throw new SnapshotError(
    `train: snapshots is "disk", but ${folder} is memory, too; set TMPDIR to a folder on a disk`,
  );
}

/** @throws SnapshotError if a folder has no room for so many bytes, as far as its file system says */
function requireSpace(folder: string, bytes: number): void {
  const system = systemOf(folder);
  if (!system || system.bavail * system.bsize >= bytes) return;
  throw new SnapshotError(
    `train: snapshots need ${formatBytes(bytes)}, but ${folder} has ${formatBytes(system.bavail * system.bsize)} left; make room there, or set TMPDIR to another folder`,
  );
}

/**
 * Another path of an open file, if there is one, which stays valid without its name: then nothing of the file stays,
 * however the process ends. Linux has such paths, for all threads of a process.
 */
function otherPath(file: number): string | undefined {
  const path = `/proc/self/fd/${file}`;
  try {
    const [own, found] = [fstatSync(file, { bigint: true }), statSync(path, { bigint: true })];
    return own.ino === found.ino && own.dev === found.dev ? path : undefined;
  } catch {
    return undefined;
  }
}

/** A file that is open as long as it may be used. */
export class SnapshotFile {
  /** How threads open it. */
  readonly path: string;
  readonly folder: string;
  /** Held open, since its path may be valid only then. */
  readonly #file: number;
  /** Removes its name, if it has one. */
  readonly #remove: (() => void) | undefined;

  private constructor(file: number, folder: string, path: string, remove: (() => void) | undefined) {
    this.#file = file;
    this.folder = folder;
    this.path = path;
    this.#remove = remove;
    // A process that ends itself in the middle of a run takes the file with it.
    if (remove) process.on("exit", remove);
  }

  /**
   * A new, empty file for so many bytes.
   *
   * @param find finds another path of the file, under which it stays open without a name
   * @throws SnapshotError if there is no folder for it, no room, or no right
   */
  static open(bytes: number, find: typeof otherPath = otherPath): SnapshotFile {
    const folder = chooseFolder();
    requireSpace(folder, bytes);
    const named = join(folder, `shardgrad-snapshots-${process.pid}-${randomBytes(6).toString("hex")}`);
    try {
      const file = openSync(named, "wx+", 0o600);
      const nameless = find(file);
      if (nameless === undefined)
        return new SnapshotFile(file, folder, named, () => rmSync(named, { force: true }));
      unlinkSync(named);
      return new SnapshotFile(file, folder, nameless, undefined);
    } catch (error) {
      throw new SnapshotError(
        `train: cannot write snapshots in ${folder}: ${(error as Error).message}; set TMPDIR to a folder that is writable`,
        { cause: error },
      );
    }
  }

  /** Gives up the file and all that is in it. */
  close(): void {
    closeSync(this.#file);
    if (!this.#remove) return;
    this.#remove();
    process.off("exit", this.#remove);
  }
}
