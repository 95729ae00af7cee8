// What a file of weights, and the model's file of a checkpoint, say besides tensors: all that it takes to use them
// without the data. Text by name, as safetensors files have it.
import type { Shape } from "@shardgrad/core";
import { FormatError } from "@shardgrad/core";
import type { StoredColumns } from "../data/columns.ts";
import type { JobContext, Params } from "../params.ts";
import { decodeState, encodeState } from "../state.ts";

/** A column that a model was trained with: its input, what it was to predict, or any other. */
export interface KnownColumn {
  dtype: "float32" | "int32" | "uint8";
  /** Of one sample. */
  shape: Shape;
  /** Bytes that become float32 have both. */
  scale?: number;
  shift?: number;
}

/** What is known of a run from its weights. */
export interface WeightsInfo {
  params: Params;
  state: unknown;
  /** The columns in their order, and the names of the raw rows that they were made of, if they were. */
  columns: Readonly<Record<string, KnownColumn>>;
  rows?: readonly string[];
  seed: number;
}

const keys = {
  params: "shardgrad.params",
  state: "shardgrad.state",
  columns: "shardgrad.columns",
  rows: "shardgrad.rows",
  seed: "shardgrad.seed",
} as const;

/** The metadata of a run's weights. Their layout is PyTorch's, as "format" says. */
export function describeWeights(
  { params, state }: JobContext,
  { columns }: StoredColumns,
  { rows, seed }: { rows: readonly string[] | undefined; seed: number },
): Record<string, string> {
  const known = columns.map(({ name, dtype, shape, scaling }) => [name, { dtype, shape, ...scaling }]);
  return {
    format: "pt",
    ...(Object.keys(params).length > 0 && { [keys.params]: JSON.stringify(params) }),
    ...(state !== undefined && { [keys.state]: encodeState(state) }),
    [keys.columns]: JSON.stringify(Object.fromEntries(known)),
    ...(rows && { [keys.rows]: JSON.stringify(rows) }),
    [keys.seed]: String(seed),
  };
}

/**
 * What the metadata of a file of weights says; undefined if `train` did not write it, or an earlier version did.
 *
 * @throws FormatError if it has been changed, and cannot be read
 */
export function readWeightsInfo(metadata: Readonly<Record<string, string>>): WeightsInfo | undefined {
  const { [keys.columns]: columns, [keys.params]: params, [keys.state]: state } = metadata;
  if (columns === undefined) return undefined;
  const { [keys.rows]: rows, [keys.seed]: seed } = metadata;
  try {
    return {
      params: params === undefined ? {} : (JSON.parse(params) as Params),
      state: state === undefined ? undefined : decodeState(state),
      columns: JSON.parse(columns) as WeightsInfo["columns"],
      ...(rows !== undefined && { rows: JSON.parse(rows) as string[] }),
      seed: Number(seed ?? 0),
    };
  } catch (error) {
    throw new FormatError(`its metadata cannot be read: ${(error as Error).message}`, { cause: error });
  }
}
