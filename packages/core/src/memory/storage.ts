// A block of the heap, and the number of tensors that use it. The last one frees the block.
import { heap } from "./heap.ts";

/** Allocates and frees blocks. */
export interface Allocator {
  allocate(bytes: number, holder: string): number;
  free(offset: number, bytes: number, holder: string): void;
}

/** Replaces the thread's arena while a step is recorded. */
let allocator: Allocator | null = null;

/** Runs `body` with `from` as the source of all new blocks; null is the thread's arena. */
export function allocateFrom<T>(from: Allocator | null, body: () => T): T {
  const before = allocator;
  allocator = from;
  try {
    return body();
  } finally {
    allocator = before;
  }
}

/** Where the result of a computation should go. The first block of this size takes it, and again after that block is freed. */
export interface Destination {
  readonly offset: number;
  readonly bytes: number;
  storage: Storage | null;
}

let destination: Destination | null = null;

/** Runs `body`, whose result should go to `place`, so that it may be computed there without a copy. */
export function allocateAt<T>(place: Destination | null, body: () => T): T {
  const before = destination;
  destination = place;
  try {
    return body();
  } finally {
    destination = before;
  }
}

/** A block of the heap, and the number of tensors that use it. */
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

  /** A new block of this thread's arena. Not cleared. */
  static allocate(bytes: number, holder: string): Storage {
    if (destination?.bytes === bytes && !destination.storage?.used) {
      destination.storage = Storage.foreign(destination.offset, bytes);
      return destination.storage;
    }
    const from = allocator ?? heap().arena;
    return new Storage(from.allocate(bytes, holder), bytes, holder, from);
  }

  /** A block with another owner, such as weights that several threads share; never freed from here. */
  static foreign(offset: number, bytes: number): Storage {
    return new Storage(offset, bytes, "foreign", null);
  }

  /** @internal True if a tensor uses it. */
  get used(): boolean {
    return this.#references > 0;
  }

  /** @internal True if its block came from there. */
  isFrom(allocator: Allocator): boolean {
    return this.#allocator === allocator;
  }

  /** True if more than one tensor uses it. */
  get shared(): boolean {
    return this.#references > 1;
  }

  /** Registers one more tensor. */
  retain(): void {
    this.#references++;
  }

  /** Unregisters a tensor; the last one frees the block. */
  release(): void {
    if (--this.#references === 0) this.#allocator?.free(this.offset, this.bytes, this.#holder);
  }
}
