// Follows a run, and tells of it at any time: the data of its page, up to now.
import { basename } from "node:path";
import type { StartEvent, TrainEvent } from "@shardgrad/parallel";
import type { ObservedStep, Onlooker } from "@shardgrad/parallel/command";
import { oneLine } from "@shardgrad/parallel/command";
import { EpochSeries, finite } from "./epoch-series.ts";
import type { RunData } from "./run-data.ts";
import { StepSeries } from "./step-series.ts";

/** The most notes; of more, the first and the last ones are kept. */
const mostNotes = 60;

/** An option as a person writes it. */
function shown(value: unknown): string {
  if (typeof value === "string") return value;
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}

export class RunStory implements Onlooker {
  readonly #job: string;
  readonly #options: [string, string][];
  readonly #series = new StepSeries();
  readonly #epochs = new EpochSeries();
  readonly #notes: RunData["notes"] = [];
  readonly #beganMs = Date.now();
  #start: StartEvent | undefined;
  #latest: Pick<RunData, "step" | "samplesPerSecond" | "waitShare" | "phaseMs"> = {
    step: 0,
    samplesPerSecond: null,
    waitShare: null,
  };
  #end: Pick<RunData, "state" | "reason" | "best" | "weightsSha256" | "out"> = { state: "training" };

  /** @param options of the run, as given; functions and signals say nothing to a reader */
  constructor(job: string | URL, options: Readonly<Record<string, unknown>>) {
    this.#job = basename(String(job));
    this.#options = Object.entries(options).flatMap(([name, value]): [string, string][] =>
      value === undefined || typeof value === "function" || value instanceof AbortSignal
        ? []
        : [[name, shown(value)]],
    );
  }

  event(event: TrainEvent): void {
    if (event.type === "start") this.#start = event;
    else if (event.type === "progress") this.#progress(event);
    else if (event.type === "epoch") {
      this.#latest.step = event.step;
      this.#epochs.add(event);
    } else if (event.type === "end") this.#ended(event);
    else this.#note(event);
  }

  glances(steps: readonly ObservedStep[]): void {
    for (const step of steps) this.#series.add(step);
  }

  end(failure?: { error: unknown }): void {
    if (!failure) return;
    const { error } = failure;
    const reason = oneLine(error instanceof Error ? error.message : String(error));
    this.#end = { ...this.#end, state: "failed", reason };
  }

  get job(): string {
    return this.#job;
  }

  get isOver(): boolean {
    return this.#end.state !== "training";
  }

  /** The story so far; undefined before the run has started. */
  get data(): RunData | undefined {
    if (!this.#start) return undefined;
    const { memory, ...start } = this.#start;
    return {
      job: this.#job,
      beganMs: this.#beganMs,
      nowMs: Date.now(),
      ...this.#end,
      ...this.#latest,
      start,
      memory,
      options: this.#options,
      steps: this.#series.columns,
      epochs: this.#epochs.some,
      nested: this.#epochs.nested,
      notes: this.#notes,
    };
  }

  #progress({ step, samplesPerSecond, waitShare, phaseMs }: Extract<TrainEvent, { type: "progress" }>): void {
    this.#latest = {
      step,
      samplesPerSecond: finite(samplesPerSecond),
      waitShare: finite(waitShare),
      ...(phaseMs && { phaseMs }),
    };
  }

  #ended(event: Extract<TrainEvent, { type: "end" }>): void {
    const { steps: step, stopped, stoppedEarly, samplesPerSecond, waitShare, phaseMs } = event;
    const { best, out, weightsSha256 } = event;
    this.#progress({
      type: "progress",
      step,
      steps: step,
      epoch: 0,
      samplesPerSecond,
      waitShare,
      ...(phaseMs && { phaseMs }),
    });
    this.#end = {
      state: stopped && stoppedEarly === undefined ? "stopped" : "done",
      ...(stoppedEarly !== undefined && { reason: `ended early: ${stoppedEarly}` }),
      weightsSha256,
      ...(best && { best }),
      ...(out !== undefined && { out }),
    };
  }

  #note(event: Exclude<TrainEvent, { type: "start" | "progress" | "epoch" | "end" }>): void {
    const add = (step: number, text: string) => {
      if (this.#notes.length === mostNotes) this.#notes.splice(mostNotes / 2, 1);
      this.#notes.push({ step, text: oneLine(text) });
    };
    if (event.type === "resume") {
      add(
        event.step,
        event.path === undefined ? "began anew: no checkpoint to resume from" : `resumed from ${event.path}`,
      );
      for (const text of [...event.changes, ...event.notes]) add(event.step, text);
    } else if (event.type === "checkpoint") {
      add(event.step, event.error ?? `saved in ${event.path}`);
      for (const text of event.notes) add(event.step, text);
    } else if (event.type === "restart")
      add(event.failedStep, `${event.message}; restarted from step ${event.fromStep}`);
    else add(this.#latest.step, `worker ${event.rank} is ${event.ratio.toFixed(1)}× slower than the others`);
  }
}
