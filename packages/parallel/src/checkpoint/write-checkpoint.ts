// Writes and removes the files of a checkpoint, so that a power cut leaves them whole or not under their names. Knows
// nothing else of a directory of checkpoints.
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import type { SafetensorsParts } from "@shardgrad/core";
import type { CheckpointContent, CheckpointParts } from "./content.ts";
import type { Disk } from "./disk.ts";
import { codeOf } from "./disk.ts";
import { chunkBytes } from "./find-newest.ts";
import type { FileRecord, FileRecords } from "./state-file.ts";
import { checkpointFiles, filesOf, formatState } from "./state-file.ts";

/**
 * Creates a directory and its ancestors so that they survive a power cut.
 *
 * @param isBelow whether its parent is known to exist; if a link leads nowhere, creating it cannot succeed
 */
export async function makeDirectories(disk: Disk, path: string, isBelow = false): Promise<void> {
  try {
    await disk.makeDirectory(path);
  } catch (error) {
    if (codeOf(error) === "EEXIST") return;
    if (codeOf(error) !== "ENOENT" || isBelow || dirname(path) === path) throw error;
    await makeDirectories(disk, dirname(path));
    return await makeDirectories(disk, path, true);
  }
  await disk.syncDirectory(dirname(path));
}

/**
 * Removes a checkpoint's files, and their directory if nothing else is in it. Does not follow links.
 *
 * @returns how many files it removed, and the names of foreign entries, which stay
 */
export async function removeCheckpoint(
  disk: Disk,
  path: string,
): Promise<{ removed: number; left: string[] }> {
  const left: string[] = [];
  let removed = 0;
  for (const name of await disk.list(path)) {
    const file = join(path, name);
    if (checkpointFiles.includes(name) && (await disk.kindOf(file)) === "file") {
      await disk.removeFile(file);
      removed++;
    } else left.push(name);
  }
  if (left.length === 0) await disk.removeDirectory(path);
  return { removed, left };
}

/**
 * The bytes of a file, in pieces of one size. All are in the same buffer: whoever asks for the next one is done with the
 * one before.
 */
function* piecesOf(file: Uint8Array | SafetensorsParts, buffer: Uint8Array): Generator<Uint8Array> {
  let filled = 0;
  for (const part of file instanceof Uint8Array ? [file] : file.parts()) {
    for (let at = 0; at < part.length; ) {
      const taken = part.subarray(at, at + buffer.length - filled);
      buffer.set(taken, filled);
      at += taken.length;
      filled += taken.length;
      if (filled < buffer.length) continue;
      yield buffer;
      filled = 0;
    }
  }
  if (filled > 0) yield buffer.subarray(0, filled);
}

async function writeFile(disk: Disk, path: string, pieces: Iterable<Uint8Array>): Promise<FileRecord> {
  const file = await disk.create(path);
  const hash = createHash("sha256");
  let bytes = 0;
  try {
    for (const piece of pieces) {
      hash.update(piece);
      await file.write(piece);
      bytes += piece.length;
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { bytes, sha256: hash.digest("hex") };
}

/**
 * Writes a checkpoint to a new directory, with no more memory than a piece takes. When the promise resolves, all of it
 * is on the disk.
 */
export async function writeCheckpoint(
  disk: Disk,
  directory: string,
  { state, files }: CheckpointContent | CheckpointParts,
): Promise<void> {
  const buffer = new Uint8Array(chunkBytes);
  const write = (name: string, file: Uint8Array | SafetensorsParts) =>
    writeFile(disk, join(directory, name), piecesOf(file, buffer));
  await disk.makeDirectory(directory);
  const records: Partial<FileRecords> = {};
  for (const name of filesOf(files)) records[name] = await write(name, files[name]!);
  await write("state.json", formatState(state, records as FileRecords));
  // Sync the names of the files before the name of their directory.
  await disk.syncDirectory(directory);
}
