// How much shared memory a run can have. All kernels reach the 4 GiB of a process; native kernels reach all of the
// machine's memory, for which this moves what the process has to a larger heap, once, when a run needs it. Knows no run.
import { MemoryError } from "@shardgrad/core";
import { heap, moveToLargerHeap, wasmReachBytes } from "@shardgrad/core/engine";
import { machineMemory } from "./memory-budget.ts";
import type { RunKernels } from "./run-kernels.ts";
import { loadKernels } from "./run-kernels.ts";

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

  /** @param kernels the run's; without them there is no more than the heap that there is */
  constructor(kernels?: RunKernels) {
    this.#kernels = kernels;
  }

  /** Bytes of the heap, or of the one that could take its place. */
  get reachBytes(): number {
    const { byteLength } = heap().buffer;
    const most = Math.floor(machineMemory() / mebibyte) * mebibyte;
    return this.#kernels?.native && openRuns <= 1 ? Math.max(byteLength, most) : byteLength;
  }

  /** Bytes that are free, or would be. */
  get freeBytes(): number {
    const { arena, buffer } = heap();
    return arena.bytes - arena.live + this.reachBytes - buffer.byteLength;
  }

  /** Whose bytes these are, for errors. */
  get owner(): string {
    const { byteLength } = heap().buffer;
    if (!this.#kernels) return "a process has";
    if (!this.#kernels.native && byteLength <= wasmReachBytes)
      return `${this.#kernels.set} kernels reach (native ones reach all of the machine's memory)`;
    return openRuns > 1 ? "a process has while other runs are under way" : "a process has";
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
    try {
      moveToLargerHeap(this.reachBytes);
    } catch (error) {
      if (!(error instanceof MemoryError)) throw error;
      // A limit of the address space may still allow what is needed.
      const least = Math.ceil((buffer.byteLength + missing * 1.125) / mebibyte) * mebibyte;
      moveToLargerHeap(Math.min(least, this.reachBytes));
    }
  }
}
