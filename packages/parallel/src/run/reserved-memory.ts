// Heap memory that belongs to one run, freed all at once. As long as it is not, the heap stays where it is.
import { blockSize, heap, Storage } from "@shardgrad/core/engine";
import { noteRun } from "../plan/heap-room.ts";

export class ReservedMemory {
  #blocks: Storage[] = [];
  readonly #ended = noteRun();
  #isAbandoned = false;
  /** All reserved blocks. */
  bytes = 0;

  /** A block of the heap, not cleared. */
  reserve(bytes: number, holder: string): Storage {
    const block = Storage.allocate(bytes, holder);
    block.retain();
    this.#blocks.push(block);
    this.bytes += blockSize(bytes);
    return block;
  }

  /** A block of zeros. */
  allocate(bytes: number, holder: string): Storage {
    const block = this.reserve(bytes, holder);
    heap().uint8.fill(0, block.offset, block.offset + bytes);
    return block;
  }

  /** Never frees the memory: a thread may still write into it. */
  abandon(): void {
    this.#blocks = [];
    this.#isAbandoned = true;
  }

  release(): void {
    for (const block of this.#blocks) block.release();
    if (!this.#isAbandoned) this.#ended();
  }
}
