// What a safetensors file or a checkpoint holds: tensors with their statistics, metadata, and what is known of the run.
import type { SafetensorsSource } from "@shardgrad/core";
import { readSafetensors, scope } from "@shardgrad/core";
import { JobError } from "@shardgrad/parallel";
import type { CheckpointState, WeightsFile, WeightsInfo } from "@shardgrad/parallel/command";
import { readParts, readWeightsFile, readWeightsInfo } from "@shardgrad/parallel/command";

/** One tensor; statistics are over its finite numbers, and null if it has none. */
export interface InspectedTensor {
  name: string;
  /** As in the file, such as F32. */
  dtype: string;
  shape: readonly number[];
  min: number | null;
  mean: number | null;
  max: number | null;
  std: number | null;
  /** How many numbers are NaN or infinite. */
  nonFinite: number;
}

/** What `inspectWeights` found. */
export interface Inspected {
  path: string;
  bytes: number;
  parameters: number;
  tensors: InspectedTensor[];
  /** Texts in the file that are not listed below. */
  metadata: Record<string, string>;
  run?: WeightsInfo;
  /** Of a checkpoint: how far its run was, and what it was. */
  checkpoint?: Pick<CheckpointState, "step" | "epoch" | "metrics" | "settings">;
}

function statisticsOf(values: ArrayLike<number>): Omit<InspectedTensor, "name" | "dtype" | "shape"> {
  let [min, max, sum, count] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isFinite(value)) continue;
    if (value < min) min = value;
    if (value > max) max = value;
    sum += value;
    count++;
  }
  const nonFinite = values.length - count;
  if (count === 0) return { min: null, mean: null, max: null, std: null, nonFinite };
  const mean = sum / count;
  let squares = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (Number.isFinite(value)) squares += (value - mean) ** 2;
  }
  return { min, mean, max, std: Math.sqrt(squares / count), nonFinite };
}

/** The dtypes as the file has them, by name. The file was read before, so its header is right. */
function dtypesOf(file: Uint8Array | SafetensorsSource): Record<string, { dtype: string }> {
  const read = (start: number, length: number) => {
    if (file instanceof Uint8Array) return file.slice(start, start + length);
    const part = new Uint8Array(length);
    file.read(start, part);
    return part;
  };
  const length = Number(new DataView(read(0, 8).buffer).getBigUint64(0, true));
  return JSON.parse(new TextDecoder().decode(read(8, length)));
}

function inspect(file: WeightsFile): Inspected {
  const { path, bytes, state } = file;
  const { tensors, metadata, dtypes } = readParts("inspect", file, (source) => {
    return { ...readSafetensors(source), dtypes: dtypesOf(source) };
  });
  const run = readWeightsInfo(metadata);
  const rest = Object.entries(metadata).filter(([key]) => !run || !key.startsWith("shardgrad."));
  const inspected = [...tensors].map(([name, x]) => {
    const { shape } = x;
    return { name, dtype: dtypes[name]!.dtype, shape, ...statisticsOf(x.toArray()) };
  });
  return {
    path,
    bytes,
    parameters: [...tensors.values()].reduce((sum, { size }) => sum + size, 0),
    tensors: inspected,
    metadata: Object.fromEntries(rest),
    ...(run && { run }),
    ...(state && {
      checkpoint: { step: state.step, epoch: state.epoch, metrics: state.metrics, settings: state.settings },
    }),
  };
}

/**
 * Looks into a safetensors file of anybody, or into a checkpoint.
 *
 * @throws JobError if there is no such file, or it is none; CheckpointError if a checkpoint is damaged
 */
export async function inspectWeights(file: string | URL): Promise<Inspected> {
  const found = await readWeightsFile("inspect", file);
  try {
    return scope(() => inspect(found));
  } catch (error) {
    if (error instanceof JobError) throw error;
    throw new JobError(`inspect: ${found.path}: ${(error as Error).message}`, { cause: error });
  }
}
