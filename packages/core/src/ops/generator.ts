// Which random stream this thread draws from: one `Generator` at a time, which holds all of its state. Kernels read
// the key of the stream from cells in memory, so that a recorded call can be repeated with other numbers.
import { checkSeed, Generator } from "../random.ts";
import { Tensor } from "../tensor.ts";

let current = new Generator(0);

/** What `rand`, `randn`, `dropout` and parameter initialisation draw from on this thread. */
export function currentGenerator(): Generator {
  return current;
}

/** Restarts this thread's random stream: a new generator with the given seed. */
export function manualSeed(seed: number): void {
  current = new Generator(checkSeed("manualSeed", seed));
}

/** Runs `body` with another generator, which a framework may have keyed by step and shard with `restart`. */
export function withGenerator<T>(generator: Generator, body: () => T): T {
  const before = current;
  current = generator;
  try {
    return body();
  } finally {
    current = before;
  }
}

const cellsOf = new WeakMap<Generator, Tensor>();

/** Where kernels read the key of a generator's stream: see `kernels/table/random.ts`. Writes what has changed. */
export function generatorCells(generator: Generator): Tensor {
  let cells = cellsOf.get(generator);
  if (!cells) {
    cells = Tensor.allocate([8], "int32", "generator").keep();
    cells.data().fill(0);
    cellsOf.set(generator, cells);
  }
  const { seed, step, shard, stream } = generator;
  cells.data().set([seed, Math.floor(seed / 0x100000000), shard, step, stream]);
  return cells;
}

/** Reserves `count` numbers of the current generator: the cells and the position to pass to the kernel. */
export function takePositions(count: number): { cells: number; position: number } {
  return { cells: generatorCells(current).address, position: current.take(count) };
}
