// The memory of captured steps. Blocks are taken from the arena once and reused while a step is recorded. Nobody else
// gets them, so the recorded order of allocations and frees is the plan of every replay. Two tensors share a block if,
// and only if, one was freed before the other was created.
import type { Arena } from "./arena.ts";
import { blockSize } from "./arena.ts";
import type { Allocator } from "./storage.ts";

const holder = "captured step";

/** Blocks that captured steps share with each other, and with nobody else. */
export class Plan implements Allocator {
  /** Bytes taken from the arena. */
  bytes = 0;
  /** Gets each block that is allocated or freed. */
  listener: { allocates(offset: number, bytes: number): void; frees(offset: number): void } | null = null;
  readonly #arena: Arena;
  readonly #waiting = new Map<number, number[]>();
  #closed = false;

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  allocate(bytes: number): number {
    const size = blockSize(bytes);
    const offset = this.#waiting.get(size)?.pop() ?? this.#take(size);
    this.listener?.allocates(offset, size);
    return offset;
  }

  free(offset: number, bytes: number): void {
    const size = blockSize(bytes);
    const list = this.#waiting.get(size);
    this.listener?.frees(offset);
    if (this.#closed) this.#giveBack(offset, size);
    else if (list) list.push(offset);
    else this.#waiting.set(size, [offset]);
  }

  /** Frees unused blocks now, and the others when they are released. Do not record or replay afterwards. */
  close(): void {
    this.#closed = true;
    for (const [size, offsets] of this.#waiting) for (const offset of offsets) this.#giveBack(offset, size);
    this.#waiting.clear();
  }

  #take(size: number): number {
    const offset = this.#arena.allocate(size, holder);
    this.bytes += size;
    return offset;
  }

  #giveBack(offset: number, size: number): void {
    this.#arena.free(offset, size, holder);
    this.bytes -= size;
  }
}
