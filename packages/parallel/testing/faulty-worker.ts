// The product's worker, with a fault that the thread finds in its environment (faults.ts).
import { getEnvironmentData } from "node:worker_threads";
import type { WorkerTask } from "../src/protocol.ts";
import type work from "../src/worker/worker.ts";
import type { Fault } from "./faults.ts";
import { faultKey, strike } from "./faults.ts";

const built = new URL("../dist/worker.js", import.meta.url).href;
const { default: serve }: { default: typeof work } = await import(built);

export default function workWithFault(task: WorkerTask): Promise<{ ok: true }> {
  const fault = getEnvironmentData(faultKey) as Fault | undefined;
  return serve(task, fault && ((...place) => strike(fault, ...place)));
}
