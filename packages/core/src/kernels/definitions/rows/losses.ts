// Losses against class labels. The table of kernels says what each computes.
import type { Definition } from "../../language/definition.ts";
import { defineKernel } from "../../language/definition.ts";
import type { Recorder } from "../../language/recorder.ts";
import type { Value, Variable } from "../../language/values.ts";
import { clear, fillWith, overElements } from "../loops/elements.ts";
import { byteStep, copyOf, overRows } from "../loops/row-loops.ts";
import { largestOfRow, sumOverRow } from "../loops/sums.ts";
import { exp, log } from "../math/math.ts";

const minus = (k: Recorder, x: Value) => k.xor(x, k.kBits(0x80000000));
/** The place of an element by its index. */
const element = (k: Recorder, row: Variable, index: Value | Variable) =>
  k.at(row, 0, k.do("to.ptr", index), 4);

function labelWeights(
  k: Recorder,
  n: Variable,
  ignored: Variable,
  labels: Variable,
  weight: Variable,
  y: Variable,
): void {
  overRows(
    k,
    n,
    [
      [labels, 4],
      [y, 4],
    ],
    () => {
      const label = k.variable("i32", k.loadInt(labels));
      const value = k.variable("v", 0);
      k.if(k.ne(label, ignored), () => {
        k.set(value, 1);
        k.if(k.ne(weight, 0), () => k.set(value, k.splat(element(k, weight, label))));
      });
      k.storeFirst(y, value);
    },
  );
}

function nll(
  k: Recorder,
  rows: Variable,
  cols: Variable,
  x: Variable,
  labels: Variable,
  ignored: Variable,
  y: Variable,
): void {
  overRows(
    k,
    rows,
    [
      [x, byteStep(k, cols)],
      [labels, 4],
      [y, 4],
    ],
    () => {
      const label = k.variable("i32", k.loadInt(labels));
      const value = k.variable("v", 0);
      k.if(k.ne(label, ignored), () => k.set(value, minus(k, k.splat(element(k, x, label)))));
      k.storeFirst(y, value);
    },
  );
}

function nllGrad(
  k: Recorder,
  rows: Variable,
  cols: Variable,
  dy: Variable,
  labels: Variable,
  ignored: Variable,
  y: Variable,
): void {
  clear(k, k.mul(rows, cols), y);
  overRows(
    k,
    rows,
    [
      [dy, 4],
      [labels, 4],
      [y, byteStep(k, cols)],
    ],
    () => {
      const label = k.variable("i32", k.loadInt(labels));
      k.if(k.ne(label, ignored), () => k.storeFirst(element(k, y, label), minus(k, k.splat(dy))));
    },
  );
}

interface CrossEntropy {
  readonly rows: Variable;
  readonly cols: Variable;
  readonly x: Variable;
  readonly labels: Variable;
  readonly ignored: Variable;
  readonly smoothing: Variable;
  readonly y: Variable;
}

/** The loss, whether it counts, the largest logit and the sum of exponentials: four rows of so many numbers, one after the other. */
function columnsOf(k: Recorder, y: Variable, rows: Variable) {
  const column = byteStep(k, rows);
  const counted = k.variable("ptr", k.add(y, column));
  const largest = k.variable("ptr", k.add(counted, column));
  return { counted, largest, logSums: k.variable("ptr", k.add(largest, column)) };
}

const isLabel = (k: Recorder, label: Variable, classes: Variable) =>
  k.and(k.ge(label, 0), k.lt(label, classes));

/** For each row: what is largest, the sum of exponentials, and in `y` the mean distance from the largest, if it is needed. */
function sumExponentials(k: Recorder, { rows, cols, x: start, y, smoothing }: CrossEntropy): void {
  const x = copyOf(k, start);
  const { largest, logSums } = columnsOf(k, y, rows);
  const loss = copyOf(k, y);
  const step = byteStep(k, cols);
  const isSmooth = k.variable("i32", k.do("mask.any", k.ne(smoothing, 0)));
  const count = k.variable("d", k.do("d.splatI", cols));
  overRows(k, rows, [[x, step], ...[loss, largest, logSums].map((address) => [address, 4] as const)], () => {
    const most = k.variable("v", largestOfRow(k, cols, copyOf(k, x)));
    k.storeFirst(largest, most);
    const sum = (withDistance: boolean) => () => {
      const [total, distance] = sumOverRow(
        k,
        cols,
        [copyOf(k, x)],
        withDistance ? 2 : 1,
        ({ load, present }) => {
          const below = k.sub(load(0), most);
          return [present(exp(k, below)), ...(withDistance ? [present(below)] : [])];
        },
      );
      k.storeFirst(logSums, k.do("v.round", total!));
      if (distance) k.storeFirst(loss, minus(k, k.do("v.round", k.div(distance, count))));
    };
    k.if(isSmooth, sum(true), sum(false));
  });
}

function crossEntropy(k: Recorder, given: CrossEntropy): void {
  const { rows, cols, x, labels, ignored, smoothing, y } = given;
  // The sums of exponentials first, as they need whole vectors of a row …
  sumExponentials(k, given);
  const { counted, largest, logSums } = columnsOf(k, y, rows);
  // … then the logarithms of several rows at a time …
  overElements(k, rows, [copyOf(k, logSums)], ({ load, store }) => store(0, log(k, load(0))));
  // … then the labels.
  const isSmooth = k.variable("i32", k.do("mask.any", k.ne(smoothing, 0)));
  const four = [labels, counted, largest, logSums, y].map((address) => [address, 4] as const);
  overRows(k, rows, [[x, byteStep(k, cols)], ...four], () => {
    const label = k.variable("i32", k.loadInt(labels));
    const logSum = k.variable("v", k.splat(logSums));
    const loss = k.variable("v", Number.NaN);
    k.if(isLabel(k, label, cols), () =>
      k.set(loss, k.add(logSum, k.sub(k.splat(largest), k.splat(element(k, x, label))))),
    );
    k.if(isSmooth, () => {
      const hit = k.mul(k.sub(1, smoothing), loss);
      k.set(loss, k.add(hit, k.mul(smoothing, k.add(logSum, k.splat(y)))));
    });
    const counts = k.variable("v", 1);
    k.if(k.eq(label, ignored), () => {
      k.set(loss, 0);
      k.set(counts, 0);
    });
    k.storeFirst(y, loss);
    k.storeFirst(counted, counts);
  });
}

interface CrossEntropyGrad extends Omit<CrossEntropy, "y"> {
  readonly dy: Variable;
  readonly step: Variable;
  readonly saved: Variable;
  readonly dx: Variable;
}

function crossEntropyGrad(k: Recorder, given: CrossEntropyGrad): void {
  const { rows, cols, dy, step, x, labels, ignored, smoothing, saved, dx } = given;
  const { largest, logSums } = columnsOf(k, saved, rows);
  const row = byteStep(k, cols);
  const hit = k.variable("v", k.sub(1, smoothing));
  const floor = k.variable("v", k.div(smoothing, k.do("v.toFloat", k.do("v.splatI", cols))));
  const firstColumns = k.variable("v", k.do("v.index"));
  const width = k.variable("v", k.do("v.splatI", k.int(k.lanes)));
  const four = [labels, largest, logSums].map((address) => [address, 4] as const);
  overRows(k, rows, [...four, [dy, byteStep(k, step)], [x, row], [dx, row]], () => {
    const label = k.variable("i32", k.loadInt(labels));
    const gradients = () => {
      const [most, logSum] = [k.variable("v", k.splat(largest)), k.variable("v", k.splat(logSums))];
      const scale = k.variable("v", Number.NaN);
      k.if(isLabel(k, label, cols), () => k.set(scale, k.splat(dy)));
      const labelLanes = k.variable("v", k.do("v.splatI", label));
      const columns = k.variable("v", firstColumns);
      overElements(k, cols, [copyOf(k, x), copyOf(k, dx)], ({ load, store }) => {
        const probability = exp(k, k.sub(k.sub(load(0), most), logSum));
        const target = k.do("v.keep", hit, k.do("v.eqI", columns, labelLanes));
        store(1, k.mul(scale, k.sub(k.sub(probability, target), floor)));
        k.set(columns, k.do("v.addI", columns, width));
      });
    };
    k.if(k.eq(label, ignored), () => fillWith(k, cols, dx, 0), gradients);
  });
}

export const losses: readonly Definition[] = [
  defineKernel("labelWeights", ["i32", "i32", "ptr", "ptr", "ptr"], labelWeights),
  defineKernel("nll", ["i32", "i32", "ptr", "ptr", "i32", "ptr"], nll),
  defineKernel("nllGrad", ["i32", "i32", "ptr", "ptr", "i32", "ptr"], nllGrad),
  defineKernel(
    "crossEntropy",
    ["i32", "i32", "ptr", "ptr", "i32", "f32", "ptr"],
    (k, rows, cols, x, labels, ignored, smoothing, y) =>
      crossEntropy(k, { rows, cols, x, labels, ignored, smoothing, y } as CrossEntropy),
  ),
  defineKernel(
    "crossEntropyGrad",
    ["i32", "i32", "ptr", "i32", "ptr", "ptr", "i32", "f32", "ptr", "ptr"],
    (k, rows, cols, dy, step, x, labels, ignored, smoothing, saved, dx) =>
      crossEntropyGrad(k, {
        rows,
        cols,
        dy,
        step,
        x,
        labels,
        ignored,
        smoothing,
        saved,
        dx,
      } as CrossEntropyGrad),
  ),
];
