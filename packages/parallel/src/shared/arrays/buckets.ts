// The parts of the flat arrays that leave for other machines while the backward pass still goes on. It computes the
// gradients of the last layers first, so the parts are counted from the end; a part leaves when all workers have its
// gradients.
import type { ParameterPlace } from "./model-places.ts";

/** Elements `from` … `to`-1, and the parameters in them. */
export interface Bucket {
  from: number;
  to: number;
  /** Numbers of parameters: the first, and the one after the last. */
  parameters: [first: number, end: number];
}

/** Fewer bytes, in all and for each machine's piece, do not fill a link for longer than a message takes to start. */
const [leastBytes, leastPieceBytes] = [512 * 1024, 64 * 1024];

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

/** A word for each part: how many workers have told its gradients to be there. They need not be there in their order. */
export class BucketWords {
  readonly #view: Int32Array;
  readonly #first: number;
  readonly #buckets: number;

  /** @param address of `bucketWordBytes` in the view's buffer */
  constructor(view: Int32Array, address: number, buckets: number) {
    this.#view = view;
    this.#first = address / 4;
    this.#buckets = buckets;
  }

  /** A worker's word that it has a part. What it has put there before is visible to whoever reads this. */
  tell(bucket: number): void {
    Atomics.add(this.#view, this.#first + bucket, 1);
  }

  /** How many workers have told it. */
  toldBy(bucket: number): number {
    return Atomics.load(this.#view, this.#first + bucket);
  }

  /** Only while all workers wait. */
  reset(): void {
    for (let bucket = 0; bucket < this.#buckets; bucket++) Atomics.store(this.#view, this.#first + bucket, 0);
  }
}

/** Bytes of the words. */
export function bucketWordBytes(buckets: number): number {
  return 4 * Math.max(1, buckets);
}
