// One of the threads of barrier.ts: waits at the product's barrier as often as told.
import { parentPort, workerData } from "node:worker_threads";
import { Barrier, Control } from "@shardgrad/parallel/engine";

export interface BarrierThread {
  view: Int32Array;
  parties: number;
  spin: boolean;
  /** Waits per stretch, and the number of stretches. */
  waits: number;
  stretches: number;
}

const { view, parties, spin, waits, stretches } = workerData as BarrierThread;
const barrier = new Barrier(new Control(view, 0), { parties, spin });
parentPort!.postMessage("ready");
for (let stretch = 0; stretch < stretches; stretch++) {
  // Begin together: the main thread arrives when it is ready.
  barrier.wait();
  for (let done = 0; done < waits; done++) barrier.wait();
}
