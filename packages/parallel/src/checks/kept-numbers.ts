// All numbers that outlive a step must be finite before a run saves any: weights, optimizer state, averages, buffers.
// Each worker checks its part of every tensor. The step loop combines their answers.
import type { AnyModule } from "@shardgrad/core";
import { Storage, trainingKernels } from "@shardgrad/core/engine";
import { NonFiniteError } from "../errors.ts";
import { floatsAt, sliceOf } from "../shared/arrays/slices.ts";
import { untrainedTensors } from "../shared/arrays/untrained.ts";
import type { Layout } from "../shared/layout.ts";
import type { Float64Table } from "../shared/tables/float64-table.ts";
import { readCell, tableBytes, writeCell } from "../shared/tables/float64-table.ts";

/** Float32 numbers that outlive a step. Can be sent to other threads. */
export interface KeptNumbers {
  /** "0.weight", or the name of its optimizer state or average. */
  what: string;
  address: number;
  size: number;
  /** True for numbers that start infinite and change, such as a running minimum. Then only NaN is refused. */
  mayBeInfinite?: true;
}

type Fits = (value: number) => boolean;

const fitsOf = ({ mayBeInfinite }: KeptNumbers): Fits =>
  mayBeInfinite ? (value) => !Number.isNaN(value) : Number.isFinite;

/** Whether numbers `from` … `to`-1 are acceptable. Their float32 squares cannot overflow the float64 sum. */
function allFit(
  fits: Fits,
  address: number,
  [from, to]: readonly [number, number],
  cell: Float64Table,
): boolean {
  writeCell(cell, 0, 0, 0);
  trainingKernels("float32").addSquares(to - from, address + 4 * from, cell.address);
  return fits(readCell(cell, 0, 0));
}

/** Whether the part of worker `rank` of `workers` is finite. */
export function isShareFinite(
  kept: readonly KeptNumbers[],
  [rank, workers]: readonly [rank: number, workers: number],
): boolean {
  const storage = Storage.allocate(tableBytes(1, 1), "finite");
  storage.retain();
  const cell = { address: storage.offset, rows: 1, columns: 1 };
  try {
    return kept.every((numbers) => {
      const { address, size } = numbers;
      return allFit(fitsOf(numbers), address, sliceOf(size, rank, workers), cell);
    });
  } finally {
    storage.release();
  }
}

/** `0.weight holds NaN`, for the first tensor that is not finite; undefined if all are. */
export function describeKept(kept: readonly KeptNumbers[]): string | undefined {
  for (const numbers of kept) {
    const { what, address, size } = numbers;
    const fits = fitsOf(numbers);
    const found = floatsAt(address, size).find((value) => !fits(value));
    if (found !== undefined) return `${what} holds ${found}`;
  }
  return undefined;
}

/**
 * Everything that a run keeps, after the layout and before its first step.
 *
 * @param step steps done so far
 * @throws NonFiniteError if something trainable is not finite yet. A constant may be: a mask of -Infinity, say.
 */
export function planKept(model: AnyModule, layout: Layout, step: number): KeptNumbers[] {
  const { parameters, weights, state, ema, untrained } = layout;
  const flat = (base: number, nameOf: (name: string) => string) =>
    parameters.map(({ name, start, size }) => ({ what: nameOf(name), address: base + 4 * start, size }));
  const trained = [
    ...flat(weights, (name) => name),
    ...state.flatMap(({ name: kind, address }) => flat(address, (name) => `${kind} of ${name}`)),
    ...(ema === undefined ? [] : flat(ema, (name) => `the average of ${name}`)),
  ];
  const first = describeKept(trained);
  if (first !== undefined) {
    throw new NonFiniteError(
      `train: before step ${step + 1}, ${first}; expected finite numbers: look at what model() makes, or freeze what is constant with requiresGrad = false`,
    );
  }
  const rest = untrainedTensors(model)
    .filter(([, { dtype }]) => dtype === "float32")
    .map(([what, { address, size }]) => ({ what, address, size }));
  // What no step changes needs no second check.
  const changing = rest.filter(({ address }) => address < untrained.address + untrained.changingBytes);
  const looked = changing.map(
    (numbers): KeptNumbers =>
      describeKept([numbers]) === undefined ? numbers : { ...numbers, mayBeInfinite: true },
  );
  return [...trained, ...looked.filter((numbers) => describeKept([numbers]) === undefined)];
}
