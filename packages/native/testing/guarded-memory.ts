// Arrays between pages that cannot be touched: a kernel that reads or writes outside ends the process.
import koffi from "koffi";
import { systemFunction } from "../src/code/foreign.ts";

// Also a multiple of the pages of 16 KiB that some systems have.
const page = 65536;
const [NONE, READ_WRITE] = [0, 3];
const MAP_PRIVATE = 2;
const MAP_ANONYMOUS = process.platform === "darwin" ? 0x1000 : 0x20;

interface Room {
  readonly address: number;
  readonly bytes: Uint8Array;
}

function mapRoom(size: number): Room {
  const mmap = systemFunction("uintptr_t mmap(uintptr_t, size_t, int, int, int, int64_t)");
  const protect = systemFunction("int mprotect(uintptr_t, size_t, int)");
  const start = Number(mmap(0, size + 2 * page, READ_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  const address = start + page;
  for (const at of [start, address + size])
    if (protect(at, page, NONE) !== 0) throw new Error(`mprotect: errno ${koffi.errno()}`);
  return { address, bytes: new Uint8Array(koffi.view(BigInt(address), size)) };
}

/** Memory for so many arrays, each up to `size` bytes. */
export class GuardedMemory {
  readonly #rooms: readonly Room[];
  readonly #size: number;
  #used = 0;

  constructor(arrays: number, size: number) {
    this.#size = Math.ceil(size / page) * page;
    this.#rooms = Array.from({ length: arrays }, () => mapRoom(this.#size));
  }

  /** All arrays may be placed anew. */
  clear(): void {
    this.#used = 0;
  }

  /** Places an array in a room of its own, at its end or its beginning; returns its address, and a function that reads it. */
  place(array: Float32Array | Int32Array, atEnd: boolean): { address: number; read: () => Int32Array } {
    const { address, bytes } = this.#rooms[this.#used++]!;
    const length = array.byteLength;
    const from = atEnd ? this.#size - length : 0;
    bytes.set(new Uint8Array(array.buffer, array.byteOffset, length), from);
    return {
      address: address + from,
      read: () => new Int32Array(bytes.slice(from, from + length).buffer),
    };
  }
}
