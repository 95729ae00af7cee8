// One of the other threads of `bench kernels --threads`: measures what the main thread measures, at the same time.
import { workerData } from "node:worker_threads";
import { findKernels } from "./kernel-sets.ts";
import { measureKernels } from "./measure-kernels.ts";
import type { Meeting } from "./pace.ts";
import { together } from "./pace.ts";

export interface KernelThread {
  meeting: Meeting;
  rank: number;
  only: string;
  rounds: number;
}

const { meeting, rank, only, rounds } = workerData as KernelThread;
const pace = together(meeting, rank);
try {
  measureKernels(findKernels(), { only, rounds, pace, announce: () => undefined });
} catch (error) {
  // The main thread waits for this one.
  pace.abort();
  throw error;
}
