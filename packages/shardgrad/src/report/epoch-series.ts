// The epochs of a run in a bounded number of places: all of them, or one of every so many, and the last one.
import type { EpochEvent, MetricValue } from "@shardgrad/parallel";
import type { EpochData, Maybe } from "./run-data.ts";

/** The most epochs that a page has. */
const mostEpochs = 600;

export const finite = (value: number | undefined): Maybe => (Number.isFinite(value) ? value! : null);

function dataOf({ metrics, ...event }: EpochEvent): EpochData {
  const single = Object.entries(metrics).filter(
    (entry): entry is [string, number] => typeof entry[1] === "number",
  );
  return {
    epoch: event.epoch,
    step: event.step,
    loss: finite(event.loss),
    testLoss: finite(event.testLoss),
    lr: finite(event.lr),
    gradNorm: finite(event.gradNorm),
    samplesPerSecond: finite(event.samplesPerSecond),
    waitShare: finite(event.waitShare),
    metrics: Object.fromEntries(single.map(([name, value]) => [name, finite(value)])),
  };
}

export class EpochSeries {
  #kept: EpochData[] = [];
  #last: EpochEvent | undefined;
  /** One of so many is kept. */
  #every = 1;

  /** There may be a thousand a second: those that are not kept cost nothing. */
  add(event: EpochEvent): void {
    this.#last = event;
    if (event.epoch % this.#every !== 0) return;
    this.#kept.push(dataOf(event));
    if (this.#kept.length < mostEpochs) return;
    this.#every *= 2;
    this.#kept = this.#kept.filter(({ epoch: number }) => number % this.#every === 0);
  }

  get some(): EpochData[] {
    const last = this.#last;
    const isKept = !last || this.#kept.at(-1)?.epoch === last.epoch;
    return isKept ? [...this.#kept] : [...this.#kept, dataOf(last)];
  }

  /** The metrics of the last one that are no single numbers. */
  get nested(): Record<string, MetricValue> {
    const entries = Object.entries(this.#last?.metrics ?? {});
    return Object.fromEntries(entries.filter(([, value]) => typeof value !== "number"));
  }
}
