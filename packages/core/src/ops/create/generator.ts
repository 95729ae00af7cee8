// Gives kernels access to this thread's random stream. Its key lies in cells in memory, so that a recorded call can be
// repeated with other numbers. The generators themselves are in ../../random.ts.

import { writeGenerator } from "../../capture/random-streams.ts";
import { observer } from "../../observer.ts";
import type { Generator } from "../../random.ts";
import { currentGenerator } from "../../random.ts";
import { Tensor } from "../../tensor.ts";

/** One per thread: a kernel reads them before anybody else can draw. */
let cells: Tensor | undefined;

/** A place in the stream of a generator. */
type GeneratorPlace = Pick<Generator, "seed" | "stream" | "step" | "shard" | "position">;

/** The cells of a generator's stream, as `kernels/table/random.ts` describes them. Valid until the next call. */
export function generatorCells(generator: Omit<GeneratorPlace, "position">): Tensor {
  cells ??= Tensor.allocate([8], "int32", "generator").keep();
  writeGenerator(cells.address, generator, 0);
  return cells;
}

/** Reserves `count` numbers of the current generator; returns the cells and the position for the kernel. */
export function takePositions(count: number): { cells: number; position: number } {
  const generator = currentGenerator();
  const recording = observer();
  if (recording) return recording.draw(generator, count);
  return { cells: generatorCells(generator).address, position: generator.take(count) };
}

/** Reserves `count` numbers of the current generator; returns where they are, for good. */
export function takePlace(count: number): GeneratorPlace {
  const generator = currentGenerator();
  const { seed, stream, step, shard } = generator;
  return { seed, stream, step, shard, position: generator.take(count) };
}
