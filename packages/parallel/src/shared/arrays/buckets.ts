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
const [leastBytes, leastPieceBytes] = [256 * 1024, 64 * 1024];

/** Neighbouring parameters of one module: their gradients come at the same time. */
interface ModulePlace {
  from: number;
  parameters: [first: number, end: number];
}

/** The modules, from the last to the first. */
function modulesOf(parameters: readonly ParameterPlace[]): ModulePlace[] {
  const modules: ModulePlace[] = [];
  const nameOf = (index: number) => parameters[index]!.name.replace(/[^.]*$/, "");
  for (let end = parameters.length; end > 0; ) {
    let first = end - 1;
    while (first > 0 && nameOf(first - 1) === nameOf(end - 1)) first--;
    modules.push({ from: first === 0 ? 0 : parameters[first]!.start, parameters: [first, end] });
    end = first;
  }
  return modules;
}

/**
 * Cuts the flat arrays between modules, from the end to the beginning. A part waits for all its gradients, so small modules
 * are no part of what fills the link by itself: the norms of a transformer's block lie behind its weights, and the
 * first of them is the last to get its gradient.
 */
export function planBuckets(
  parameters: readonly ParameterPlace[],
  flatSize: number,
  machines: number,
): Bucket[] {
  const fills = machines * leastPieceBytes;
  const least = Math.max(leastBytes, fills);
  const buckets: Bucket[] = [];
  let [to, end] = [flatSize, parameters.length];
  const cutAt = (from: number, first: number) => {
    if (first < end) buckets.push({ from, to, parameters: [first, end] });
    [to, end] = [from, first];
  };
  let [endOfModule, isSmall] = [flatSize, false];
  for (const { from, parameters: module } of modulesOf(parameters)) {
    const bytes = 4 * (endOfModule - from);
    const wasSmall = isSmall;
    isSmall = bytes < leastPieceBytes;
    const larger = isSmall ? 4 * (to - endOfModule) : bytes;
    if (isSmall !== wasSmall && larger >= fills) cutAt(endOfModule, module[1]);
    if (4 * (to - from) >= least || module[0] === 0) cutAt(from, module[0]);
    endOfModule = from;
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
