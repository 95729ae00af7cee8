// The epochs of a run in a bounded number of places: all of them, or one of every so many, and the last one.
import type { EpochData } from "./run-data.ts";

/** The most epochs that a page has. */
const mostEpochs = 600;

export class EpochSeries {
  #kept: EpochData[] = [];
  #last: EpochData | undefined;
  /** One of so many is kept. */
  #every = 1;

  add(epoch: EpochData): void {
    this.#last = epoch;
    if (epoch.epoch % this.#every !== 0) return;
    this.#kept.push(epoch);
    if (this.#kept.length < mostEpochs) return;
    this.#every *= 2;
    this.#kept = this.#kept.filter(({ epoch: number }) => number % this.#every === 0);
  }

  get some(): EpochData[] {
    const last = this.#last;
    return last && this.#kept.at(-1) !== last ? [...this.#kept, last] : [...this.#kept];
  }
}
