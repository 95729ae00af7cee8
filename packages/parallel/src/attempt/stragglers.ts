// Names a worker that is slower than the others, usually because something else uses its core. Compares the time per
// sample of the passes, without waiting, over some steps. Knows no clock: the caller passes the time.

/** What a worker has done since the run began. */
export interface Pace {
  /** Time in passes over its shards, without time in barriers. */
  computeMs: number;
  samples: number;
}

export interface Straggler {
  rank: number;
  /** Its time per sample, as a multiple of the median of the others. */
  ratio: number;
  /** Steps in the comparison. */
  steps: number;
}

/** Fewer steps or less time are not enough evidence. */
const leastSteps = 50;
const leastMs = 1000;

/** Smaller differences are common: cores share caches, clocks vary. */
const notableRatio = 2;

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

interface Reading {
  step: number;
  atMs: number;
  paces: readonly Pace[];
}

/** Workers whose time per sample between two readings is far above the median of the others. */
function compare(from: Reading, to: Reading): Straggler[] {
  const msPerSample = to.paces.map(
    ({ computeMs, samples }, rank) =>
      (computeMs - from.paces[rank]!.computeMs) / (samples - from.paces[rank]!.samples),
  );
  // A worker with only empty shards has no time per sample.
  const ranks = [...msPerSample.keys()].filter((rank) => Number.isFinite(msPerSample[rank]));
  return ranks.flatMap((rank) => {
    const others = ranks.filter((other) => other !== rank).map((other) => msPerSample[other]!);
    const ratio = msPerSample[rank]! / median(others);
    return ratio >= notableRatio ? [{ rank, ratio, steps: to.step - from.step }] : [];
  });
}

export class Stragglers {
  readonly #told = new Set<number>();
  #from: Reading | undefined;

  /** Takes a reading; returns the workers that it shows to be slow, each only once in a run. */
  look(step: number, atMs: number, paces: readonly Pace[]): Straggler[] {
    const reading = { step, atMs, paces };
    const from = this.#from;
    // After a restart, steps and work begin again at an earlier position.
    if (!from || step < from.step || paces.some(({ samples }, rank) => samples < from.paces[rank]!.samples)) {
      this.#from = reading;
      return [];
    }
    if (step - from.step < leastSteps || atMs - from.atMs < leastMs) return [];
    this.#from = reading;
    const found = compare(from, reading).filter(({ rank }) => !this.#told.has(rank));
    for (const { rank } of found) this.#told.add(rank);
    return found;
  }
}
