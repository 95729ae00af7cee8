// What a run writes, files and folders, must not have one path.
import { resolve } from "node:path";
import { JobError } from "@shardgrad/parallel";

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
