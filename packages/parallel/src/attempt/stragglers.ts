// Names a worker that is slower than the others: one whose core something else uses, as a rule. Compares the time that
// workers take for the pass over one sample, waiting not counted, over some steps. Knows no clock: it is told the time.

/** What a worker has done since the run began. */
export interface Pace {
  /** Time in passes over its shards, without that in barriers. */
  computeMs: number;
  samples: number;
}

export interface Straggler {
  rank: number;
  /** How many times the median of the others its time for a sample is. */
  ratio: number;
  /** Steps that were looked at. */
  steps: number;
}

/** Fewer steps, or less time, say little. */
const leastSteps = 50;
const leastMs = 1000;

/** Differences below this are common: cores share caches, clocks vary. */
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

/** Workers whose time for a sample is far above the median of the others' between two readings. */
function compare(from: Reading, to: Reading): Straggler[] {
  const msPerSample = to.paces.map(
    ({ computeMs, samples }, rank) =>
      (computeMs - from.paces[rank]!.computeMs) / (samples - from.paces[rank]!.samples),
  );
  // A worker whose shards have been empty all along has none.
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

  /** Takes a reading; returns those that it shows to be slow, each once in a run. */
  look(step: number, atMs: number, paces: readonly Pace[]): Straggler[] {
    const reading = { step, atMs, paces };
    const from = this.#from;
    // After a restart the steps, and what workers have done, begin at an earlier place.
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
