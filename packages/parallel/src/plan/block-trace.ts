// Which memory blocks a computation allocates and frees, in order. Recorded for two numbers of samples, predicted for
// any. Knows the allocator, but nothing of jobs.
import type { Allocator } from "@shardgrad/core/engine";
import { allocateFrom, blockSize, heap } from "@shardgrad/core/engine";

/** Block numbers in order of allocation; `~number` frees the block. */
export interface BlockTrace {
  readonly events: readonly number[];
  /** Bytes of each block. */
  readonly sizes: readonly number[];
}

/** Runs `body`, and records the blocks of this thread's memory that it allocates and frees. */
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
  // Frees after this, such as of something a job keeps, do not belong to the trace.
  return { events: events.slice(), sizes };
}

/** Whether two traces come from the same computation, apart from sizes. */
export function isAlike(a: BlockTrace, b: BlockTrace): boolean {
  return a.events.length === b.events.length && a.events.every((event, at) => event === b.events[at]);
}

/** Two traces of the same computation: over `few` samples and over `more`. */
export interface TracePair {
  few: { samples: number; trace: BlockTrace };
  more: { samples: number; trace: BlockTrace };
}

/**
 * Predicts the trace over so many samples. Each block stays constant, grows linearly, or grows quadratically, as for
 * pairwise comparisons of samples.
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

/** The memory of successive computations, as core manages it: a freed block is reused only for its own size. */
export class KeptBlocks {
  /** All bytes ever allocated. */
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
