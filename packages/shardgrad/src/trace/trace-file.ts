// The option `trace`: a file in Chrome's trace format, for https://ui.perfetto.dev: a row for each worker with its
// steps, their phases and the kernels of one step, and one row for what the run does. Written as it comes, so a long run needs no memory for it. It
// is a list of events, which viewers also read if its end is missing.
// https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
import { closeSync, openSync, writeSync } from "node:fs";
import type { StartEvent, TrainEvent } from "@shardgrad/parallel";
import type { Onlooker, PhaseMark, StepCalls } from "@shardgrad/parallel/command";
import { clockOffsetMs, describeThrown, markedSteps, requireWritableFile } from "@shardgrad/parallel/command";

/** A row of the trace: the run's, or a worker's. */
const runRow = 0;
const rowOf = (rank: number) => rank + 1;

/** Names of phases, as a viewer shows them. */
const named: Partial<Record<PhaseMark["phase"], string>> = {
  barrier: "wait at barrier",
  reduce: "average",
  checkpoint: "copy for checkpoint",
};

interface Open {
  /** What the worker does, and since when. */
  mark: PhaseMark;
  step: number;
  stepSinceMs: number;
}

export class TraceFile implements Onlooker {
  readonly #path: string;
  readonly #offsetMs = clockOffsetMs();
  readonly #beganMs = performance.now() + this.#offsetMs;
  readonly #open = new Map<number, Open>();
  #file: number | undefined;
  #lines: string[] = [];
  #firstStep = 0;
  #lastStep = 0;

  constructor(path: string) {
    this.#path = path;
  }

  async begin(): Promise<void> {
    await requireWritableFile(`train: trace ${this.#path}`, this.#path);
  }

  event(event: TrainEvent): void {
    if (event.type === "start") this.#begin(event);
    else if (event.type === "resume") this.#firstStep = event.step;
    else if (event.type === "epoch" && event.step - this.#firstStep <= markedSteps)
      this.#instant(`epoch ${event.epoch} told`, { step: event.step });
    else if (event.type === "checkpoint")
      this.#instant(event.error === undefined ? "checkpoint saved" : "checkpoint failed", {
        step: event.step,
      });
    else if (event.type === "restart") {
      this.#instant(`restart: worker ${event.rank} failed`, { step: event.failedStep, from: event.fromStep });
      // The next attempt's threads begin anew.
      for (const rank of this.#open.keys()) this.#closeStep(rank);
      this.#open.clear();
    } else if (event.type === "end") this.#lastStep = event.steps;
    this.#flush();
  }

  marks(rank: number, marks: readonly PhaseMark[]): void {
    for (const mark of marks) this.#mark(rank, mark);
    this.#flush();
  }

  /** Slices within the phases of their step. */
  kernels(rank: number, { step, calls }: StepCalls): void {
    for (const { kernel, operands, startMs, endMs } of calls)
      this.#span({ name: kernel, cat: "kernel", tid: rowOf(rank), args: { step, operands } }, startMs, endMs);
    this.#flush();
  }

  end(): void {
    if (this.#file === undefined) return;
    for (const rank of this.#open.keys()) this.#closeStep(rank);
    this.#lines.push("\n]\n");
    this.#flush();
    if (this.#file !== undefined) closeSync(this.#file);
    if (this.#lastStep - this.#firstStep > markedSteps)
      process.stderr.write(
        `train: trace ${this.#path} has the first ${markedSteps} steps, of ${this.#lastStep - this.#firstStep}\n`,
      );
  }

  #begin(start: StartEvent): void {
    this.#writing(() => {
      this.#file = openSync(this.#path, "w");
    });
    const rows = ["run", ...Array.from({ length: start.workers }, (_, rank) => `worker ${rank}`)];
    this.#lines.push(
      `[\n${JSON.stringify({ name: "process_name", ph: "M", pid: 1, tid: runRow, args: { name: "shardgrad" } })}`,
    );
    rows.forEach((name, tid) => {
      this.#add({ name: "thread_name", ph: "M", tid, args: { name } });
      this.#add({ name: "thread_sort_index", ph: "M", tid, args: { sort_index: tid } });
    });
  }

  /** The mark before it ends where this one begins. */
  #mark(rank: number, mark: PhaseMark): void {
    const open = this.#open.get(rank);
    if (!open) {
      this.#open.set(rank, { mark, step: mark.step, stepSinceMs: mark.atMs });
      return;
    }
    this.#phase(rank, open.mark, mark.atMs);
    open.mark = mark;
    if (mark.step === open.step) return;
    this.#step(rank, open, mark.atMs);
    open.step = mark.step;
    open.stepSinceMs = mark.atMs;
  }

  /** Ends what is open at its last mark. */
  #closeStep(rank: number): void {
    const open = this.#open.get(rank)!;
    this.#step(rank, open, open.mark.atMs);
  }

  #phase(rank: number, { phase, step, atMs }: PhaseMark, endMs: number): void {
    if (phase === "idle") return;
    this.#span({ name: named[phase] ?? phase, cat: "phase", tid: rowOf(rank), args: { step } }, atMs, endMs);
  }

  #step(rank: number, { step, stepSinceMs }: Open, endMs: number): void {
    this.#span({ name: `step ${step}`, cat: "step", tid: rowOf(rank) }, stepSinceMs, endMs);
  }

  #span(event: object, fromMs: number, toMs: number): void {
    // Both rounded to nanoseconds from the same beginning, so that a span ends where the next one begins.
    const [from, to] = [this.#ns(fromMs), this.#ns(toMs)];
    this.#add({ ...event, ph: "X", ts: from / 1000, dur: (to - from) / 1000 });
  }

  #instant(name: string, args: object): void {
    const at = this.#ns(performance.now() + this.#offsetMs);
    this.#add({ name, cat: "run", ph: "i", s: "t", tid: runRow, ts: at / 1000, args });
  }

  #ns(ms: number): number {
    return Math.round((ms - this.#beganMs) * 1e6);
  }

  #add(event: object): void {
    this.#lines.push(`,\n${JSON.stringify({ pid: 1, ...event })}`);
  }

  #flush(): void {
    const text = this.#lines.join("");
    this.#lines = [];
    const file = this.#file;
    if (file !== undefined && text !== "") this.#writing(() => writeSync(file, text));
  }

  /** A trace is not worth a run. */
  #writing(write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#file = undefined;
      process.stderr.write(
        `train: trace ${this.#path} cannot be written: ${describeThrown(error)}; the run goes on without it\n`,
      );
    }
  }
}
