// The machine's own limit, which takes its turn in every round: how fast threads that share nothing multiply matrices
// with the kernels of the run, one of them and several at once. No division of work can gain more than those do.
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { RunKernels } from "@shardgrad/parallel/command";
import type { Entrant } from "./rounds.ts";
import type { SgemmMessage } from "./sgemm-thread.ts";
import type { ByRound } from "./statistics.ts";

const turnMs = 150;

export interface Yardstick {
  /** GFLOP/s of so many threads together, by round. */
  gflops: ReadonlyMap<number, ByRound>;
  entrant: Entrant;
  end(): Promise<void>;
}

async function messageOf(thread: Worker): Promise<SgemmMessage> {
  const [message] = await once(thread, "message");
  return message as SgemmMessage;
}

/** @param counts numbers of threads to measure */
export async function startYardstick(counts: readonly number[], kernels: RunKernels): Promise<Yardstick> {
  const threads = Array.from(
    { length: Math.max(...counts) },
    () => new Worker(new URL("./sgemm-thread.js", import.meta.url), { workerData: kernels }),
  );
  const end = async () => {
    await Promise.all(threads.map((thread) => thread.terminate()));
  };
  try {
    await Promise.all(threads.map(messageOf));
  } catch (error) {
    await end();
    throw error;
  }
  const gflops = new Map(counts.map((count) => [count, new Map<number, number>()]));
  const speedOf = async (count: number) => {
    const speeds = threads.slice(0, count).map((thread) => {
      const message = messageOf(thread);
      thread.postMessage(turnMs);
      return message;
    });
    return (await Promise.all(speeds)).reduce((sum, speed) => sum + speed, 0);
  };
  const turn = async (round: number) => {
    for (const count of counts) gflops.get(count)!.set(round, await speedOf(count));
  };
  return { gflops, entrant: { name: "matrix products", turn }, end };
}
