// Reductions of [outer, length, inner] along the middle axis (axes.ts): sums, products, extrema and their positions; sums of
// squares are in deviations.ts. Rows are reduced in 16 virtual lanes, columns one by one, so that bits depend on the sizes
// alone.
import type { Definition } from "../../language/definition.ts";
import { defineKernel } from "../../language/definition.ts";
import type { Recorder } from "../../language/recorder.ts";
import type { FoldName, Value, Variable } from "../../language/values.ts";
import type { Columns } from "../loops/column-sums.ts";
import { addressOf, columnScratchBytes, foldColumns, sumColumns } from "../loops/column-sums.ts";
import { overElements } from "../loops/elements.ts";
import { foldRow, sumOverRow } from "../loops/sums.ts";
import type { Axes } from "./axes.ts";
import { axesOf, axesParameters, overAxes } from "./axes.ts";
import { deviations } from "./deviations.ts";

function recordSum(k: Recorder, outer: Variable, axes: Axes): void {
  overAxes(
    k,
    outer,
    axes,
    false,
    (x, y) => {
      const [total] = sumOverRow(k, axes.length, [x], 1, ({ load }) => [load(0)], { isUnrolled: true });
      k.storeFirst(y, k.do("v.round", total!));
    },
    (columns) => sumColumns(k, columns, ([x]) => x!, k.scratch()),
  );
}

interface Reduction {
  readonly fold: FoldName;
  readonly neutral: number;
  combine(k: Recorder, a: Value, b: Value): Value;
}

const reductions: Record<"prod" | "max" | "min", Reduction> = {
  prod: { fold: "mul", neutral: 1, combine: (k, a, b) => k.mul(a, b) },
  max: { fold: "max", neutral: Number.NEGATIVE_INFINITY, combine: (k, a, b) => k.max(a, b) },
  min: { fold: "min", neutral: Number.POSITIVE_INFINITY, combine: (k, a, b) => k.min(a, b) },
};

function reduceRow(k: Recorder, { fold, neutral, combine }: Reduction, n: Variable, x: Variable): Value {
  return foldRow(k, n, x, fold, neutral, (a, b) => combine(k, a, b));
}

/** The first position of a row's extremum, or of a NaN. */
function placeInRow(k: Recorder, isMax: boolean, length: Variable, x: Variable, y: Variable): void {
  const [fold, neutral] = isMax
    ? (["pmax", Number.NEGATIVE_INFINITY] as const)
    : (["pmin", Number.POSITIVE_INFINITY] as const);
  const start = k.variable("ptr", x);
  const hasNaN = k.variable("mask", k.ne(k.k(0), 0));
  // Noticing a NaN, and passing over it, takes fewer instructions than a maximum that keeps it.
  const ofNumbers = foldRow(k, length, start, fold, neutral, (a, b) => {
    k.set(hasNaN, k.or(hasNaN, k.ne(b, b)));
    return k.do(`v.${fold}`, a, b);
  });
  const extremum = k.variable("v", ofNumbers);
  k.if(k.do("mask.any", hasNaN), () => k.set(extremum, Number.NaN));
  const findsNaN = k.variable("mask", k.ne(extremum, extremum));
  const isHere = (v: Value) => k.or(k.eq(v, extremum), k.and(k.ne(v, v), findsNaN));
  const at = k.variable("ptr", x);
  const left = k.variable("i32", length);
  const isFound = k.variable("i32", 0);
  /** Goes on by so many elements, while so many are left and it is not among them. */
  const search = (count: number, load: () => Value) => {
    k.set(isFound, 0);
    k.increase(left, -count);
    k.while(
      () => k.and(k.eq(isFound, 0), k.ge(left, 0)),
      () => {
        k.set(isFound, k.do("mask.any", isHere(load())));
        k.increase(at, 4 * count);
        k.increase(left, -count);
      },
    );
    k.increase(left, count);
    k.if(isFound, () => {
      k.increase(at, -4 * count);
      k.increase(left, count);
    });
  };
  search(k.lanes, () => k.load(at));
  search(1, () => k.splat(at));
  k.storeInt(y, k.select(isFound, k.sub(length, left), k.int(0)));
}

/** The same for each column. */
function placesInColumns(k: Recorder, better: (v: Value, best: Variable) => Value, part: Columns): void {
  const { rows, columns, matrices, step, y } = part;
  overElements(k, columns, [matrices[0]!, y], ({ load, loadAt, place, store }) => {
    const places = k.variable("v", 0);
    const best = k.variable("v", load(0));
    const row = k.variable("i32", 1);
    const address = addressOf(k, place(0));
    k.while(
      () => k.lt(row, rows),
      () => {
        k.increase(address, step);
        const v = loadAt(address);
        const firstNaN = k.and(k.ne(v, v), k.eq(best, best));
        const isBetter = k.or(better(v, best), firstNaN);
        k.set(best, k.select(isBetter, v, best));
        k.set(places, k.select(isBetter, k.do("v.splatI", row), places));
        k.increase(row, 1);
      },
    );
    store(1, places);
  });
}

function recordPlaces(k: Recorder, outer: Variable, axes: Axes, isMax: boolean): void {
  const better = (v: Value, best: Variable) => (isMax ? k.gt(v, best) : k.lt(v, best));
  overAxes(
    k,
    outer,
    axes,
    false,
    (x, y) => placeInRow(k, isMax, axes.length, x, y),
    (columns) => placesInColumns(k, better, columns),
  );
}

export const reduce: readonly Definition[] = [
  defineKernel(
    "sum",
    axesParameters,
    (k, outer, ...axes) => recordSum(k, outer!, axesOf(axes)),
    () => columnScratchBytes,
  ),
  ...Object.entries(reductions).map(([name, reduction]) =>
    defineKernel(name, axesParameters, (k, outer, ...given) => {
      const axes = axesOf(given);
      overAxes(
        k,
        outer!,
        axes,
        false,
        (x, y) => k.storeFirst(y, reduceRow(k, reduction, axes.length, x)),
        (columns) => foldColumns(k, columns, reduction.neutral, (a, b) => reduction.combine(k, a, b)),
      );
    }),
  ),
  ...(["argmax", "argmin"] as const).map((name) =>
    defineKernel(name, axesParameters, (k, outer, ...axes) =>
      recordPlaces(k, outer!, axesOf(axes), name === "argmax"),
    ),
  ),
  ...deviations,
];
