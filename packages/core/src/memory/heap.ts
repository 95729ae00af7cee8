// The one shared memory of a thread, its typed views, and the thread's arena. Reserves everything at the start: untouched
// pages cost nothing, and views do not go stale by growth. It is a WebAssembly.Memory of 4 GiB, which all kernels reach,
// until `enlargeHeap` replaces it. Must not know tensors or kernels. See README.md in this folder.
import { MemoryError } from "../errors.ts";
import { Arena, formatBytes } from "./arena.ts";

const pageBytes = 65536;
const maximumPages = 65536;
const minimumPages = 1024;

/** A shared `WebAssembly.Memory`, or what has a SharedArrayBuffer as its buffer. The type of the former is in TypeScript's libraries for browsers, which few programs name. */
export interface SharedMemory {
  readonly buffer: ArrayBuffer;
}

/** Where a thread's numbers live: a memory, and the range that this thread may allocate from. */
export interface HeapOptions {
  /** The memory to share; by default a new one with 4 GiB of address space. */
  memory?: SharedMemory;
  /** First byte and length of the range; default: the whole memory. */
  base?: number;
  bytes?: number;
}

/** The most that WebAssembly reaches with 32-bit addresses, and with 64-bit ones. */
export const wasmReachBytes = maximumPages * pageBytes;
export const wideReachBytes = 4 * wasmReachBytes;

/** The shared memory of this thread, its typed views and its allocator. */
export class Heap {
  readonly memory: SharedMemory;
  readonly buffer: SharedArrayBuffer;
  readonly float32: Float32Array;
  readonly float64: Float64Array;
  readonly int32: Int32Array;
  readonly uint8: Uint8Array;
  readonly arena: Arena;
  /** Whether WebAssembly can work on it. */
  readonly isWasm: boolean;
  /** Whether that takes 64-bit addresses. No other WebAssembly.Memory has more than 4 GiB. */
  readonly isWide: boolean;

  /** @param arena one that other heaps had before; default: a new one over the range of the options */
  constructor(options: HeapOptions = {}, arena?: Arena) {
    this.memory = options.memory ?? reserveMemory();
    this.buffer = this.memory.buffer as unknown as SharedArrayBuffer;
    this.float32 = new Float32Array(this.buffer);
    this.float64 = new Float64Array(this.buffer);
    this.int32 = new Int32Array(this.buffer);
    this.uint8 = new Uint8Array(this.buffer);
    // Offset 0 is never allocated: kernels take it as "absent".
    const base = options.base ?? 1024;
    this.arena = arena ?? new Arena(base, options.bytes ?? this.buffer.byteLength - base);
    this.isWasm = typeof WebAssembly !== "undefined" && this.memory instanceof WebAssembly.Memory;
    this.isWide = this.isWasm && this.buffer.byteLength > wasmReachBytes;
  }
}

function reserveMemory(): WebAssembly.Memory {
  for (let pages = maximumPages; pages >= minimumPages; pages /= 2) {
    try {
      return new WebAssembly.Memory({ initial: pages, maximum: maximumPages, shared: true });
    } catch {
      // If the address space is limited (by a container or a 32-bit browser), try half.
    }
  }
  throw new MemoryError(
    `memory: cannot reserve ${formatBytes(minimumPages * pageBytes)} of shared WebAssembly memory; ` +
      "raise the limit of the address space (ulimit -v); in a browser, close other pages, or take a 64-bit one",
  );
}

let current: Heap | undefined;

/** This thread's heap, created on first use. */
export function heap(): Heap {
  current ??= new Heap();
  return current;
}

/**
 * Makes this thread allocate from the given range of a memory shared with other threads. Call it before the first
 * tensor.
 *
 * @throws MemoryError if the thread already has a heap
 */
export function openHeap(options: HeapOptions): Heap {
  if (current)
    throw new MemoryError("openHeap: this thread has a heap already; call it before the first tensor");
  current = new Heap(options);
  return current;
}

/** A `WebAssembly.Memory` with 64-bit addresses, or a plain buffer, which native code alone reaches. */
function reserveLarger(bytes: number, isWide: boolean): SharedMemory {
  try {
    if (!isWide) return { buffer: new SharedArrayBuffer(bytes) as unknown as ArrayBuffer };
    // Beyond 4 GiB in any case: see `isWide` of a heap.
    const pages = BigInt(Math.ceil(Math.max(bytes, wasmReachBytes + pageBytes) / pageBytes));
    const limits = { address: "i64", initial: pages, maximum: pages, shared: true };
    // The types do not know 64-bit addresses yet.
    return new WebAssembly.Memory(limits as unknown as WebAssembly.MemoryDescriptor);
  } catch (error) {
    throw new MemoryError(
      `memory: cannot reserve ${formatBytes(bytes)} of shared memory; raise the limit of the address space (ulimit -v), or use a smaller model`,
      { cause: error },
    );
  }
}

/**
 * Moves this thread's numbers to a new heap of so many bytes. All keep their addresses; typed arrays over the old heap do
 * not show what is written from now on. Only for a thread that shares its heap with no other.
 *
 * @param isWide whether WebAssembly must reach it, by 64-bit addresses: for at most `wideReachBytes`
 * @throws MemoryError if the system refuses; then nothing has changed
 */
export function enlargeHeap(bytes: number, isWide: boolean): Heap {
  const { arena, uint8 } = heap();
  const larger = new Heap({ memory: reserveLarger(bytes, isWide) }, arena);
  // What is free is not read: that would make its pages cost something.
  for (const part of arena.used())
    larger.uint8.set(uint8.subarray(part.offset, part.offset + part.bytes), part.offset);
  arena.extendTo(larger.buffer.byteLength);
  current = larger;
  return larger;
}
