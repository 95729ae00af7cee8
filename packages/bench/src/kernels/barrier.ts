// Measures the product's barrier, with no work between two waits. The main thread is one of the parties.
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { Barrier, Control, controlBytes } from "@shardgrad/parallel/engine";
import type { BarrierThread } from "./barrier-thread.ts";

const waits = 1000;

export interface BarrierWaits {
  /** Milliseconds of one wait, averaged over a stretch. */
  stretch(): number;
  /** Resolves when the threads have ended, after the last stretch. */
  ended: Promise<unknown>;
}

/** Starts threads that wait for each other in so many stretches; between stretches they sleep. */
export async function startWaits(parties: number, spin: boolean, stretches: number): Promise<BarrierWaits> {
  const view = new Int32Array(new SharedArrayBuffer(controlBytes(parties)));
  const barrier = new Barrier(new Control(view, 0), { parties, spin });
  const data: BarrierThread = { view, parties, spin, waits, stretches };
  const threads = Array.from(
    { length: parties - 1 },
    () => new Worker(new URL("./barrier-thread.ts", import.meta.url), { workerData: data }),
  );
  const ended = Promise.all(threads.map((thread) => once(thread, "exit")));
  await Promise.all(threads.map((thread) => once(thread, "message")));
  const stretch = () => {
    barrier.wait();
    const started = performance.now();
    for (let done = 0; done < waits; done++) barrier.wait();
    return (performance.now() - started) / waits;
  };
  return { stretch, ended };
}
