// state.json: the position of a run, its identity, and the sizes and SHA-256 sums of the other files. Written last. Its
// last line holds its own sum, so that a changed byte anywhere in a checkpoint is noticed.
import { createHash } from "node:crypto";
import type { SavedGroup } from "@shardgrad/core";
import { CheckpointError } from "../errors.ts";
import type { RunChange, RunSettings } from "./changes.ts";
import type { JobFingerprint } from "./fingerprint.ts";
import {
  count,
  Damage,
  exactly,
  list,
  listOf,
  matching,
  number,
  object,
  plain,
  record,
  scalar,
  text,
} from "./schema.ts";

/** The version of the format that this writes, and the newest that it reads. */
export const formatVersion = 2;

/** A JSON value; also keeps NaN, infinity and -0. */
export type Plain = null | boolean | number | string | readonly Plain[] | { readonly [key: string]: Plain };

/** The position of a run, and its identity. */
export interface CheckpointState {
  /** Steps done. */
  step: number;
  /** Epochs done. */
  epoch: number;
  /** Samples of the current epoch that are done. */
  cursor: number;
  /** The state of the random numbers. */
  random: Plain;
  /** Results of the last evaluation. */
  metrics: Readonly<Record<string, number>>;
  fingerprint: JobFingerprint;
  /** Settings that may change on a resume. */
  settings: RunSettings;
  /** Changes at earlier resumes, oldest first. */
  changes: readonly RunChange[];
  /** What computed, for information: a run resumes with other kernels, too, but not to the same bits. */
  computedBy: Readonly<Record<string, string>>;
  /** The job's source files, by path relative to its folder, with their SHA-256; for information. */
  sources: Readonly<Record<string, string>>;
  /** The optimizer's state without its tensors. */
  optimizer: { stepCount: number; paramGroups: readonly SavedGroup[] };
}

/** A file's entry in state.json. */
export interface FileRecord {
  bytes: number;
  sha256: string;
}

/** The files listed in state.json of every checkpoint. */
export const tensorFiles = ["model.safetensors", "optimizer.safetensors"] as const;
/**
 * The second file of a run that averages its weights. If the model's file holds the average, because that was
 * evaluated, this one holds the weights; otherwise the average.
 */
export const besideFiles = ["weights.safetensors", "average.safetensors"] as const;
/** All files of a checkpoint. Anything else in its directory is not ours. */
export const checkpointFiles: readonly string[] = [...tensorFiles, ...besideFiles, "state.json"];
export type TensorFile = (typeof tensorFiles)[number] | (typeof besideFiles)[number];
/** A value for each existing file. */
export type OfFiles<T> = Record<(typeof tensorFiles)[number], T> & Partial<Record<TensorFile, T>>;
export type FileRecords = OfFiles<FileRecord>;

/** The existing files, in the order in which they are written. */
export function filesOf(files: OfFiles<unknown>): TensorFile[] {
  return [...tensorFiles, ...besideFiles.filter((name) => Object.hasOwn(files, name))];
}

/** The end of the file. The sum covers everything before it. */
const tail = /,\n {2}"sha256": "([0-9a-f]{64})"\n\}\n$/;
const tailBytes = ',\n  "sha256": ""\n}\n'.length + 64;

const sumOf = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** Marks numbers that JSON cannot represent. */
const numberKey = "$number";

function tagNumber(_: string, value: unknown): unknown {
  if (typeof value !== "number" || (Number.isFinite(value) && !Object.is(value, -0))) return value;
  return { [numberKey]: Object.is(value, -0) ? "-0" : String(value) };
}

const untagged = new Map(["NaN", "Infinity", "-Infinity", "-0"].map((name) => [name, Number(name)]));

function untagNumber(_: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Object.keys(value).join() !== numberKey) return value;
  return untagged.get((value as Record<string, string>)[numberKey]!) ?? value;
}

/** More axes than any tensor of ours has; limits what a message may quote. */
const mostAxes = 64;
const tensor = object({ name: text, shape: list(count, { most: mostAxes }), dtype: text });

const fingerprint = object({
  seed: count,
  batchSize: count,
  shards: count,
  samples: count,
  details: record(scalar),
  tensors: list(tensor),
  optimizer: object({ name: text, groups: list(list(count)), state: list(list(tensor)) }),
});

const sum = matching(/^[0-9a-f]{64}$/, "a SHA-256");
const file = object({ bytes: count, sha256: sum });

/** Everything in state.json but its own sum. */
const schema = object({
  format: exactly("shardgrad-checkpoint"),
  version: exactly(formatVersion),
  step: count,
  epoch: count,
  cursor: count,
  random: plain,
  metrics: record(number),
  fingerprint,
  settings: record(scalar),
  changes: list(object({ step: count, changes: list(text) })),
  computedBy: record(text),
  sources: record(sum),
  optimizer: object({ stepCount: count, paramGroups: list(record(plain)) }),
  files: (value, at) => {
    const names = typeof value === "object" && value !== null ? filesOf(value as FileRecords) : tensorFiles;
    object(Object.fromEntries(names.map((name) => [name, file])))(value, at);
  },
});

/** An optimizer numbers its parameters from 0, and its groups must match the fingerprint. */
function requireGroups({ fingerprint, optimizer }: CheckpointState): void {
  const { groups, state } = fingerprint.optimizer;
  listOf(groups.length, list(count))(
    optimizer.paramGroups.map(({ params }) => params),
    "state.json.optimizer.paramGroups",
  );
  groups.flat().forEach((parameter, index) => {
    exactly(index)(parameter, `state.json: parameter ${index} of the groups`);
  });
  listOf(groups.flat().length, plain)(state, "state.json.fingerprint.optimizer.state");
  groups.forEach((group, index) => {
    const params = optimizer.paramGroups[index]!.params;
    exactly(group.join())(params.join(), `state.json.optimizer.paramGroups[${index}].params`);
  });
}

function parse(body: Uint8Array): Record<string, unknown> {
  try {
    return JSON.parse(`${Buffer.from(body)}}`, untagNumber);
  } catch (error) {
    // Too deep nesting is not valid either.
    throw new Damage(`state.json is no JSON: ${(error as Error).message.split("\n")[0]}`);
  }
}

/** The bytes of state.json. */
export function formatState(state: CheckpointState, files: FileRecords): Uint8Array {
  const text = JSON.stringify(
    { format: "shardgrad-checkpoint", version: formatVersion, ...state, files },
    tagNumber,
    2,
  );
  const body = new TextEncoder().encode(text.slice(0, -"\n}".length));
  return Buffer.concat([body, Buffer.from(`,\n  "sha256": "${sumOf(body)}"\n}\n`)]);
}

/**
 * Reads state.json.
 *
 * @throws Damage if it has been changed
 * @throws CheckpointError if a newer version wrote it
 */
export function parseState(bytes: Uint8Array): { state: CheckpointState; files: FileRecords } {
  const body = bytes.subarray(0, Math.max(0, bytes.length - tailBytes));
  const expected = tail.exec(Buffer.from(bytes.subarray(body.length)).toString("latin1"))?.[1];
  if (expected === undefined)
    throw new Damage("state.json is cut off or was changed: it does not end with its SHA-256");
  if (sumOf(body) !== expected) throw new Damage("state.json was changed: its SHA-256 does not fit");
  const parsed = parse(body);
  const { format, version, files, ...rest } = parsed;
  if (format === "shardgrad-checkpoint" && Number.isSafeInteger(version) && version !== formatVersion) {
    throw new CheckpointError(
      `checkpoint: its format has version ${version}, expected ${formatVersion}; read it with the version of @shardgrad/parallel that wrote it`,
    );
  }
  schema(parsed, "state.json");
  const state = rest as unknown as CheckpointState;
  requireGroups(state);
  return { state, files: files as FileRecords };
}
