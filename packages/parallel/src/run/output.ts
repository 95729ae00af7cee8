// A file that a run or a command writes at its end, such as weights: checked before the work, replaced atomically after
// it. Knows nothing of models; it writes bytes.
import type { FileHandle } from "node:fs/promises";
import { open, rename, rm, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { describeThrown, OutputError } from "../errors.ts";
import { besideOf, requireWritableFile, targetOf } from "./writable.ts";

/**
 * The absolute path of the file, checked now rather than after the work.
 *
 * @param operation what errors begin with
 * @throws JobError if nothing can be written there
 */
export async function checkOutput(operation: string, file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const path = resolve(file);
  await requireWritableFile(`${operation}: cannot write ${path}`, path);
  return path;
}

/** The most that is written at once: a system takes less than 2 GiB. */
const mostAtOnce = 2 ** 28;

async function writeParts(file: FileHandle, parts: Iterable<Uint8Array>): Promise<void> {
  for (const part of parts)
    for (let at = 0; at < part.length; at += mostAtOnce)
      await file.writeFile(part.subarray(at, at + mostAtOnce));
}

/**
 * Writes a file. With the flag `wx` it must not exist yet, not even as a link; when the promise resolves, all of it is on
 * the disk.
 */
async function writeTo(path: string, flag: "wx" | "w", parts: Iterable<Uint8Array>): Promise<void> {
  const file = await open(path, flag);
  try {
    await writeParts(file, parts);
    if (flag === "wx") await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Writes a temporary file, then renames it. An existing file stays until the new one is whole. Among several runs with
 * the same file, the last one to end wins.
 *
 * @param bytes the content, or its parts in their order
 * @param what the operation and the content, for errors: "train: cannot write the weights to …"
 * @throws OutputError if that fails; then nothing is left behind
 */
export async function writeOutput(
  path: string,
  bytes: Uint8Array | Iterable<Uint8Array>,
  what: { operation: string; content: string },
): Promise<void> {
  // Writes through links, and into devices and pipes.
  const target = await targetOf(path);
  const replaces = (await stat(target).catch(() => undefined))?.isFile() ?? true;
  const beside = besideOf(target);
  const parts = bytes instanceof Uint8Array ? [bytes] : bytes;
  try {
    if (!replaces) return await writeTo(target, "w", parts);
    await writeTo(beside, "wx", parts);
    await rename(beside, target);
  } catch (error) {
    if (replaces) await rm(beside, { force: true }).catch(() => undefined);
    throw new OutputError(
      `${what.operation}: cannot write ${what.content} to ${path}: ${describeThrown(error)}; make room there, or name another file`,
      { cause: error },
    );
  }
}
