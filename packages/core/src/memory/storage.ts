// A block of the heap, and the number of tensors that use it. The last one frees the block. Its first contents may be put
// off until somebody asks where it is: nobody does who only wants a model's shapes.
import { blockSize } from "./arena.ts";
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

/** What a whole block is to be filled with. */
export interface Filling {
  /** Two blocks with equal descriptions get equal contents. */
  readonly description: string;
  /** Writes it to a block at an offset. */
  writeAt(offset: number): void;
}

/** Blocks that were made while somebody builds shapes; null while nobody does. */
let putOff: Set<Storage> | null = null;

/** What was built by its shapes. */
export interface Unfilled<T> {
  readonly result: T;
  /** Bytes of the blocks that are not filled yet, and have no memory. */
  readonly bytes: number;
  /** Fills those that are still in use. */
  fillRest(): void;
}

/**
 * Runs `body`. Tensors of constants and of random numbers that it makes get memory and contents when they are first used:
 * those that they would have had.
 */
export function withoutFilling<T>(body: () => T): Unfilled<T> {
  const outer = putOff;
  const blocks = new Set<Storage>();
  const unfilled = () => [...blocks].filter((block) => block.used && !block.allocated);
  putOff = blocks;
  try {
    return {
      result: body(),
      get bytes() {
        return unfilled().reduce((sum, { bytes }) => sum + blockSize(bytes), 0);
      },
      fillRest: () => {
        for (const block of unfilled()) block.fill();
        blocks.clear();
      },
    };
  } finally {
    putOff = outer;
  }
}

/** A block of the heap, and the number of tensors that use it. */
export class Storage {
  readonly bytes: number;
  #offset: number;
  #filling: Filling | null = null;
  readonly #allocator: Allocator | null;
  readonly #holder: string;
  #references = 0;

  private constructor(offset: number, bytes: number, holder: string, allocator: Allocator | null) {
    this.#offset = offset;
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
    if (putOff !== null && allocator === null) {
      const later = new Storage(-1, bytes, holder, heap().arena);
      putOff.add(later);
      return later;
    }
    const from = allocator ?? heap().arena;
    return new Storage(from.allocate(bytes, holder), bytes, holder, from);
  }

  /** A block with another owner, such as weights that several threads share; never freed from here. */
  static foreign(offset: number, bytes: number): Storage {
    return new Storage(offset, bytes, "foreign", null);
  }

  /** Byte offset in the shared memory. Allocates and fills the block, if that was put off. */
  get offset(): number {
    if (this.#offset < 0) this.fill();
    return this.#offset;
  }

  /** @internal False if that was put off. */
  get allocated(): boolean {
    return this.#offset >= 0;
  }

  /** @internal What it is still to be filled with; null if nothing. */
  get filling(): Filling | null {
    return this.#filling;
  }

  /** @internal Puts its filling off; it is not allocated yet. */
  fillLater(filling: Filling): void {
    this.#filling = filling;
  }

  /** @internal Allocates and fills it, if that was put off. */
  fill(): void {
    if (this.allocated) return;
    this.#offset = this.#allocator!.allocate(this.bytes, this.#holder);
    const filling = this.#filling;
    this.#filling = null;
    filling?.writeAt(this.#offset);
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
    if (--this.#references === 0 && this.allocated)
      this.#allocator?.free(this.#offset, this.bytes, this.#holder);
  }
}
