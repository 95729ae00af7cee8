// A block of the heap with a count of the tensors that look at it. The last one to go gives the block back.
import { heap } from "./heap.ts";

/** Where blocks come from, and go back to. */
export interface Allocator {
  allocate(bytes: number, holder: string): number;
  free(offset: number, bytes: number, holder: string): void;
}

/** In place of the thread's arena, while a step is recorded. */
let allocator: Allocator | null = null;

/** Runs `body` with all new blocks from `from`; null is the thread's arena. */
export function allocateFrom<T>(from: Allocator | null, body: () => T): T {
  const before = allocator;
  allocator = from;
  try {
    return body();
  } finally {
    allocator = before;
  }
}

/** Where the result of a computation should go: taken by the first block of this size, and again once that is gone. */
export interface Destination {
  readonly offset: number;
  readonly bytes: number;
  storage: Storage | null;
}

let destination: Destination | null = null;

/** Runs `body`, whose result is wanted at `place`, so that it may be computed there and need not be copied. */
export function allocateAt<T>(place: Destination | null, body: () => T): T {
  const before = destination;
  destination = place;
  try {
    return body();
  } finally {
    destination = before;
  }
}

/** A block of the heap, with a count of the tensors that look at it. */
export class Storage {
  /** Byte offset in the shared memory. */
  readonly offset: number;
  readonly bytes: number;
  readonly #allocator: Allocator | null;
  readonly #holder: string;
  #references = 0;

  private constructor(offset: number, bytes: number, holder: string, allocator: Allocator | null) {
    this.offset = offset;
    this.bytes = bytes;
    this.#holder = holder;
    this.#allocator = allocator;
  }

  /** A new block of this thread's arena. Its contents are whatever was there before. */
  static allocate(bytes: number, holder: string): Storage {
    if (destination?.bytes === bytes && !destination.storage?.used) {
      destination.storage = Storage.foreign(destination.offset, bytes);
      return destination.storage;
    }
    const from = allocator ?? heap().arena;
    return new Storage(from.allocate(bytes, holder), bytes, holder, from);
  }

  /** A block that somebody else owns, such as weights that several threads share; never freed from here. */
  static foreign(offset: number, bytes: number): Storage {
    return new Storage(offset, bytes, "foreign", null);
  }

  /** @internal True if a tensor looks at it. */
  get used(): boolean {
    return this.#references > 0;
  }

  /** @internal True if its block came from there. */
  isFrom(allocator: Allocator): boolean {
    return this.#allocator === allocator;
  }

  /** True if more than one tensor looks at it. */
  get shared(): boolean {
    return this.#references > 1;
  }

  /** One more tensor looks at it. */
  retain(): void {
    this.#references++;
  }

  /** One less; the last one gives the block back. */
  release(): void {
    if (--this.#references === 0) this.#allocator?.free(this.offset, this.bytes, this.#holder);
  }
}
