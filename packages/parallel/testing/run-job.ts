// Runs a job like train(), but with what a test injects: worker faults, a disk for checkpoints, a stop.
import { setEnvironmentData } from "node:worker_threads";
import type { AnyModule } from "@shardgrad/core";
import { thisMachine } from "../src/attempt/course.ts";
import { launchNow } from "../src/attempt/launch.ts";
import type { StoreEnvironment } from "../src/checkpoint/store.ts";
import type { TrainEvent, TrainResult } from "../src/events.ts";
import type { TrainOptions } from "../src/plan/train-options.ts";
import { coordinate } from "../src/run/coordinator.ts";
import type { Faults } from "./faults.ts";
import { faultKey } from "./faults.ts";

const workerUrl = new URL("./faulty-worker.ts", import.meta.url);

/** What a test injects into a run. */
export interface Circumstances {
  emit?: (event: TrainEvent) => unknown;
  stopRequested?: () => boolean;
  faults?: Faults;
  store?: StoreEnvironment;
}

/** @param job URL of its module */
export async function runJob(
  job: string,
  options: TrainOptions,
  { emit, stopRequested = () => false, faults = [], store }: Circumstances = {},
): Promise<TrainResult<AnyModule>> {
  const watched = (event: TrainEvent) => {
    // Threads that start from now on belong to the next attempt.
    if (event.type === "restart") setEnvironmentData(faultKey, faults[event.restart]);
    emit?.(event);
  };
  setEnvironmentData(faultKey, faults[0]);
  try {
    const environment = { ...thisMachine, ...(store && { store }) };
    return await coordinate(
      launchNow(job, workerUrl),
      options,
      { emit: watched, stopRequested },
      environment,
    );
  } finally {
    setEnvironmentData(faultKey, undefined);
  }
}
