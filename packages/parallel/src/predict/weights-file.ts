// Reads weights and all that is known of their run: from the file that `out` names, from a checkpoint, or from a folder
// of checkpoints, of which it takes the newest.
import { closeSync, openSync, readSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { SafetensorsSource, Tensor } from "@shardgrad/core";
import { readSafetensors, ShardgradError } from "@shardgrad/core";
import { findNewest, readCheckpoint } from "../checkpoint/find-newest.ts";
import type { CheckpointState } from "../checkpoint/state-file.ts";
import { JobError, oneLine } from "../errors.ts";
import type { WeightsInfo } from "../job/weights-metadata.ts";
import { readWeightsInfo } from "../job/weights-metadata.ts";

/** A file of weights, or the model's file of a checkpoint. */
export interface WeightsFile {
  /** The file, or the checkpoint's folder. */
  path: string;
  /** Its length. */
  bytes: number;
  /** What was read of it already: all of a checkpoint, or of what is no regular file. */
  content?: Uint8Array;
  /** Of a checkpoint. */
  state?: CheckpointState;
}

/** Weights with what is known of their run. */
export interface Weights {
  tensors: ReadonlyMap<string, Tensor>;
  info: WeightsInfo;
}

/** The path in a path or a file URL. */
export function pathOfFile(operation: string, file: unknown): string {
  if (typeof file === "string" && file !== "")
    return file.startsWith("file:") ? fileURLToPath(file) : resolve(file);
  if (file instanceof URL && file.protocol === "file:") return fileURLToPath(file);
  throw new JobError(
    `${operation}: the weights are ${file instanceof URL ? file.href : (JSON.stringify(file) ?? typeof file)}, expected the path of a safetensors file, or of a checkpoint`,
  );
}

/** What was said already: a command and each of its parts read the same weights. */
const told = new Set<string>();

/** Says which damaged checkpoints were passed over: the weights are older than one would think. */
function warnOnce(note: string): void {
  if (told.has(note)) return;
  told.add(note);
  process.emitWarning(note, "CheckpointWarning");
}

async function checkpointIn(operation: string, folder: string): Promise<WeightsFile> {
  const own = await stat(resolve(folder, "state.json")).catch(() => undefined);
  const { checkpoint, notes } = own
    ? { checkpoint: await readCheckpoint(folder), notes: [] }
    : await findNewest(folder);
  if (checkpoint) {
    for (const note of notes) warnOnce(note);
    const { path, files, state } = checkpoint;
    const content = files["model.safetensors"];
    return { path, bytes: content.length, content, state };
  }
  throw new JobError(
    notes.length === 0
      ? `${operation}: ${folder} is a folder without checkpoints; name a file of weights, or a checkpoint`
      : `${operation}: ${folder} has no checkpoint that is whole: ${notes.join("; ")}`,
  );
}

/**
 * The bytes of weights.
 *
 * @throws JobError if there is no such file; CheckpointError if a checkpoint is damaged
 */
export async function readWeightsFile(operation: string, file: unknown): Promise<WeightsFile> {
  const path = pathOfFile(operation, file);
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new JobError(`${operation}: there is no file ${path}`);
  if (found.isDirectory()) return await checkpointIn(operation, path);
  if (basename(path) === "state.json") return await checkpointIn(operation, dirname(path));
  if (found.isFile()) return { path, bytes: found.size };
  try {
    const content = await readFile(path);
    return { path, bytes: content.length, content };
  } catch (error) {
    throw unreadable(operation, path, error);
  }
}

function unreadable(operation: string, path: string, error: unknown): JobError {
  return new JobError(`${operation}: cannot read ${path}: ${(error as Error).message}`, { cause: error });
}

/** The most that is read at once: a system gives less than 2 GiB. */
const mostAtOnce = 2 ** 28;

/**
 * Reads weights part by part, so that they need no memory besides the tensors'.
 *
 * @throws JobError if the file cannot be read; what `use` throws
 */
export function readParts<T>(
  operation: string,
  { path, bytes, content }: WeightsFile,
  use: (file: Uint8Array | SafetensorsSource) => T,
): T {
  if (content) return use(content);
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    throw unreadable(operation, path, error);
  }
  const read = (start: number, into: Uint8Array) => {
    let at = 0;
    while (at < into.length) {
      let count: number;
      try {
        count = readSync(file, into, at, Math.min(mostAtOnce, into.length - at), start + at);
      } catch (error) {
        throw unreadable(operation, path, error);
      }
      if (count === 0) throw unreadable(operation, path, new Error("it has become shorter"));
      at += count;
    }
  };
  try {
    return use({ bytes, read });
  } finally {
    closeSync(file);
  }
}

/**
 * The tensors of weights, and what is known of their run.
 *
 * @throws JobError if it is no such file, or of a version that did not say yet what it takes
 */
export function decodeWeights(operation: string, file: WeightsFile): Weights {
  const { path } = file;
  try {
    const { tensors, metadata } = readParts(operation, file, readSafetensors);
    const info = readWeightsInfo(metadata);
    if (info) return { tensors, info };
  } catch (error) {
    if (!(error instanceof ShardgradError) || error instanceof JobError) throw error;
    throw new JobError(`${operation}: ${path}: ${oneLine(error.message)}`, { cause: error });
  }
  throw new JobError(
    `${operation}: ${path} does not say with which columns it was trained; write it by train, with \`out\` or \`checkpoint\`, of this version`,
  );
}
