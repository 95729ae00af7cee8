// How much shared memory a run can have. All kernels reach the 4 GiB of a process; WebAssembly reaches 16 GiB where the
// engine has 64-bit addresses, and native kernels all of the machine's memory. For more than 4 GiB this moves what the
// process has to a larger heap, when a run needs it. Knows no run.
import { MemoryError } from "@shardgrad/core";
import { heap, moveToLargerHeap, wasmReachBytes, wideReachBytes } from "@shardgrad/core/engine";
import { machineMemory } from "./memory-budget.ts";
import type { RunKernels } from "./run-kernels.ts";
import { loadKernels } from "./run-kernels.ts";
import { hasWideMemory, loadWideKernels } from "./wide-memory.ts";

const mebibyte = 1024 ** 2;

/** Runs of this process whose memory may be in use by other threads: these do not see a heap move. */
let openRuns = 0;

/** Notes that a run begins; returns what to call when no thread of it uses shared memory any more. */
export function noteRun(): () => void {
  openRuns++;
  return () => {
    openRuns--;
  };
}

/** Shared memory for one run. */
export class HeapRoom {
  readonly #kernels: RunKernels | undefined;
  /** What the kernels reach, however much there is. */
  readonly #kernelsReach: number;

  /** @param kernels the run's; without them there is no more than the heap that there is */
  constructor(kernels?: RunKernels) {
    this.#kernels = kernels;
    if (!kernels) this.#kernelsReach = 0;
    else if (kernels.native) this.#kernelsReach = Number.POSITIVE_INFINITY;
    else this.#kernelsReach = hasWideMemory() ? wideReachBytes : wasmReachBytes;
  }

  /** Bytes of the largest heap that could take the place of the one that there is. */
  get #most(): number {
    const most = Math.floor(Math.min(machineMemory(), this.#kernelsReach) / mebibyte) * mebibyte;
    return most > wasmReachBytes || this.#kernels?.native ? most : 0;
  }

  /** Bytes of the heap, or of the one that could take its place. */
  get reachBytes(): number {
    const { byteLength } = heap().buffer;
    return openRuns <= 1 ? Math.max(byteLength, this.#most) : byteLength;
  }

  /** Bytes that are free, or would be. */
  get freeBytes(): number {
    const { arena, buffer } = heap();
    return arena.bytes - arena.live + this.reachBytes - buffer.byteLength;
  }

  /** Whose bytes these are, for errors. */
  get owner(): string {
    const { reachBytes } = this;
    if (this.#most > reachBytes) return "a process has while other runs are under way";
    if (!this.#kernels || this.#kernelsReach !== reachBytes) return "a process has";
    const newer = reachBytes > wasmReachBytes ? "" : ", and WebAssembly 16 GiB from Node.js 24 on";
    return `${this.#kernels.set} kernels reach (native ones reach all of the machine's memory${newer})`;
  }

  /**
   * Makes room for so many bytes more, if they are not free.
   *
   * @throws MemoryError if there are not so many, or the system refuses
   */
  async make(bytes: number): Promise<void> {
    const { arena, buffer } = heap();
    const missing = bytes - (arena.bytes - arena.live);
    if (missing <= 0 || this.reachBytes <= buffer.byteLength) return;
    await loadKernels(this.#kernels!);
    const isWide = !this.#kernels!.native;
    if (isWide) await loadWideKernels();
    try {
      moveToLargerHeap(this.reachBytes, isWide);
    } catch (error) {
      if (!(error instanceof MemoryError)) throw error;
      // A limit of the address space may still allow what is needed.
      const least = Math.ceil((buffer.byteLength + missing * 1.125) / mebibyte) * mebibyte;
      moveToLargerHeap(Math.min(least, this.reachBytes), isWide);
    }
  }
}
