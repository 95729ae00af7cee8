// Writing and removing the files of a checkpoint, such that a power cut finds them whole or not under their names. Knows
// nothing of what a directory of checkpoints holds besides.
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import type { CheckpointContent } from "./content.ts";
import type { Disk } from "./disk.ts";
import { codeOf } from "./disk.ts";
import { chunkBytes } from "./find-newest.ts";
import type { FileRecord, FileRecords } from "./state-file.ts";
import { checkpointFiles, filesOf, formatState } from "./state-file.ts";

/**
 * Makes a directory and those above it, such that they survive a power cut.
 *
 * @param isBelow whether the one above is known to be there: with a link to nowhere, no number of tries makes another
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
 * Removes the files of a checkpoint, and their directory if that is all there was in it. What a link leads to is not touched.
 *
 * @returns how many files were removed, and the names of what is not ours and stays
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

/** Writes a checkpoint to a directory that is not there yet; all of it is on the disk when the promise is fulfilled. */
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
  // The names of the files, before the name of their directory.
  await disk.syncDirectory(directory);
}
