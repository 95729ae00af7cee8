// The parts of the flat arrays that leave for other machines while the backward pass still goes on. It computes the
// gradients of the last layers first, so the parts are counted from the end; a part leaves when all workers have its
// gradients, after the one before. Each worker has a word that says how many parts are there.
import type { ParameterPlace } from "./model-places.ts";

/** Elements `from` … `to`-1, and the parameters in them. */
export interface Bucket {
  from: number;
  to: number;
  /** Numbers of parameters: the first, and the one after the last. */
  parameters: [first: number, end: number];
}

/** Fewer bytes, in all and for each machine's piece, do not fill a link for longer than a message takes to start. */
const [leastBytes, leastPieceBytes] = [1024 ** 2, 64 * 1024];

/** Cuts the flat arrays at the starts of parameters, from the end to the beginning. */
export function planBuckets(
  parameters: readonly ParameterPlace[],
  flatSize: number,
  machines: number,
): Bucket[] {
  const least = Math.max(leastBytes, machines * leastPieceBytes);
  const buckets: Bucket[] = [];
  let [to, end] = [flatSize, parameters.length];
  for (let first = parameters.length - 1; first >= 0; first--) {
    const from = first === 0 ? 0 : parameters[first]!.start;
    if (first > 0 && 4 * (to - from) < least) continue;
    buckets.push({ from, to, parameters: [first, end] });
    [to, end] = [from, first];
  }
  return buckets;
}

/** The words of the workers: how many parts are there in this step. */
export class BucketWords {
  readonly #view: Int32Array;
  readonly #first: number;
  readonly #workers: number;

  /** @param address a cache line for each worker, in the view's buffer */
  constructor(view: Int32Array, address: number, workers: number) {
    this.#view = view;
    this.#first = address / 4;
    this.#workers = workers;
  }

  /** What a worker has put there before is visible to whoever reads this. */
  store(rank: number, count: number): void {
    Atomics.store(this.#view, this.#first + rank * wordsPerLine, count);
  }

  /** How many parts all workers have. */
  least(): number {
    let least = Number.POSITIVE_INFINITY;
    for (let rank = 0; rank < this.#workers; rank++)
      least = Math.min(least, Atomics.load(this.#view, this.#first + rank * wordsPerLine));
    return least;
  }

  /** Only while all workers wait. */
  reset(): void {
    for (let rank = 0; rank < this.#workers; rank++) this.store(rank, 0);
  }
}

/** Words of a cache line. */
export const wordsPerLine = 16;
