// The yardstick, which has its turn in every round like a contender: how fast this machine multiplies matrices of
// 1024 × 1024 with the best kernels that shardgrad has on it, on one core, and on several that do not know of each other.
// What those gain over one is all that any division of work can gain here.
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

/** GFLOP/s of so many threads at once, added up. */
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
