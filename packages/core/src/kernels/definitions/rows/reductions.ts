// Reductions of [outer, length, inner] along the middle axis: sums, products, extrema and their positions, and sums of
// squares. Rows are reduced in 16 virtual lanes, columns one by one, so that bits depend on the sizes alone.
// Longer than 350 lines: the kernels of one family, which share their loops.
import type { Definition } from "../../language/definition.ts";
import { defineKernel } from "../../language/definition.ts";
import type { Recorder } from "../../language/recorder.ts";
import type { FoldName, Value, Variable } from "../../language/values.ts";
import type { Columns } from "../loops/column-sums.ts";
import {
  addressOf,
  clearTotals,
  columnScratchBytes,
  foldColumns,
  overStripes,
  sumColumns,
} from "../loops/column-sums.ts";
import { overElements } from "../loops/elements.ts";
import { foldRow, sumOverRow, sumWideOverRow } from "../loops/sums.ts";

/** The axes, and where x and y are for the current `outer`. */
interface Axes {
  readonly length: Variable;
  readonly inner: Variable;
  readonly x: Variable;
  readonly y: Variable;
}

const axesParameters = ["i32", "i32", "i32", "ptr", "ptr"] as const;

/** Runs `row` if the axis is the last one, else `columns`, for each of `outer`. y has `inner` elements, or as many as x. */
function overAxes(
  k: Recorder,
  outer: Variable,
  { length, inner, x, y }: Axes,
  keepsLength: boolean,
  row: (x: Variable, y: Variable) => void,
  columns: (columns: Columns) => void,
): void {
  const step = k.variable("ptr", k.shl(k.do("to.ptr", inner), 2));
  const block = k.variable("ptr", k.mul(step, k.do("to.ptr", length)));
  k.while(
    () => k.gt(outer, 0),
    () => {
      const [p, q] = [k.variable("ptr", x), k.variable("ptr", y)];
      k.if(
        k.eq(inner, 1),
        () => row(p, q),
        () => columns({ rows: length, columns: inner, matrices: [p], step, perColumn: [], y: q }),
      );
      k.increase(x, block);
      k.increase(y, keepsLength ? block : step);
      k.increase(outer, -1);
    },
  );
}

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
function placeInRow(k: Recorder, reduction: Reduction, length: Variable, x: Variable, y: Variable): void {
  const start = k.variable("ptr", x);
  const extremum = k.variable("v", reduceRow(k, reduction, length, start));
  const isHere = (v: Value) => k.or(k.eq(v, extremum), k.and(k.ne(v, v), k.ne(extremum, extremum)));
  const place = k.variable("i32", 0);
  const at = k.variable("ptr", x);
  // The vector that has it; lanes past the end are 0, but then an element that equals it lies further left.
  const left = k.variable("i32", length);
  const isFound = k.variable("i32", 0);
  k.while(
    () => k.and(k.eq(isFound, 0), k.gt(left, 0)),
    () => {
      const v = k.loadPart(k.do("tail.first", left), at);
      k.set(isFound, k.do("mask.any", isHere(v)));
      k.if(k.eq(isFound, 0), () => {
        k.increase(at, 4 * k.lanes);
        k.increase(place, k.lanes);
        k.increase(left, -k.lanes);
      });
    },
  );
  k.if(isFound, () =>
    k.while(
      () => k.eq(k.do("mask.any", isHere(k.splat(at))), 0),
      () => {
        k.increase(at, 4);
        k.increase(place, 1);
      },
    ),
  );
  k.storeInt(y, k.select(isFound, place, k.int(0)));
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
    (x, y) => placeInRow(k, reductions[isMax ? "max" : "min"], axes.length, x, y),
    (columns) => placesInColumns(k, better, columns),
  );
}

// In float64: the square of a float32 is exact there, and neither overflows nor underflows.

/** Adds (x - mean)², or x where there are no means, of all rows to the float64 totals of a stripe of columns. */
function addToTotals(k: Recorder, part: Columns, totals: Value | Variable, means?: Value | Variable): void {
  const { rows, columns, matrices, step } = part;
  clearTotals(k, columns, totals);
  const [row, matrix] = [k.variable("i32", 0), k.variable("ptr", matrices[0]!)];
  k.while(
    () => k.lt(row, rows),
    () => {
      const now = k.variable("i32", k.min(k.sub(rows, row), 8));
      const wides = [totals, ...(means ? [means] : [])].map((address) => k.variable("near", address));
      overElements(
        k,
        columns,
        [k.variable("ptr", matrix)],
        ({ loadAt, place, loadWide, storeWide }) => {
          const sums = loadWide(0).map((half) => k.variable("d", half)) as [Variable, Variable];
          const centers = means && loadWide(1);
          const address = addressOf(k, place(0));
          const left = k.variable("i32", now);
          k.loop(() => {
            const x = loadAt(address);
            for (const [i, half] of (["d.low", "d.high"] as const).entries()) {
              const wide = k.do(half, x);
              const distance = centers ? k.sub(wide, centers[i]!) : wide;
              k.increase(sums[i]!, centers ? k.mul(distance, distance) : wide);
            }
            k.increase(address, step);
            k.increase(left, -1);
            return k.gt(left, 0);
          });
          storeWide(0, [k.read(sums[0]), k.read(sums[1])]);
        },
        wides,
      );
      k.increase(matrix, k.shl(step, 3));
      k.increase(row, 8);
    },
  );
}

/** The means of a stripe, in float64. */
function meansOf(k: Recorder, part: Columns, means: Variable): void {
  addToTotals(k, part, means);
  const count = k.do("d.splatI", part.rows);
  overElements(
    k,
    part.columns,
    [],
    ({ loadWide, storeWide }) => {
      const [low, high] = loadWide(0);
      storeWide(0, [k.div(low, count), k.div(high, count)]);
    },
    [k.variable("near", means)],
  );
}

function meanOfRow(k: Recorder, length: Variable, x: Variable): Value {
  return k.div(
    sumWideOverRow(k, length, x, (wide) => wide),
    k.do("d.splatI", length),
  );
}

/** Means, and behind them totals; zeros in place of means where nothing is centered. */
function wideScratch(k: Recorder): { means: Variable; totals: Variable } {
  const means = k.variable("near", k.scratch());
  return { means, totals: k.variable("near", k.add(means, columnScratchBytes)) };
}

function recordSpread(
  k: Recorder,
  outer: Variable,
  axes: Axes,
  centered: Variable,
  divisor: Variable,
  root: Variable,
): void {
  const { length } = axes;
  const { means, totals } = wideScratch(k);
  const finish = (total: Value) => {
    const result = k.variable("d", k.div(total, divisor));
    k.if(root, () => k.set(result, k.sqrt(result)));
    return result;
  };
  overAxes(
    k,
    outer,
    axes,
    false,
    (x, y) => {
      const mean = k.variable("d", 0);
      k.if(centered, () => k.set(mean, meanOfRow(k, length, k.variable("ptr", x))));
      const squares = sumWideOverRow(k, length, x, (wide) => {
        const distance = k.sub(wide, mean);
        return k.mul(distance, distance);
      });
      k.storeFirst(y, k.do("v.round", finish(squares)));
    },
    (whole) =>
      overStripes(k, whole, (part) => {
        k.if(
          centered,
          () => meansOf(k, part, means),
          () => clearTotals(k, part.columns, means),
        );
        addToTotals(k, part, totals, means);
        overElements(
          k,
          part.columns,
          [part.y],
          ({ store, loadWide }) => store(0, k.do("v.narrow", ...mapTwo(loadWide(0), finish))),
          [k.variable("near", totals)],
        );
      }),
  );
}

const mapTwo = <T>([a, b]: readonly [Value, Value], f: (x: Value) => T): [T, T] => [f(a), f(b)];

function recordCenter(k: Recorder, outer: Variable, axes: Axes): void {
  const { length } = axes;
  const { means } = wideScratch(k);
  overAxes(
    k,
    outer,
    axes,
    true,
    (x, y) => {
      const mean = k.variable("d", meanOfRow(k, length, k.variable("ptr", x)));
      overElements(k, length, [x, y], ({ load, store }) => {
        const v = load(0);
        store(1, k.do("v.narrow", k.sub(k.do("d.low", v), mean), k.sub(k.do("d.high", v), mean)));
      });
    },
    (whole) =>
      overStripes(k, whole, (part) => {
        meansOf(k, part, means);
        const { rows, columns, matrices, step, y } = part;
        const left = k.variable("i32", rows);
        k.while(
          () => k.gt(left, 0),
          () => {
            overElements(
              k,
              columns,
              [matrices[0]!, y].map((address) => k.variable("ptr", address)),
              ({ load, store, loadWide }) => {
                const v = load(0);
                const [low, high] = loadWide(0);
                store(1, k.do("v.narrow", k.sub(k.do("d.low", v), low), k.sub(k.do("d.high", v), high)));
              },
              [k.variable("near", means)],
            );
            k.increase(matrices[0]!, step);
            k.increase(y, step);
            k.increase(left, -1);
          },
        );
      }),
  );
}

const axesOf = ([length, inner, x, y]: readonly Variable[]) => ({ length, inner, x, y }) as Axes;

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
  defineKernel(
    "spread",
    [...axesParameters, "i32", "f64", "i32"],
    (k, outer, length, inner, x, y, centered, divisor, root) =>
      recordSpread(k, outer, { length, inner, x, y }, centered, divisor, root),
    () => 2 * columnScratchBytes,
  ),
  defineKernel(
    "center",
    axesParameters,
    (k, outer, ...axes) => recordCenter(k, outer!, axesOf(axes)),
    () => columnScratchBytes,
  ),
];
