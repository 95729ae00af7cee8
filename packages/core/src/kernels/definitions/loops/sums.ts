// Sums that keep their digits for any number of elements. Element i of a row belongs to virtual lane i mod 16. A lane adds
// up to 16 elements in float32; then the lanes are folded to a float64, and these added. The error stays below 1e-6 of the
// sum of magnitudes, and the few wide additions cost nothing. Bits depend on the elements and their number alone.
import type { Recorder } from "../../language/recorder.ts";
import { foldLanes } from "../../language/recorder.ts";
import type { FoldName, Value, Variable } from "../../language/values.ts";
import type { Elements } from "./elements.ts";
import { overTail, overVectors } from "./elements.ts";

/** Elements that the virtual lanes add up in float32. */
const block = 256;

type Lanes = Variable[];

/**
 * Runs over a row, one vector after the other, or as many as make the virtual lanes. `add` takes what a vector adds, and
 * the lanes that it adds to. With one vector at a time, the lanes move up by one; where they end does not matter, as folds
 * take 8 and 4 apart first.
 */
function overLanes(
  k: Recorder,
  n: Value | Variable,
  arrays: readonly Variable[],
  body: (elements: Elements, lanes: number) => void,
  rotate: () => void,
  isUnrolled: boolean,
): void {
  const groups = foldLanes / k.lanes;
  const step = isUnrolled ? foldLanes : k.lanes;
  const left = k.variable("i32", k.sub(n, step));
  const single = (elements: Elements) => {
    body(elements, 0);
    rotate();
  };
  if (isUnrolled && groups > 1) {
    overVectors(k, left, groups, arrays, body);
    k.increase(left, foldLanes - k.lanes);
  }
  overVectors(k, left, 1, arrays, single);
  k.increase(left, k.lanes);
  overTail(k, left, arrays, single);
}

/** Moves the first to the end. */
function rotateLanes(k: Recorder, lanes: Lanes): void {
  if (lanes.length === 1) return;
  const first = k.read(lanes[0]!);
  for (let i = 1; i < lanes.length; i++) k.set(lanes[i - 1]!, lanes[i]!);
  k.set(lanes.at(-1)!, first);
}

function lanesOf(k: Recorder, type: "v" | "d", start: number): Lanes {
  const count = ((type === "d" ? 2 : 1) * foldLanes) / k.lanes;
  return Array.from({ length: count }, () => k.variable(type, start));
}

export interface SumOptions {
  /** Whether a loop takes 16 elements at a time: for terms that are short. */
  readonly isUnrolled?: boolean;
}

/**
 * Sums over a row: `terms` makes what each of the `count` sums adds; in lanes that are not present that must be 0. Moves
 * the addresses. The results are a `d` each, in every lane.
 */
export function sumOverRow(
  k: Recorder,
  n: Value | Variable,
  arrays: readonly Variable[],
  count: number,
  terms: (elements: Elements) => readonly Value[],
  { isUnrolled = false }: SumOptions = {},
): readonly Variable[] {
  const totals = Array.from({ length: count }, () => k.variable("d", 0));
  const left = k.variable("i32", n);
  k.while(
    () => k.gt(left, 0),
    () => {
      const sums = totals.map(() => lanesOf(k, "v", 0));
      overLanes(
        k,
        k.min(left, block),
        arrays,
        (elements, lane) => {
          for (const [i, term] of terms(elements).entries())
            k.set(sums[i]![lane]!, k.add(sums[i]![lane]!, term));
        },
        () => {
          for (const lanes of sums) rotateLanes(k, lanes);
        },
        isUnrolled,
      );
      for (const [i, total] of totals.entries()) k.increase(total, k.fold("addUp", sums[i]!));
      k.increase(left, -block);
    },
  );
  return totals;
}

/** The same in float64 throughout: `term` makes one from the halves of a vector. */
export function sumWideOverRow(
  k: Recorder,
  n: Value | Variable,
  array: Variable,
  term: (x: Value) => Value,
): Value {
  const sums = lanesOf(k, "d", 0);
  overLanes(
    k,
    n,
    [array],
    ({ load, present, isTail }, lane) => {
      const x = load(0);
      // Lanes that are not present have the weight 0.
      const weight = isTail ? present(k.k(1)) : undefined;
      for (const [i, half] of (["d.low", "d.high"] as const).entries()) {
        const sum = sums[2 * lane + i]!;
        const own = term(k.do(half, x));
        k.set(sum, k.add(sum, weight ? k.mul(own, k.do(half, weight)) : own));
      }
    },
    () => {
      rotateLanes(k, sums);
      rotateLanes(k, sums);
    },
    true,
  );
  return k.fold("addWide", sums);
}

/** Combines the elements of a row, of which the neutral one changes nothing; in every lane. Moves the address. */
export function foldRow(
  k: Recorder,
  n: Value | Variable,
  array: Variable,
  fold: FoldName,
  neutral: number,
  combine: (a: Value, b: Value) => Value,
): Value {
  const lanes = lanesOf(k, "v", neutral);
  overLanes(
    k,
    n,
    [array],
    ({ load, presentOr }, lane) =>
      k.set(lanes[lane]!, combine(k.read(lanes[lane]!), presentOr(load(0), neutral))),
    () => rotateLanes(k, lanes),
    true,
  );
  return k.fold(fold, lanes);
}

/** The largest element of a row, in every lane; NaN ranks below everything, and a zero is positive. */
export function largestOfRow(k: Recorder, n: Value | Variable, array: Variable): Value {
  const largest = foldRow(k, n, array, "pmax", Number.NEGATIVE_INFINITY, (a, b) => k.do("v.pmax", a, b));
  return k.add(largest, 0);
}
