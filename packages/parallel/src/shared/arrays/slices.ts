// Divides the flat arrays of a run: into one slice per worker, and into blocks whose squares are summed together.
import { heap } from "@shardgrad/core/engine";
import { cacheLineBytes } from "../words/control.ts";

export const floatsPerLine = cacheLineBytes / 4;

/** Elements per sum of squares in a norm. */
export const blockElements = 1024;

/**
 * Elements `from` … `to`-1 of the flat arrays belong to worker `rank` of `workers`: whole cache lines, or whole blocks
 * of `unit` elements.
 */
export function sliceOf(
  flatSize: number,
  rank: number,
  workers: number,
  unit = floatsPerLine,
): [from: number, to: number] {
  const units = Math.ceil(flatSize / unit);
  const cut = (part: number) => Math.min(flatSize, Math.floor((units * part) / workers) * unit);
  return [cut(rank), cut(rank + 1)];
}

/** `size` float32 numbers at byte `address`, as a view of the shared memory. Allocates an object: not for hot loops. */
export function floatsAt(address: number, size: number): Float32Array {
  const start = address / 4;
  return heap().float32.subarray(start, start + size);
}

/** Cells for the sums of an array of `flatSize` elements. */
export function blockCount(flatSize: number): number {
  return Math.ceil(flatSize / blockElements);
}
