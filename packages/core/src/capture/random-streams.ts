// The random streams that a recorded step draws from. Kernels read a stream's position from cells in memory. Each replay
// first writes the current position there, so the same calls draw new numbers. Knows nothing of recordings.
import { heap } from "../memory/heap.ts";
import { Storage } from "../memory/storage.ts";
import type { Generator } from "../random.ts";
import { currentGenerator } from "../random.ts";

/** A random stream that the step draws from. */
interface Stream {
  /** Null for the stream that the thread uses when the step begins. */
  readonly generator: Generator | null;
  /** What its kernels read: key and first block (see kernels/table/random.ts). */
  readonly cells: Storage;
  /** Its position at the first use. */
  readonly position: number;
}

const wordsPerGenerator = 8;

/** Stores a generator's position, as kernels read it; `first` is the first block to draw from. */
export function writeGenerator(
  address: number,
  generator: Pick<Generator, "seed" | "step" | "shard" | "stream">,
  first: number,
): void {
  const words = heap().int32;
  const { seed, step, shard, stream } = generator;
  const at = address / 4;
  words[at] = seed;
  words[at + 1] = Math.floor(seed / 0x100000000);
  words[at + 2] = shard;
  words[at + 3] = step;
  words[at + 4] = stream;
  words[at + 5] = first;
  words[at + 6] = Math.floor(first / 0x100000000);
  words[at + 7] = 0;
}

const blockOf = (position: number): number => Math.floor(position / 4);

export class RandomStreams {
  readonly #ambient = currentGenerator();
  readonly #streams = new Map<Generator, Stream>();
  /** How many numbers the whole step took from each. */
  #taken: { stream: Stream; count: number }[] = [];

  has(generator: Generator): boolean {
    return this.#streams.has(generator);
  }

  /** Before the first draw from a stream. `fits` tells whether a replay can start at its current position. */
  begin(generator: Generator): { cells: Storage; fits: () => boolean } {
    const { position } = generator;
    const cells = Storage.allocate(wordsPerGenerator * 4, "generator");
    cells.retain();
    writeGenerator(cells.offset, generator, blockOf(position));
    const known = generator === this.#ambient ? null : generator;
    this.#streams.set(generator, { generator: known, cells, position });
    return { cells, fits: () => ((known ?? currentGenerator()).position - position) % 4 === 0 };
  }

  /** Takes `count` numbers. Their position counts from the block that the cells name. */
  draw(generator: Generator, count: number): { cells: number; position: number } {
    const { cells, position } = this.#streams.get(generator)!;
    return { cells: cells.offset, position: generator.take(count) - 4 * blockOf(position) };
  }

  /** At the end of the step: each replay will take as many numbers as it did. */
  endStep(): void {
    this.#taken = Array.from(this.#streams, ([generator, stream]) => ({
      stream,
      count: generator.position - stream.position,
    }));
  }

  /** Before a replay: writes the current positions. */
  write(): void {
    for (const { generator, cells } of this.#streams.values()) {
      const now = generator ?? currentGenerator();
      writeGenerator(cells.offset, now, blockOf(now.position));
    }
  }

  /** After a replay. */
  advance(): void {
    for (const { stream, count } of this.#taken) (stream.generator ?? currentGenerator()).take(count);
  }

  dispose(): void {
    for (const { cells } of this.#streams.values()) cells.release();
    this.#streams.clear();
  }
}
