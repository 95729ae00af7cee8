// One of the threads that barrier.ts has meet: as often as it is told, through the barrier of the product.
import { parentPort, workerData } from "node:worker_threads";
import { Barrier, Control } from "@shardgrad/parallel/engine";

export interface BarrierThread {
  view: Int32Array;
  parties: number;
  spin: boolean;
  /** Meetings in one stretch, and how many stretches there will be. */
  meetings: number;
  stretches: number;
}

const { view, parties, spin, meetings, stretches } = workerData as BarrierThread;
const barrier = new Barrier(new Control(view, 0), { parties, spin });
parentPort!.postMessage("ready");
for (let stretch = 0; stretch < stretches; stretch++) {
  // To begin together: the main thread comes when it is ready.
  barrier.wait();
  for (let done = 0; done < meetings; done++) barrier.wait();
}
