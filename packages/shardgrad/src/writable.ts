// Whether a run will be able to write somewhere, found out before it begins and without leaving anything there.
import { accessSync, constants, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { JobError } from "@shardgrad/parallel";

/** What is there; undefined if nothing is, or something before it is in the way. */
function kindOf(path: string): "folder" | "file" | undefined {
  try {
    return statSync(path).isDirectory() ? "folder" : "file";
  } catch {
    return undefined;
  }
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * @param files by the names of options; those that are absent are undefined
 * @throws JobError if two of them are one file, of which only the last would stay
 */
export function requireDistinctFiles(files: Readonly<Record<string, string | undefined>>): void {
  const names = new Map<string, string>();
  for (const [name, file] of Object.entries(files)) {
    if (file === undefined) continue;
    const path = resolve(file);
    const other = names.get(path);
    if (other !== undefined)
      throw new JobError(`train: ${name} is ${path}, and so is ${other}; name another file`);
    names.set(path, name);
  }
}

/** @throws JobError unless the folder can be written to, or made */
export function requireWritableFolder(option: string, folder: string): void {
  let there = folder;
  // A file in the way is found as such one level further up.
  for (; kindOf(there) === undefined; there = dirname(there));
  if (kindOf(there) === "file")
    throw new JobError(`train: ${option} ${folder}: ${there} is a file; name a folder`);
  if (!isWritable(there))
    throw new JobError(`train: ${option} ${folder}: ${there} is not writable; name another folder`);
}

/** @throws JobError unless the file can be written: its folder must be there */
export function requireWritableFile(option: string, file: string): void {
  const folder = dirname(file);
  if (kindOf(folder) !== "folder")
    throw new JobError(
      `train: ${option} ${file}: there is no folder ${folder}; make it, or name another file`,
    );
  if (kindOf(file) === "folder") throw new JobError(`train: ${option} ${file} is a folder; name a file`);
  if (!isWritable(folder))
    throw new JobError(`train: ${option} ${file}: ${folder} is not writable; name another folder`);
}
