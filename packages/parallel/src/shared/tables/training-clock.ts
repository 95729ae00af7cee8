// How fast a run trains, with one definition for every report: samples per step time. Excludes work between steps
// (evaluations, saves), and the first two steps of a thread, which record passes, unless there are no others. Rank 0
// keeps the sums in shared memory, where the main thread can read them at any time.
import type { Float64Table } from "./float64-table.ts";
import { addToCell, readCell } from "./float64-table.ts";

/** Samples, and the milliseconds of their steps. */
export interface Throughput {
  samples: number;
  ms: number;
}

/** How many steps of a thread are start-up. */
export const startUpSteps = 2;

/** Rows of the sums: start-up steps, and the others. Columns: samples and milliseconds. */
export const throughputSize = { rows: 2, columns: 2 } as const;

/** Samples per second; 0 before there are any. */
export function rateOf({ samples, ms }: Throughput): number {
  return samples === 0 ? 0 : samples / (ms / 1000);
}

/** Which of the `startUp` and `steady` steps count. */
function whatCounts([startUp, steady]: readonly [Throughput, Throughput]): Throughput {
  return steady.samples > 0 ? steady : startUp;
}

const readKind = (sums: Float64Table, row: number): Throughput => ({
  samples: readCell(sums, row, 0),
  ms: readCell(sums, row, 1),
});

/** The speed of the whole run so far, from its sums. */
export function readThroughput(sums: Float64Table): Throughput {
  return whatCounts([readKind(sums, 0), readKind(sums, 1)]);
}

/** Everything so far, with start-up. */
export function readAllThroughput(sums: Float64Table): Throughput {
  const [startUp, steady] = [readKind(sums, 0), readKind(sums, 1)];
  return { samples: startUp.samples + steady.samples, ms: startUp.ms + steady.ms };
}

/** Measures the steps of one thread. */
export class TrainingClock {
  readonly #run: Float64Table | undefined;
  /** When the last steps began. */
  beganMs = 0;
  #steps = 0;
  /** For the current epoch. */
  #epoch = newSums();

  /** @param run the run's sums; undefined for a thread that does not report them */
  constructor(run: Float64Table | undefined) {
    this.#run = run;
  }

  /** Steps begin. */
  start(): void {
    this.beganMs = performance.now();
  }

  /** So many steps, over so many samples, are done; returns their milliseconds. */
  stop(steps: number, samples: number): number {
    const ms = performance.now() - this.beganMs;
    const kind = this.#steps < startUpSteps ? 0 : 1;
    this.#steps += steps;
    this.#epoch[kind].samples += samples;
    this.#epoch[kind].ms += ms;
    if (this.#run !== undefined) {
      addToCell(this.#run, kind, 0, samples);
      addToCell(this.#run, kind, 1, ms);
    }
    return ms;
  }

  /** The numbers of the finished epoch. */
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
