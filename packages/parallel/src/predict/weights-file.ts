// Reads weights and all that is known of their run: from the file that `out` names, from a checkpoint, or from a folder
// of checkpoints, of which it takes the newest.
import { readFile, stat } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Tensor } from "@shardgrad/core";
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
  bytes: Uint8Array;
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
    return { path, bytes: files["model.safetensors"], state };
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
  try {
    return { path, bytes: await readFile(path) };
  } catch (error) {
    throw new JobError(`${operation}: cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
}

/**
 * The tensors of weights, and what is known of their run.
 *
 * @throws JobError if it is no such file, or of a version that did not say yet what it takes
 */
export function decodeWeights(operation: string, { path, bytes }: WeightsFile): Weights {
  try {
    const { tensors, metadata } = readSafetensors(bytes);
    const info = readWeightsInfo(metadata);
    if (info) return { tensors, info };
  } catch (error) {
    if (!(error instanceof ShardgradError)) throw error;
    throw new JobError(`${operation}: ${path}: ${oneLine(error.message)}`, { cause: error });
  }
  throw new JobError(
    `${operation}: ${path} does not say with which columns it was trained; write it by train, with \`out\` or \`checkpoint\`, of this version`,
  );
}
