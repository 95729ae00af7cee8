// softmax, its logarithm, the logarithm of its denominator, and their gradients, row by row. Subtracts the largest element
// first, so that nothing overflows.
import type { Definition } from "../../language/definition.ts";
import { defineKernel } from "../../language/definition.ts";
import type { Recorder } from "../../language/recorder.ts";
import type { Value, Variable } from "../../language/values.ts";
import { overElements } from "../loops/elements.ts";
import { byteStep, copyOf, overRows } from "../loops/row-loops.ts";
import { largestOfRow, sumOverRow } from "../loops/sums.ts";
import { abs, exp, log } from "../math/math.ts";

/** The sum of exp(x·scale - shift) over a row, in every lane; stores the terms at `y`, if there is one. */
export function sumOfExp(
  k: Recorder,
  n: Value | Variable,
  x: Variable,
  shift: Value | Variable,
  y?: Variable,
  scale?: Value | Variable,
): Variable {
  const arrays = [x, ...(y ? [y] : [])].map((address) => copyOf(k, address));
  const [total] = sumOverRow(k, n, arrays, 1, ({ load, store, present }) => {
    const term = exp(k, k.sub(scale ? k.mul(load(0), scale) : load(0), shift));
    if (y) store(1, term);
    return [present(term)];
  });
  return total!;
}

const rowParameters = ["i32", "i32", "ptr", "ptr"] as const;

/** `row` gets the largest element of each row, in every lane. */
function overShiftedRows(
  k: Recorder,
  [rows, cols, x, y]: readonly [Variable, Variable, Variable, Variable],
  step: Variable | number,
  row: (largest: Variable) => void,
): void {
  overRows(
    k,
    rows,
    [
      [x, byteStep(k, cols)],
      [y, step],
    ],
    () => row(k.variable("v", largestOfRow(k, cols, copyOf(k, x)))),
  );
}

function recordSoftmax(k: Recorder, rows: Variable, cols: Variable, x: Variable, y: Variable): void {
  overShiftedRows(k, [rows, cols, x, y], byteStep(k, cols), (shift) => {
    const total = k.variable("v", k.do("v.round", sumOfExp(k, cols, x, shift, y)));
    overElements(k, cols, [copyOf(k, y)], ({ load, store }) => store(0, k.div(load(0), total)));
  });
}

function recordLogSoftmax(k: Recorder, rows: Variable, cols: Variable, x: Variable, y: Variable): void {
  overShiftedRows(k, [rows, cols, x, y], byteStep(k, cols), (shift) => {
    const scale = k.variable("v", log(k, k.do("v.round", sumOfExp(k, cols, x, shift))));
    overElements(k, cols, [copyOf(k, x), copyOf(k, y)], ({ load, store }) =>
      store(1, k.sub(k.sub(load(0), shift), scale)),
    );
  });
}

function recordLogSumExp(k: Recorder, rows: Variable, cols: Variable, x: Variable, y: Variable): void {
  overShiftedRows(k, [rows, cols, x, y], 4, (largest) => {
    // Infinity - Infinity would hide that the result is infinite.
    const isInfinite = k.eq(abs(k, largest), Number.POSITIVE_INFINITY);
    const shift = k.variable("v", k.do("v.drop", largest, isInfinite));
    const total = k.do("v.round", sumOfExp(k, cols, x, shift));
    k.storeFirst(y, k.add(shift, log(k, total)));
  });
}

/** dx from dy and y, and the sum over the row that `summand` makes. */
function recordGradient(
  k: Recorder,
  [rows, cols, dy, y, dx]: readonly [Variable, Variable, Variable, Variable, Variable],
  summand: (dy: Value, load: (array: number) => Value) => Value,
  gradient: (dy: Value, y: Value, sum: Variable) => Value,
): void {
  const step = byteStep(k, cols);
  overRows(
    k,
    rows,
    [dy, y, dx].map((address) => [address, step] as const),
    () => {
      const arrays = [dy, y].map((address) => copyOf(k, address));
      const terms = (load: (array: number) => Value) => [summand(load(0), load)];
      const [total] = sumOverRow(k, cols, arrays, 1, ({ load }) => terms(load), { isUnrolled: true });
      const sum = k.variable("v", k.do("v.round", total!));
      const all = [dy, y, dx].map((address) => copyOf(k, address));
      overElements(k, cols, all, ({ load, store }) => store(2, gradient(load(0), load(1), sum)));
    },
  );
}

const gradientParameters = ["i32", "i32", "ptr", "ptr", "ptr"] as const;

export const softmax: readonly Definition[] = [
  defineKernel("softmax", rowParameters, recordSoftmax),
  defineKernel("logSoftmax", rowParameters, recordLogSoftmax),
  defineKernel("logSumExp", rowParameters, recordLogSumExp),
  defineKernel("softmaxGrad", gradientParameters, (k, ...given) =>
    recordGradient(
      k,
      given as [Variable, Variable, Variable, Variable, Variable],
      (dy, load) => k.mul(dy, load(1)),
      (dy, y, sum) => k.mul(y, k.sub(dy, sum)),
    ),
  ),
  defineKernel("logSoftmaxGrad", gradientParameters, (k, ...given) =>
    recordGradient(
      k,
      given as [Variable, Variable, Variable, Variable, Variable],
      (dy) => dy,
      (dy, y, sum) => k.sub(dy, k.mul(exp(k, y), sum)),
    ),
  ),
];
