// Reads checkpoints from a disk, one directory each. It trusts nothing before it has verified the SHA-256 sums, and
// skips damaged checkpoints with a reason.
import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { SafetensorsSource } from "@shardgrad/core";
import { CheckpointError, damagedCheckpoint } from "../errors.ts";
import type { CheckpointContent } from "./content.ts";
import type { Disk, ReadableFile } from "./disk.ts";
import { codeOf, nodeDisk } from "./disk.ts";
import { Damage } from "./schema.ts";
import type { FileRecord, FileRecords, OfFiles, TensorFile } from "./state-file.ts";
import { filesOf, parseState } from "./state-file.ts";

/** A checkpoint read from a disk, verified byte by byte. */
export interface Checkpoint extends CheckpointContent {
  /** Its directory. */
  path: string;
}

/** What `findNewest` found. */
export interface NewestCheckpoint {
  /** The newest intact one; absent if there is none. */
  checkpoint?: Checkpoint;
  /** Newer ones that are damaged, newest first. */
  passedOver: { name: string; reason: string }[];
  /** The same as text, one line each, for a log; empty if all is well. */
  notes: string[];
}

/** What a caller does with a found checkpoint. */
export type Use = (checkpoint: Checkpoint) => void;

/** A checkpoint on a disk, verified byte by byte, whose files can be read in parts. */
export interface StoredCheckpoint extends Pick<Checkpoint, "path" | "state"> {
  files: Readonly<OfFiles<SafetensorsSource>>;
}

/** The same of any kind of checkpoint. */
type Newest<T> = Omit<NewestCheckpoint, "checkpoint"> & { checkpoint?: T };

/** Reads the checkpoint in a directory, which must be of a step. */
type Read<T> = (path: string, step: number) => Promise<T>;

/** How many bytes to hash or write before yielding to the event loop. */
export const chunkBytes = 2 ** 20;

/** More than the records of a million epochs take. */
const mostStateBytes = 2 ** 28;

/** Gives up if another process writes faster than this reads. */
const mostSearches = 10;

/** Errors of reading that mean damage; others may mean anything. */
const damageCodes = new Set(["ENOENT", "ENOTDIR", "EISDIR", "EIO", "EFTYPE", "ELOOP", "ENXIO", "ENODEV"]);

/** The directory of a step's checkpoint. A step that is saved again gets a number: nothing is overwritten. */
export function nameOf(step: number, attempt = 1): string {
  return `step-${String(step).padStart(10, "0")}${attempt > 1 ? `-${attempt}` : ""}`;
}

/** The checkpoints among the names in a directory, newest first. */
export function checkpointsIn(names: readonly string[]): { name: string; step: number; attempt: number }[] {
  return names
    .flatMap((name) => {
      const [, digits, attempt = "1"] = /^step-(\d{10,16})(?:-(\d{1,9}))?$/.exec(name) ?? [];
      const found = { name, step: Number(digits), attempt: Number(attempt) };
      return nameOf(found.step, found.attempt) === name ? [found] : [];
    })
    .sort((a, b) => b.step - a.step || b.attempt - a.attempt);
}

/** The SHA-256 of the bytes; yields to the event loop now and then. */
export async function sumOf(bytes: Uint8Array): Promise<string> {
  const hash = createHash("sha256");
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    hash.update(bytes.subarray(at, at + chunkBytes));
    await setImmediate();
  }
  return hash.digest("hex");
}

/** Throws a Damage if that is what an error of reading a file means, else the error. */
function damaged(name: string, error: unknown): never {
  const code = codeOf(error);
  if (code === "ENOENT") throw new Damage(`${name} is missing`);
  if (code !== undefined && damageCodes.has(code)) throw new Damage(`${name} cannot be read (${code})`);
  throw error;
}

async function readFile(disk: Disk, directory: string, name: string, most: number): Promise<Uint8Array> {
  try {
    return await disk.read(join(directory, name), most);
  } catch (error) {
    if (codeOf(error) === "EFBIG") throw new Damage(`${name} has more bytes than ${most}`);
    return damaged(name, error);
  }
}

function requireLength(name: string, bytes: number, record: FileRecord): void {
  if (bytes !== record.bytes) throw new Damage(`${name} has ${bytes} bytes, expected ${record.bytes}`);
}

function requireSum(name: string, sum: string, { sha256 }: FileRecord): void {
  if (sum !== sha256) throw new Damage(`${name} was changed: its SHA-256 does not fit`);
}

async function readTensors(
  disk: Disk,
  directory: string,
  name: TensorFile,
  record: FileRecord,
): Promise<Uint8Array> {
  const bytes = await readFile(disk, directory, name, record.bytes);
  requireLength(name, bytes.length, record);
  requireSum(name, await sumOf(bytes), record);
  return bytes;
}

/** The SHA-256 of a file, which is in memory a piece at a time; yields to the event loop now and then. */
async function sumOfFile({ bytes, read }: ReadableFile): Promise<string> {
  const hash = createHash("sha256");
  const buffer = new Uint8Array(Math.min(bytes, chunkBytes));
  for (let at = 0; at < bytes; at += chunkBytes) {
    const piece = buffer.subarray(0, bytes - at);
    read(at, piece);
    hash.update(piece);
    await setImmediate();
  }
  return hash.digest("hex");
}

/** Verifies the checkpoint in a directory, and opens it for as long as `use` takes. */
async function withStored<T>(disk: Disk, path: string, use: (checkpoint: StoredCheckpoint) => T): Promise<T> {
  const { state, files: records } = await readState(disk, path);
  const opened: Partial<OfFiles<ReadableFile>> = {};
  try {
    for (const name of filesOf(records)) {
      try {
        const file = await disk.open(join(path, name));
        opened[name] = file;
        requireLength(name, file.bytes, records[name]!);
        requireSum(name, await sumOfFile(file), records[name]!);
      } catch (error) {
        damaged(name, error);
      }
    }
    return use({ path, state, files: opened as OfFiles<ReadableFile> });
  } finally {
    for (const file of Object.values(opened)) await file.close();
  }
}

/** Reads and checks state.json only. */
export async function readState(
  disk: Disk,
  directory: string,
): Promise<{ state: Checkpoint["state"]; files: FileRecords }> {
  return parseState(await readFile(disk, directory, "state.json", mostStateBytes));
}

async function readChecked(disk: Disk, path: string): Promise<Checkpoint> {
  const { state, files } = await readState(disk, path);
  const read: Partial<OfFiles<Uint8Array>> = {};
  for (const name of filesOf(files)) read[name] = await readTensors(disk, path, name, files[name]!);
  return { path, state, files: read as OfFiles<Uint8Array> };
}

/** Wraps errors of the disk; passes others through. */
function unreadable(path: string, error: unknown): never {
  if (codeOf(error) === undefined) throw error;
  const { message } = error as Error;
  throw new CheckpointError(
    `checkpoint: cannot read ${path}: ${message}; look at the disk and its permissions`,
    {
      cause: error,
    },
  );
}

/**
 * Reads the checkpoint in a directory of any name.
 *
 * @throws CheckpointError if it is damaged, cannot be read, or has a newer format
 */
export async function readCheckpoint(path: string, disk: Disk = nodeDisk): Promise<Checkpoint> {
  try {
    return await readChecked(disk, path);
  } catch (error) {
    if (!(error instanceof Damage)) return unreadable(path, error);
    throw damagedCheckpoint(path, error.message, error);
  }
}

/** Names in a directory; none if it does not exist. */
async function namesIn(disk: Disk, directory: string): Promise<string[]> {
  try {
    return await disk.list(directory);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
}

/** The damage that an error describes; undefined if it describes none. */
function damageIn(error: unknown): string | undefined {
  if (error instanceof Damage) return error.message;
  return error instanceof CheckpointError ? error.damage : undefined;
}

function requireStep({ step: found }: Checkpoint["state"], step: number): void {
  if (found !== step) throw new Damage(`it is of step ${found}`);
}

async function search<T>(disk: Disk, directory: string, read: Read<T>): Promise<Omit<Newest<T>, "notes">> {
  const passedOver: NewestCheckpoint["passedOver"] = [];
  for (const { name, step } of checkpointsIn(await namesIn(disk, directory))) {
    try {
      return { checkpoint: await read(join(directory, name), step), passedOver };
    } catch (error) {
      const reason = damageIn(error);
      if (reason === undefined) throw error;
      passedOver.push({ name, reason });
    }
  }
  return { passedOver };
}

async function newest<T extends { path: string }>(
  disk: Disk,
  directory: string,
  read: Read<T>,
): Promise<Newest<T>> {
  try {
    for (let tries = 1; ; tries++) {
      const found = await search(disk, directory, read);
      const { checkpoint, passedOver } = found;
      const names = passedOver.length > 0 ? await namesIn(disk, directory) : [];
      // Not damaged, but removed meanwhile: a newer one has taken its place.
      if (tries < mostSearches && passedOver.some(({ name }) => !names.includes(name))) continue;
      const outcome = checkpoint ? `${basename(checkpoint.path)} is used` : "there is no other";
      const notes = passedOver.map(
        ({ name, reason }) => `checkpoint: ${name} is damaged (${reason}); ${outcome}`,
      );
      return { ...found, notes };
    }
  } catch (error) {
    return unreadable(directory, error);
  }
}

/**
 * Finds and reads the intact checkpoint with the highest step. The directory may be empty or missing, and another
 * process may be writing to it.
 *
 * @param use what to do with it, such as `loadCheckpoint`; if `use` finds it damaged, it is skipped, too
 * @throws CheckpointError if the disk refuses, or a newer version wrote the newest one; also what `use` throws
 */
export function findNewest(
  directory: string,
  disk: Disk = nodeDisk,
  use: Use = () => undefined,
): Promise<NewestCheckpoint> {
  return newest(disk, directory, async (path, step) => {
    const checkpoint = await readChecked(disk, path);
    requireStep(checkpoint.state, step);
    use(checkpoint);
    return checkpoint;
  });
}

/**
 * The same, without a copy of the checkpoint in memory: `use` reads its files in parts. They are verified before, so an
 * error of the disk in `use` is not taken for damage.
 */
export function loadNewest(
  directory: string,
  disk: Disk,
  use: (checkpoint: StoredCheckpoint) => void,
): Promise<Newest<Pick<Checkpoint, "path" | "state">>> {
  return newest(disk, directory, (path, step) =>
    withStored(disk, path, (checkpoint) => {
      requireStep(checkpoint.state, step);
      use(checkpoint);
      return { path, state: checkpoint.state };
    }),
  );
}
