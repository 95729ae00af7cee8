// Where a model's tensors lie: its trained parameters in each flat array, and the others in a block of their own. Both
// follow from the model alone, so every thread finds the same.
import type { AnyModule, Tensor } from "@shardgrad/core";
import { bytesPerElement } from "@shardgrad/core/engine";
import { cacheLineBytes } from "../words/control.ts";
import { floatsPerLine } from "./slices.ts";
import { runningStatistics, trainedTensors, untrainedTensors } from "./untrained.ts";

/** Bytes of an element of the flat arrays. */
export const bytesPerFloat = 4;

/** One parameter in the flat arrays. */
export interface ParameterPlace {
  name: string;
  shape: readonly number[];
  /** First element. */
  start: number;
  /** Number of elements. */
  size: number;
}

/** Frozen parameters and buffers, in whole cache lines: first those that may change from step to step. */
export interface UntrainedPlaces {
  bytes: number;
  /** Bytes of the part that may change. */
  changingBytes: number;
  /** In the model's order. */
  places: { name: string; shape: readonly number[]; offset: number; bytes: number }[];
}

/** A model's trained parameters, each on its own cache line. */
export function placeParameters(model: AnyModule): { parameters: ParameterPlace[]; flatSize: number } {
  let start = 0;
  const parameters = trainedTensors(model).map(([name, { shape, size }]): ParameterPlace => {
    const place = { name, shape, start, size };
    start += Math.ceil(size / floatsPerLine) * floatsPerLine;
    return place;
  });
  return { parameters, flatSize: start };
}

/** A model's untrained tensors, each on its own cache line; `changes` says whether all of them may change. */
export function placeUntrained(model: AnyModule, changes: boolean): UntrainedPlaces {
  const statistics = runningStatistics(model);
  const untrained = untrainedTensors(model);
  let end = 0;
  const offsets = new Map<Tensor, number>();
  const place = (changing: boolean) => {
    for (const [, x] of untrained) {
      if ((changes || statistics.has(x)) !== changing) continue;
      offsets.set(x, end);
      end += Math.ceil(tensorBytes(x) / cacheLineBytes) * cacheLineBytes;
    }
    return end;
  };
  const changingBytes = place(true);
  const bytes = place(false);
  const places = untrained.map(([name, x]) => {
    return { name, shape: x.shape, offset: offsets.get(x)!, bytes: tensorBytes(x) };
  });
  return { bytes, changingBytes, places };
}

/** Bytes of a tensor's elements. */
export function tensorBytes({ size, dtype }: Tensor): number {
  return size * bytesPerElement[dtype];
}
