// How the command reports a run: a progress bar and lines on a terminal, plain lines elsewhere, or JSON.

import type { TrainEvent } from "@shardgrad/parallel";
import { machinesOf, oneLine } from "@shardgrad/parallel/command";
import type { Seen } from "./event-lines.ts";
import { count, linesOf } from "./event-lines.ts";
import { ProgressBar } from "./progress-bar.ts";
import { fitted } from "./streams.ts";

export interface Reporter {
  show(event: TrainEvent): void;
  /** For a run that ends with an error. The error also goes to standard error. */
  fail(error: unknown): void;
}

/** For the machines of a launch except the first. */
export const silent: Reporter = { show: () => undefined, fail: () => undefined };

/** Where there is no bar, a line says how far the run is after so long without one. */
const stillMs = 30_000;

/** Prints lines as they come; a bar stays below them. */
export class LineReporter implements Reporter {
  readonly #stream: NodeJS.WriteStream;
  readonly #isTerminal: boolean;
  #seen: Seen | undefined;
  #bar: ProgressBar | undefined;
  #toldMs = 0;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    // Open MPI gives each process a terminal of its own, wherever its output goes.
    this.#isTerminal = stream.isTTY && machinesOf(process.env) === undefined;
  }

  show(event: TrainEvent): void {
    if (event.type === "end") this.#close();
    if (event.type === "start") this.#seen = { start: event };
    for (const line of linesOf(event, this.#seen!)) this.#line(line);
    Object.assign(this.#seen!, { [event.type]: event });
    if (event.type === "start" && this.#isTerminal && process.env.TERM !== "dumb")
      this.#bar = new ProgressBar(this.#stream, event.steps);
    if (event.type === "progress") this.#progress(event);
  }

  #progress({ step, steps, samplesPerSecond }: Extract<TrainEvent, { type: "progress" }>): void {
    const rate = `${count.format(samplesPerSecond)} samples/s`;
    if (this.#bar) this.#bar.update(step, rate);
    else if (performance.now() - this.#toldMs > stillMs)
      this.#line(`step ${count.format(step)} of ${count.format(steps)}  ${rate}`);
  }

  fail(): void {
    this.#close();
  }

  #close(): void {
    this.#bar?.close();
    this.#bar = undefined;
  }

  /** A path or a message may contain line breaks. */
  #line(line: string): void {
    this.#toldMs = performance.now();
    const text = this.#isTerminal ? fitted(oneLine(line), this.#stream) : oneLine(line);
    if (this.#bar) this.#bar.line(text);
    else this.#stream.write(`${text}\n`);
  }
}

export class JsonReporter implements Reporter {
  readonly #stream: NodeJS.WriteStream;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  show(event: TrainEvent): void {
    if (event.type !== "progress") this.#stream.write(`${JSON.stringify(event)}\n`);
  }

  fail(error: unknown): void {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    this.#stream.write(`${JSON.stringify({ type: "error", name, message })}\n`);
  }
}
