// Loops over elements: the definition says what happens to one vector, the loop and its tail are here.
import type { PlaceOperand } from "../../language/notes.ts";
import type { Recorder } from "../../language/recorder.ts";
import type { Place, Value, Variable } from "../../language/values.ts";
import { bytesOf } from "./counting.ts";

/** Reads and writes the present lanes of arrays, which are numbered as in the list of their addresses. */
export interface Elements {
  load(array: number): Value;
  store(array: number, value: Value | Variable): void;
  /** Whether these are fewer lanes than a vector has. */
  readonly isTail: boolean;
  /** Where an array's lanes are; or those that are `step`·`times` bytes further. */
  place(array: number, step?: Value | Variable, times?: 1 | 2 | 4): Place;
  /** The present lanes at any address, such as those of another row. */
  loadAt(place: PlaceOperand): Value;
  storeAt(place: PlaceOperand, value: Value | Variable): void;
  /** The present lanes; others are 0. */
  present(value: Value): Value;
  /** The first where lanes are present, else the second. */
  presentOr(value: Value, other: number): Value;
  /**
   * float64 of as many elements, numbered as in their own list: the lower and the upper half. Those behind the last
   * element are read and written as well, so that such an array is as long as whole vectors.
   */
  loadWide(array: number): readonly [Value, Value];
  storeWide(array: number, halves: readonly [Value, Value]): void;
}

/** From so many operations on, asking at each vector whether it is the tail costs less than a second body for the tail. */
const longBody = 40;

/** The elements of a whole vector at some offset, or of a tail. */
function elementsAt(
  k: Recorder,
  arrays: readonly Variable[],
  wides: readonly Variable[],
  offset: number,
  tail?: Value,
): Elements {
  const half = 4 * k.lanes;
  const place = (array: number, step?: Value | Variable, times: 1 | 2 | 4 = 1) =>
    k.at(arrays[array]!, offset, step, times);
  const loadAt = (from: PlaceOperand) => (tail ? k.loadPart(tail, from) : k.load(from));
  const storeAt = (to: PlaceOperand, value: Value | Variable) =>
    tail ? k.storePart(tail, to, value) : k.store(to, value);
  return {
    isTail: tail !== undefined,
    place,
    loadAt,
    storeAt,
    load: (array) => loadAt(place(array)),
    store: (array, value) => storeAt(place(array), value),
    present: (value) => (tail ? k.do("v.keep", value, k.do("mask.tail", tail)) : value),
    presentOr: (value, other) => (tail ? k.select(k.do("mask.tail", tail), value, k.k(other)) : value),
    loadWide: (array) => [
      k.loadWide(wides[array]!, 2 * offset),
      k.loadWide(wides[array]!, 2 * offset + half),
    ],
    storeWide: (array, [low, high]) => {
      k.storeWide(wides[array]!, low, 2 * offset);
      k.storeWide(wides[array]!, high, 2 * offset + half);
    },
  };
}

/**
 * Runs `body` over n elements of arrays that are contiguous, a vector or several at a time; `wides` are arrays of float64.
 * The lanes of the last vector go through the same arithmetic as all others. Leaves the addresses at the end of the whole
 * vectors.
 */
export function overElements(
  k: Recorder,
  n: Value | Variable,
  arrays: readonly Variable[],
  body: (elements: Elements) => void,
  wides: readonly Variable[] = [],
): void {
  const size = k.sizeOf(() => body(elementsAt(k, arrays, wides, 0)));
  if (k.target.masks || size < longBody) {
    overTail(k, overWhole(k, n, size, arrays, body, wides), arrays, body, wides);
    return;
  }
  const left = k.variable("i32", n);
  k.while(
    () => k.gt(left, 0),
    () => {
      body(elementsAt(k, arrays, wides, 0, k.do("tail.first", left)));
      advance(k, left, 1, arrays, wides);
    },
  );
}

/**
 * The same for a body that may see elements twice, as it reads none that it writes. Where a tail costs branches, the last
 * vector overlaps the one before. Loops over few elements (`areFew`) take two vectors at a time. Leaves the addresses
 * anywhere.
 */
export function overFreeElements(
  k: Recorder,
  n: Value | Variable,
  arrays: readonly Variable[],
  body: (elements: Elements) => void,
  areFew = false,
): void {
  if (k.target.masks) {
    overElements(k, n, arrays, body);
    return;
  }
  const overlapping = () => {
    const size = areFew ? k.target.unroll.operations / 2 : k.sizeOf(() => body(elementsAt(k, arrays, [], 0)));
    const left = overWhole(k, n, size, arrays, body);
    k.if(k.gt(left, 0), () => {
      const back = k.variable("i32", k.shl(k.sub(left, k.lanes), 2));
      for (const array of arrays)
        k.increase(array, array.type === "ptr" ? k.do("to.ptr", back) : k.do("to.near", back));
      body(elementsAt(k, arrays, [], 0));
    });
  };
  k.if(k.ge(n, k.lanes), overlapping, () => overTail(k, n, arrays, body));
}

/** Runs over the whole vectors, with a body of so many operations; returns how many elements are left. */
function overWhole(
  k: Recorder,
  n: Value | Variable,
  size: number,
  arrays: readonly Variable[],
  body: (elements: Elements) => void,
  wides: readonly Variable[] = [],
): Variable {
  const { vectors, operations } = k.target.unroll;
  const atOnce = Math.max(1, Math.min(vectors, Math.floor(operations / size)));
  const left = k.variable("i32", k.sub(n, atOnce * k.lanes));
  overVectors(k, left, atOnce, arrays, body, wides);
  if (atOnce > 1) {
    k.increase(left, (atOnce - 1) * k.lanes);
    overVectors(k, left, 1, arrays, body, wides);
  }
  k.increase(left, k.lanes);
  return left;
}

/** Runs over as many whole vectors as remain, `count` at a time; `left` is how many elements remain, less that many. */
export function overVectors(
  k: Recorder,
  left: Variable,
  count: number,
  arrays: readonly Variable[],
  body: (elements: Elements, vector: number) => void,
  wides: readonly Variable[] = [],
): void {
  const bytes = 4 * k.lanes;
  k.while(
    () => k.ge(left, 0),
    () => {
      for (let i = 0; i < count; i++) body(elementsAt(k, arrays, wides, i * bytes), i);
      advance(k, left, count, arrays, wides);
    },
  );
}

/** Moves the addresses by so many vectors. */
function advance(
  k: Recorder,
  left: Variable,
  count: number,
  arrays: readonly Variable[],
  wides: readonly Variable[],
): void {
  const bytes = 4 * k.lanes * count;
  for (const array of arrays) k.increase(array, bytes);
  for (const array of wides) k.increase(array, 2 * bytes);
  k.increase(left, -count * k.lanes);
}

/** Runs over the `left` elements, fewer than a vector, if there are any. */
export function overTail(
  k: Recorder,
  left: Value | Variable,
  arrays: readonly Variable[],
  body: (elements: Elements) => void,
  wides: readonly Variable[] = [],
): void {
  k.if(k.gt(left, 0), () => body(elementsAt(k, arrays, wides, 0, k.do("tail.some", left))));
}

/** Sets an array to zeros: a whole result, as an instruction for that begins slowly. Leaves the address as it is. */
export function clear(k: Recorder, n: Value | Variable, array: Value | Variable): void {
  if (k.target.clears) k.clear(array, bytesOf(k, n));
  else fillWith(k, n, array, 0);
}

/** Fills an array of so many elements. Leaves the address as it is. */
export function fillWith(k: Recorder, n: Value | Variable, array: Value | Variable, number: number): void {
  overFreeElements(k, n, [k.variable(array.type, array)], ({ store }) => store(0, k.k(number)));
}
