// A block of the heap with a count of the tensors that look at it. The last one to go gives the block back.
import type { Arena } from "./arena.ts";
import { heap } from "./heap.ts";

/** A block of the heap, with a count of the tensors that look at it. */
export class Storage {
  /** Byte offset in the shared memory. */
  readonly offset: number;
  readonly bytes: number;
  readonly #arena: Arena | undefined;
  readonly #holder: string;
  #references = 0;

  private constructor(offset: number, bytes: number, holder: string, arena: Arena | undefined) {
    this.offset = offset;
    this.bytes = bytes;
    this.#holder = holder;
    this.#arena = arena;
  }

  /** A new block of this thread's arena. Its contents are whatever was there before. */
  static allocate(bytes: number, holder: string): Storage {
    const { arena } = heap();
    return new Storage(arena.allocate(bytes, holder), bytes, holder, arena);
  }

  /** A block that somebody else owns, such as weights that several threads share; never freed from here. */
  static foreign(offset: number, bytes: number): Storage {
    return new Storage(offset, bytes, "foreign", undefined);
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
    if (--this.#references === 0) this.#arena?.free(this.offset, this.bytes, this.#holder);
  }
}
