// The yardstick, which takes its turn in every round like a contender. It measures how fast this machine multiplies
// 1024 × 1024 matrices with shardgrad's best kernels, on one core and on several independent ones. No division of work
// can gain more than those do.
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { SgemmPrepareCommand, SgemmPrepared, SgemmRunCommand, SgemmTurn } from "../protocol.ts";
import { serve } from "./serve.ts";
import type { SgemmMessage } from "./sgemm-thread.ts";

let threads: Worker[] = [];

async function messageOf<T extends SgemmMessage>(thread: Worker): Promise<T> {
  const [message] = await once(thread, "message");
  return message as T;
}

async function prepare({ threads: most }: SgemmPrepareCommand): Promise<SgemmPrepared> {
  threads = Array.from({ length: most }, () => new Worker(new URL("./sgemm-thread.ts", import.meta.url)));
  const ready = await Promise.all(threads.map((thread) => messageOf<{ kernels: string }>(thread)));
  return { kernels: ready[0]!.kernels };
}

/** GFLOP/s of so many threads together. */
async function speedOf(count: number, ms: number): Promise<number> {
  const speeds = threads.slice(0, count).map((thread) => {
    const message = messageOf<{ gflops: number }>(thread);
    thread.postMessage(ms);
    return message;
  });
  return (await Promise.all(speeds)).reduce((sum, { gflops }) => sum + gflops, 0);
}

async function run({ counts, ms }: SgemmRunCommand): Promise<SgemmTurn> {
  const gflops: number[] = [];
  for (const count of counts) gflops.push(await speedOf(count, ms));
  return { gflops };
}

serve({ prepare, run });
