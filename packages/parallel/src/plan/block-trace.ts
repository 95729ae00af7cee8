// Which blocks of memory a computation takes and gives back, in order: noted for two numbers of samples, told for any.
// Knows the allocator, but nothing of jobs.
import type { Allocator } from "@shardgrad/core/engine";
import { allocateFrom, blockSize, heap } from "@shardgrad/core/engine";

/** Blocks by number, in the order in which they were taken; given back is `~number`. */
export interface BlockTrace {
  readonly events: readonly number[];
  /** Bytes of each block. */
  readonly sizes: readonly number[];
}

/** Does `body`, and notes the blocks of this thread's memory that it takes and gives back. */
export function traceBlocks(body: () => void): BlockTrace {
  const { arena } = heap();
  const events: number[] = [];
  const sizes: number[] = [];
  const numbers = new Map<number, number>();
  const noting: Allocator = {
    allocate(bytes, holder) {
      const offset = arena.allocate(bytes, holder);
      numbers.set(offset, sizes.length);
      events.push(sizes.length);
      sizes.push(bytes);
      return offset;
    },
    free(offset, bytes, holder) {
      arena.free(offset, bytes, holder);
      events.push(~numbers.get(offset)!);
    },
  };
  allocateFrom(noting, body);
  // What is given back later, such as what a job keeps, is no longer a part of it.
  return { events: events.slice(), sizes };
}

/** Whether two traces are of the same computation, but for sizes. */
export function isAlike(a: BlockTrace, b: BlockTrace): boolean {
  return a.events.length === b.events.length && a.events.every((event, at) => event === b.events[at]);
}

/** Two traces of the same computation: over `few` samples and over `more`. */
export interface TracePair {
  few: { samples: number; trace: BlockTrace };
  more: { samples: number; trace: BlockTrace };
}

/**
 * The trace over so many samples: each block grows with them in a straight line, or not at all, or with their square, as
 * what compares each sample with each other does.
 */
export function traceFor({ few, more }: TracePair, samples: number): BlockTrace {
  const sizes = few.trace.sizes.map((size, block) => {
    const larger = more.trace.sizes[block]!;
    const isSquare = size * more.samples ** 2 === larger * few.samples ** 2;
    const along = (x: number) => (isSquare ? x ** 2 : x);
    const slope = (larger - size) / (along(more.samples) - along(few.samples));
    return Math.max(1, Math.round(size + slope * (along(samples) - along(few.samples))));
  });
  return { events: few.trace.events, sizes };
}

/**
 * The memory of one computation after the other, as core keeps it: a block that was given back goes to the next of its
 * size, and to no other.
 */
export class KeptBlocks {
  /** All that was ever taken. */
  bytes = 0;
  readonly #waiting = new Map<number, number>();

  add({ events, sizes }: BlockTrace): void {
    for (const event of events) {
      const size = blockSize(sizes[event < 0 ? ~event : event]!);
      const waiting = this.#waiting.get(size) ?? 0;
      if (event < 0) this.#waiting.set(size, waiting + 1);
      else if (waiting > 0) this.#waiting.set(size, waiting - 1);
      else this.bytes += size;
    }
  }
}
