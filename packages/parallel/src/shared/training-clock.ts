// How fast a run trains, one definition for all that tell it: samples by the time spent in steps. What comes between steps
// (evaluating, saving) does not count, nor do the first two steps of a thread, in which passes are recorded, unless there are no
// others. Rank 0 keeps the sums in shared memory, from where the main thread reads them at any time.
import { heap } from "@shardgrad/core/engine";

/** Samples, and the milliseconds that steps over them took. */
export interface Throughput {
  samples: number;
  ms: number;
}

/** Steps of a thread that are start-up. */
const startUpSteps = 2;

/** Float64 values of the sums: samples and milliseconds of steps that are start-up, and of the others. */
export const throughputCells = 4;

/** Samples per second; 0 before there are any. */
export function rateOf({ samples, ms }: Throughput): number {
  return samples === 0 ? 0 : samples / (ms / 1000);
}

/** What counts of `startUp` and `steady` steps. */
function whatCounts([startUp, steady]: readonly [Throughput, Throughput]): Throughput {
  return steady.samples > 0 ? steady : startUp;
}

/** Of the whole run so far, from its sums at byte `address`. */
export function readThroughput(address: number): Throughput {
  const [a, b, c, d] = heap().float64.subarray(address / 8, address / 8 + throughputCells);
  return whatCounts([
    { samples: a!, ms: b! },
    { samples: c!, ms: d! },
  ]);
}

/** Measures the steps of one thread. */
export class TrainingClock {
  readonly #address: number | undefined;
  #startedMs = 0;
  #steps = 0;
  /** Of the epoch that is under way. */
  #epoch = newSums();

  /** @param address where the run's sums are; undefined for a thread that does not tell them */
  constructor(address: number | undefined) {
    this.#address = address;
  }

  /** Steps begin. */
  start(): void {
    this.#startedMs = performance.now();
  }

  /** So many steps, over so many samples, are done. */
  stop(steps: number, samples: number): void {
    const ms = performance.now() - this.#startedMs;
    const kind = this.#steps < startUpSteps ? 0 : 1;
    this.#steps += steps;
    this.#epoch[kind].samples += samples;
    this.#epoch[kind].ms += ms;
    if (this.#address === undefined) return;
    const cells = heap().float64;
    const at = this.#address / 8 + 2 * kind;
    cells[at]! += samples;
    cells[at + 1]! += ms;
  }

  /** What counts of the epoch that is over. */
  closeEpoch(): Throughput {
    const sums = this.#epoch;
    this.#epoch = newSums();
    return whatCounts(sums);
  }
}

function newSums(): [Throughput, Throughput] {
  return [
    { samples: 0, ms: 0 },
    { samples: 0, ms: 0 },
  ];
}
