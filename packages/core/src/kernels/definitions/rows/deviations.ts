// Distances from the mean along the middle axis of [outer, length, inner], and the sums of their squares. In float64: the
// square of a float32 is exact there, and neither overflows nor underflows.
import type { Definition } from "../../language/definition.ts";
import { defineKernel } from "../../language/definition.ts";
import type { Recorder } from "../../language/recorder.ts";
import type { Value, Variable } from "../../language/values.ts";
import type { Columns } from "../loops/column-sums.ts";
import { addressOf, clearTotals, columnScratchBytes, overStripes } from "../loops/column-sums.ts";
import { overElements } from "../loops/elements.ts";
import { sumWideOverRow } from "../loops/sums.ts";
import type { Axes } from "./axes.ts";
import { axesOf, axesParameters, overAxes } from "./axes.ts";

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

export const deviations: readonly Definition[] = [
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
