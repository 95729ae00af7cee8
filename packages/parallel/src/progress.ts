// Reads the shared words and records of a run as they change, and turns them into events.
import { heap } from "@shardgrad/core/engine";
import type { Control } from "./control.ts";
import type { EpochRecord } from "./epoch-records.ts";
import { readRecord, recordSize } from "./epoch-records.ts";
import type { TrainEvent } from "./events.ts";
import type { Layout } from "./layout.ts";
import type { SamplingPlan } from "./sampling.ts";
import { stepsPerEpoch } from "./sampling.ts";

/** What there is to follow. */
export interface Followed {
  control: Control;
  layout: Layout;
  sampling: SamplingPlan;
  /** Steps and epochs to do in all. */
  plan: { steps: number; epochs: number };
  /** Names of the metrics that are evaluated. */
  metrics: readonly string[];
}

export class Progress {
  /** Of the epochs that are over. */
  readonly records: EpochRecord[] = [];
  readonly #run: Followed;
  readonly #publish: (event: TrainEvent) => void;
  readonly #startedMs = performance.now();
  #lastStep = 0;

  constructor(run: Followed, publish: (event: TrainEvent) => void) {
    this.#run = run;
    this.#publish = publish;
  }

  /** Publishes what is new since the last look. */
  poll(): void {
    const { control, plan, sampling } = this.#run;
    while (this.records.length < control.load("epochs")) this.#publishEpoch();
    const step = control.load("step");
    if (step === this.#lastStep) return;
    this.#lastStep = step;
    const perEpoch = stepsPerEpoch(sampling);
    const samples = Math.floor(step / perEpoch) * sampling.samples + (step % perEpoch) * sampling.batchSize;
    this.#publish({
      type: "progress",
      step,
      steps: plan.steps,
      epoch: Math.min(plan.epochs, Math.floor(step / perEpoch) + 1),
      samplesPerSecond: samples / this.seconds,
    });
  }

  /** Since the first step. */
  get seconds(): number {
    return (performance.now() - this.#startedMs) / 1000;
  }

  /** Metrics of the last evaluation. */
  get metrics(): Record<string, number> {
    const values = this.records.at(-1)?.metrics ?? [];
    return Object.fromEntries(values.map((value, i) => [this.#run.metrics[i]!, value]));
  }

  /** Training samples per second over all epochs so far, evaluation not counted. */
  get samplesPerSecond(): number {
    const sumOf = (field: "samples" | "trainMs") =>
      this.records.reduce((sum, record) => sum + record[field], 0);
    return sumOf("samples") / (sumOf("trainMs") / 1000);
  }

  #publishEpoch(): void {
    const { layout, metrics } = this.#run;
    const at = layout.epochs / 8 + this.records.length * recordSize(metrics.length);
    const record = readRecord(heap().float64, at, metrics.length);
    this.records.push(record);
    this.#publish({
      type: "epoch",
      epoch: this.records.length,
      step: record.step,
      loss: record.loss,
      metrics: this.metrics,
      samplesPerSecond: record.samples / (record.trainMs / 1000),
    });
  }
}
