// Reads the shared words and records of a run as they change, and turns them into events.
import type { SamplingPlan } from "../data/sampling.ts";
import { stepsPerEpoch } from "../data/sampling.ts";
import type { TrainEvent } from "../events.ts";
import { trainingLoss } from "../metrics/definition.ts";
import type { MetricsPlan, ToldMetrics } from "../metrics/plan.ts";
import { namedValues, toldMetrics } from "../metrics/plan.ts";
import type { Layout } from "../shared/layout.ts";
import { timesPhases } from "../shared/layout.ts";
import type { EpochRecord } from "../shared/tables/epoch-records.ts";
import { readRecord } from "../shared/tables/epoch-records.ts";
import { readCell } from "../shared/tables/float64-table.ts";
import { readPhases } from "../shared/tables/phase-clock.ts";
import { readStepRecord, toldRates } from "../shared/tables/step-records.ts";
import { waitShareOf } from "../shared/tables/step-times.ts";
import { rateOf, readThroughput } from "../shared/tables/training-clock.ts";
import type { Control } from "../shared/words/control.ts";

/** Where a run began: at a checkpoint, or at 0. */
export interface Begun {
  /** Steps and epochs done; their records exist. */
  step: number;
  epoch: number;
  /** Metrics without a value for the last of these epochs. */
  lacking: readonly string[];
  /** The first epoch, counted from 0, that early stopping watches: earlier ones lack its metric. */
  observeFrom: number;
  /** The value of the best epoch saved before; undefined if there was none, or none is kept. */
  bestValue: number | undefined;
}

/** What to follow. */
export interface Followed {
  control: Control;
  layout: Layout;
  sampling: SamplingPlan;
  /** Steps and epochs of the whole run. */
  plan: { steps: number; epochs: number; timePhasesFrom: number | undefined };
  /** The evaluated set. */
  metrics: MetricsPlan;
  begun: Begun;
}

export class Progress {
  readonly #run: Followed;
  readonly #publish: (event: TrainEvent) => void;
  readonly #startedMs = performance.now();
  /** Reported epochs. */
  #epochs: number;
  #lastStep: number;
  #told: number;

  constructor(run: Followed, publish: (event: TrainEvent) => void) {
    this.#run = run;
    this.#publish = publish;
    this.#epochs = run.begun.epoch;
    this.#lastStep = run.begun.step;
    this.#told = run.begun.step;
  }

  /** Publishes what is new since the last call. */
  poll(): void {
    const { control, plan, sampling } = this.#run;
    // After a restart there may be fewer epochs than reported: they come again, the same.
    while (this.#epochs < control.load("epochs")) this.#publishEpoch();
    const step = control.load("step");
    if (step === this.#lastStep) return;
    this.#lastStep = step;
    this.#told = Math.max(this.#told, step);
    this.#publish({
      type: "progress",
      step,
      steps: plan.steps,
      epoch: Math.min(plan.epochs, Math.floor(step / stepsPerEpoch(sampling)) + 1),
      samplesPerSecond: this.samplesPerSecond,
      waitShare: this.waitShare,
      ...(timesPhases(plan, this.#run.layout) && { phaseMs: readPhases(this.#run.layout.phases) }),
    });
  }

  /** Since the workers were started. */
  get seconds(): number {
    return (performance.now() - this.#startedMs) / 1000;
  }

  /** The most steps reported so far; after a restart the run may be behind it for some time. */
  get told(): number {
    return this.#told;
  }

  /** The metrics of the weights after so many steps; none if the run has not evaluated them. */
  metricsOf(steps: number): ToldMetrics {
    const { control, metrics, begun } = this.#run;
    const epochs = control.load("epochs");
    if (epochs === 0) return { metrics: {} };
    const record = this.recordOf(epochs - 1);
    if (record.step !== steps) return { metrics: {} };
    const lacking = epochs === begun.epoch ? begun.lacking : [];
    const values = Object.entries(namedValues(metrics, record.metrics));
    return toldMetrics(Object.fromEntries(values.filter(([name]) => !lacking.includes(name))));
  }

  /** The single-number metrics of a finished epoch (counted from 1), with its training loss as `loss`. */
  metricsAt(epochs: number): Record<string, number> {
    if (epochs === 0) return {};
    const record = this.recordOf(epochs - 1);
    const named = Object.entries(namedValues(this.#run.metrics, record.metrics));
    return Object.fromEntries([
      [trainingLoss, record.loss],
      ...named.filter((entry): entry is [string, number] => typeof entry[1] === "number"),
    ]);
  }

  /** The share of the time since training began that workers waited for each other. */
  get waitShare(): number {
    return waitShareOf(this.#run.layout);
  }

  /** Over all steps so far. */
  get samplesPerSecond(): number {
    return rateOf(readThroughput(this.#run.layout.throughput));
  }

  /** The record of a finished epoch, counted from 0. */
  recordOf(epoch: number): EpochRecord {
    return readRecord(this.#run.layout.epochs, epoch);
  }

  #publishEpoch(): void {
    const epoch = this.#epochs++;
    const record = this.recordOf(epoch);
    this.#told = Math.max(this.#told, record.step);
    const { gradNorm, lrs } = readStepRecord(this.#run.layout.lastSteps, epoch);
    this.#publish({
      type: "epoch",
      epoch: epoch + 1,
      step: record.step,
      loss: record.loss,
      ...toldMetrics(namedValues(this.#run.metrics, record.metrics)),
      gradNorm,
      ...toldRates(lrs),
      samplesPerSecond: rateOf({ samples: record.samples, ms: record.trainMs }),
      waitShare: readCell(this.#run.layout.epochWaits, epoch, 0),
    });
  }
}
