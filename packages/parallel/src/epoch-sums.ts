// What the steps of an epoch have brought so far, added up in their order: the same on every worker, from the same shared
// numbers. Time and samples count from where this thread began.
import type { EpochRecord } from "./epoch-records.ts";

export class EpochSums {
  lossSum: number;
  weight: number;
  #samples = 0;
  #startedMs = performance.now();

  /** Begins with what the epoch had brought when the run was interrupted. */
  constructor({ lossSum, weight }: { lossSum: number; weight: number }) {
    this.lossSum = lossSum;
    this.weight = weight;
  }

  /** From now on time counts. */
  start(): void {
    this.#startedMs = performance.now();
  }

  /** Adds a step: its samples, and, unless it was left out, its loss, which counts `weight` times. */
  add({ samples, loss, weight }: { samples: number; loss: number; weight: number }, admitted: boolean): void {
    this.#samples += samples;
    if (!admitted) return;
    this.lossSum += loss;
    this.weight += weight;
  }

  /** Ends an epoch, evaluated since `trainedMs`, and begins the next. */
  close(trainedMs: number, { step, metrics }: { step: number; metrics: number[] }): EpochRecord {
    const nowMs = performance.now();
    const record = {
      step,
      loss: this.lossSum / this.weight,
      samples: this.#samples,
      trainMs: trainedMs - this.#startedMs,
      evaluateMs: nowMs - trainedMs,
      metrics,
    };
    [this.lossSum, this.weight, this.#samples] = [0, 0, 0];
    this.start();
    return record;
  }
}
