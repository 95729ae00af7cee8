// How the command reports a run: a progress bar and lines on a terminal, plain lines elsewhere, or JSON.
import { oneLine } from "../errors.ts";
import type { EndEvent, EpochEvent, MetricValue, StartEvent, TrainEvent } from "../index.ts";
import { matrixLines } from "./matrix-lines.ts";
import { ProgressBar } from "./progress-bar.ts";
import { safetyLines } from "./safety-lines.ts";

export interface Reporter {
  show(event: TrainEvent): void;
  /** For a run that ends with an error. The error also goes to standard error. */
  fail(error: unknown): void;
}

const count = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** How shards train if they do not run in lockstep. */
function describeApart({ syncEvery, hogwild }: StartEvent): string {
  if (syncEvery === undefined) return "";
  return hogwild
    ? `, Hogwild (waiting every ${count.format(syncEvery)} steps)`
    : `, Local SGD (averaged every ${syncEvery === 1 ? "step" : `${count.format(syncEvery)} steps`})`;
}

function startLines(event: StartEvent): string[] {
  const { parameters, frozen, trainSamples, testSamples, workers, shards, steps, batchSize, accumulate } =
    event;
  const accumulated = accumulate === 1 ? "" : ` (${accumulate} micro-batches)`;
  const split = shards === workers ? "" : `, ${shards} shards`;
  const threads = workers === 1 ? "1 worker" : `${workers} workers`;
  const heldOut = event.evaluates === "test" ? "to test" : "held out";
  const kernels = event.blas ?? `${event.kernels} kernels`;
  const still = frozen === undefined ? "" : ` (${count.format(frozen)} frozen)`;
  const line = `${count.format(parameters)} parameters${still}, ${count.format(trainSamples)} samples (${count.format(testSamples)} ${heldOut}); ${threads}${split}, ${kernels}, ${count.format(steps)} steps of ${batchSize}${accumulated}${describeApart(event)}`;
  const set = Object.entries(event.params).map(([name, value]) => `${name} ${value}`);
  return [
    line,
    ...(set.length === 0 ? [] : [`with ${set.join(", ")}`]),
    ...(event.noBlas === undefined ? [] : [`no BLAS: ${event.noBlas}`]),
  ];
}

/** The metrics that are single numbers, with the evaluated set. */
function formatMetrics(metrics: Record<string, MetricValue>, { evaluates }: StartEvent): string {
  return Object.entries(metrics)
    .map(([name, value]) => (typeof value === "number" ? `  ${evaluates} ${name} ${value.toFixed(4)}` : ""))
    .join("");
}

function epochLine(event: EpochEvent, start: StartEvent): string {
  const { epochs, stepsPerEpoch } = start;
  const { epoch, step, loss, metrics, samplesPerSecond } = event;
  const number = String(epoch).padStart(String(epochs).length);
  const done = step % stepsPerEpoch;
  const part = done === 0 ? "" : `  (${done} of its ${stepsPerEpoch} steps)`;
  return `epoch ${number}/${epochs}  loss ${loss.toFixed(4)}${formatMetrics(metrics, start)}  ${count.format(samplesPerSecond).padStart(7)} samples/s${part}`;
}

/** A larger share of waiting earns a hint. */
const idleShare = 0.3;

function idleHint(share: number, stepMs: number): string {
  return `workers spent ${Math.round(share * 100)} % of the time at the barrier, waiting for the slowest and waking up (a step takes ${stepMs.toFixed(2)} ms): fewer workers or a larger batch may be faster`;
}

/** What the report has seen: the steps done, and whether a checkpoint was saved. */
interface Seen {
  begunAt: number;
  saved: boolean;
}

function endLines(event: EndEvent, start: StartEvent, { begunAt, saved }: Seen): string[] {
  const { steps, seconds, samplesPerSecond, waitShare, metrics, weightsSha256, stopped, out } = event;
  const { stoppedEarly, skipped, best } = event;
  const weights = `weights  sha256 ${weightsSha256.slice(0, 16)}…${out === undefined ? "" : `  written to ${out}`}`;
  const waited =
    waitShare > idleShare ? [idleHint(waitShare, (start.batchSize / samplesPerSecond) * 1000)] : [];
  if (steps === begunAt && (!stopped || stoppedEarly !== undefined))
    return [
      "",
      `nothing left to do: ${count.format(steps)} steps were done before${formatMetrics(metrics, start)}`,
      ...(stoppedEarly === undefined
        ? []
        : [`it had ended early: ${stoppedEarly}; to go on, give it more patience`]),
      weights,
    ];
  const state = stopped ? `stopped after ${count.format(steps)} steps in` : "trained in";
  return [
    "",
    `${state} ${seconds.toFixed(2)} s${formatMetrics(metrics, start)}  ${count.format(samplesPerSecond)} samples/s on ${start.workers} ${start.workers === 1 ? "worker" : "workers"} (${start.kernels})`,
    weights,
    ...matrixLines(metrics, start.evaluates),
    ...(best ? [`best     ${best.metric} ${best.value.toFixed(4)} in ${best.path}`] : []),
    ...(stopped && saved && stoppedEarly === undefined ? ["go on from there with --resume"] : []),
    ...(stoppedEarly === undefined ? [] : [`ended early: ${stoppedEarly}`]),
    ...(skipped === 0
      ? []
      : [`${count.format(skipped)} steps were skipped, as something was not finite, or had no weight`]),
    ...waited,
  ];
}

/** Prints lines as they come; a bar stays below them. */
export class LineReporter implements Reporter {
  readonly #stream: NodeJS.WriteStream;
  #start: StartEvent | undefined;
  readonly #seen: Seen = { begunAt: 0, saved: false };
  #bar: ProgressBar | undefined;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  show(event: TrainEvent): void {
    switch (event.type) {
      case "start":
        this.#start = event;
        for (const line of startLines(event)) this.#line(line);
        if (this.#stream.isTTY && process.env.TERM !== "dumb")
          this.#bar = new ProgressBar(this.#stream, event.steps);
        break;
      case "progress":
        this.#bar?.update(event.step, `${count.format(event.samplesPerSecond)} samples/s`);
        break;
      case "epoch":
        this.#line(epochLine(event, this.#start!));
        break;
      case "resume":
      case "checkpoint":
      case "restart":
      case "straggler":
        if (event.type === "resume") this.#seen.begunAt = event.step;
        if (event.type === "checkpoint") this.#seen.saved = event.committed === "yes";
        for (const line of safetyLines(event)) this.#line(line);
        break;
      case "end":
        this.#close();
        for (const line of endLines(event, this.#start!, this.#seen)) this.#line(line);
    }
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
    const text = oneLine(line);
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
