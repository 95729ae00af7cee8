// How the flat arrays of a run are cut: into one slice per worker, and into blocks whose squares are summed together.
import { heap } from "@shardgrad/core/engine";
import { cacheLineBytes } from "./control.ts";

export const floatsPerLine = cacheLineBytes / 4;

/** Elements whose squares are summed together when a norm is asked for. */
export const blockElements = 1024;

/**
 * Elements `from` … `to`-1 of the flat arrays that worker `rank` of `workers` is responsible for: whole cache lines, or
 * whole blocks of `unit` elements.
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

/** `size` float32 numbers from byte `address` on, as a view of the shared memory. Makes an object: not for hot loops. */
export function floatsAt(address: number, size: number): Float32Array {
  const start = address / 4;
  return heap().float32.subarray(start, start + size);
}

/** Cells that the sums of an array of `flatSize` elements take. */
export function blockCount(flatSize: number): number {
  return Math.ceil(flatSize / blockElements);
}
