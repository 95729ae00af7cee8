// Writes and removes the files of a checkpoint, so that a power cut leaves them whole or not under their names. Knows
// nothing else of a directory of checkpoints.
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import type { CheckpointContent } from "./content.ts";
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

async function writeFile(disk: Disk, path: string, bytes: Uint8Array): Promise<FileRecord> {
  const file = await disk.create(path);
  const hash = createHash("sha256");
  try {
    for (let at = 0; at < bytes.length; at += chunkBytes) {
      const chunk = bytes.subarray(at, at + chunkBytes);
      hash.update(chunk);
      await file.write(chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { bytes: bytes.length, sha256: hash.digest("hex") };
}

/** Writes a checkpoint to a new directory. When the promise resolves, all of it is on the disk. */
export async function writeCheckpoint(
  disk: Disk,
  directory: string,
  { state, files }: CheckpointContent,
): Promise<void> {
  const write = (name: string, bytes: Uint8Array) => writeFile(disk, join(directory, name), bytes);
  await disk.makeDirectory(directory);
  const records: Partial<FileRecords> = {};
  for (const name of filesOf(files)) records[name] = await write(name, files[name]!);
  await write("state.json", formatState(state, records as FileRecords));
  // Sync the names of the files before the name of their directory.
  await disk.syncDirectory(directory);
}
