// Direct convolution and its two gradients. It is as fast as a matrix product for many channels. For few channels it is
// much faster, since im2col would have to write its column matrix. It computes as many samples at once as a vector has
// lanes, so any width, stride and dilation fills the vectors. Each output is one chain of `madd` in the order of taps, so
// its bits depend only on its sample, its position and the sizes. Read convolution-plan.ts first, then
// convolution-inputs.ts, convolution-correlate.ts and convolution-weight.ts; the innermost loops are in
// convolution-tiles.ts.
import type { Definition, ParameterType } from "../../language/definition.ts";
import { defineKernel } from "../../language/definition.ts";
import type { Recorder } from "../../language/recorder.ts";
import { foldLanes } from "../../language/recorder.ts";
import type { Routine, Target, Value, Variable } from "../../language/values.ts";
import { bytesOf, each } from "../loops/counting.ts";
import { correlateRoutine } from "./convolution-correlate.ts";
import { fillRoutine, packWeightsRoutine } from "./convolution-inputs.ts";
import type { Sizes } from "./convolution-plan.ts";
import {
  describeForward,
  describeInput,
  gradientBlock,
  layOut,
  Plan,
  pixelBytes,
  sizesOf,
  times,
} from "./convolution-plan.ts";
import { tablesRoutine } from "./convolution-tables.ts";
import { partStep } from "./convolution-tiles.ts";
import {
  addProductsRoutine,
  clearRoutine,
  packGradientRoutine,
  partsOf,
  writeSumsRoutine,
} from "./convolution-weight.ts";

const makers = {
  tables: tablesRoutine,
  packWeights: packWeightsRoutine,
  fill: fillRoutine,
  correlate: correlateRoutine,
  clear: clearRoutine,
  packGradient: packGradientRoutine,
  addProducts: addProductsRoutine,
  writeSums: writeSumsRoutine,
};
type Routines = Record<keyof typeof makers, Routine>;

const recorded = new WeakMap<Target, Routines>();

/** The routines for a target, recorded once: the three kernels share them. */
function routinesFor(target: Target): Routines {
  let routines = recorded.get(target);
  if (!routines) {
    routines = Object.fromEntries(
      Object.entries(makers).map(([name, make]) => [name, make(target)]),
    ) as Routines;
    recorded.set(target, routines);
  }
  return routines;
}

interface Call {
  readonly n: Variable;
  readonly groups: Variable;
  readonly sizes: Sizes;
}

const callOf = (given: readonly Variable[]): Call => ({
  n: given[0]!,
  groups: given[1]!,
  sizes: sizesOf(given.slice(2)),
});

/** Bytes of a group of a sample of x, or of y, as a variable. */
const xBytes = (k: Recorder, { c, h, w }: Sizes) => k.variable("ptr", bytesOf(k, k.mul(k.mul(c, h), w)));
const yBytes = (k: Recorder, { o, oh, ow }: Sizes) => k.variable("ptr", bytesOf(k, k.mul(k.mul(o, oh), ow)));

/** An array of [samples, groups, …]: its part for a sample and group, and how far the next sample is. */
interface Batched {
  readonly step: Variable;
  at(sample: Variable, group: Variable): Value;
}

function batched(k: Recorder, { groups }: Call, start: Variable, bytesOfGroup: Variable): Batched {
  return {
    step: k.variable("ptr", times(k, groups, bytesOfGroup)),
    at: (sample, group) => k.add(start, times(k, k.add(k.mul(sample, groups), group), bytesOfGroup)),
  };
}

/** The largest workspace that the gradient of the input needs, over all remainders of the strides. */
function inputBytes(k: Recorder, sizes: Sizes): Variable {
  const most = k.variable("i32", 0);
  each(k, k.min(sizes.sh, sizes.h), (a) =>
    each(k, k.min(sizes.sw, sizes.w), (b) => {
      const { shape } = describeInput(k, sizes, a, b);
      k.set(most, k.max(most, layOut(k, shape, "result").end));
    }),
  );
  return most;
}

function recordConvolve(k: Recorder, given: readonly Variable[]): void {
  const call = callOf(given);
  const { n, groups, sizes } = call;
  const [from, weight, bias, to, workspace] = given.slice(16) as [
    Variable,
    Variable,
    Variable,
    Variable,
    Variable,
  ];
  const routines = routinesFor(k.target);
  const shape = describeForward(k, sizes);
  new Plan(k, workspace).write({ ...shape, ...layOut(k, shape, "result") });
  k.call(routines.tables, workspace, sizes.ow, 1);
  const x = batched(k, call, from, xBytes(k, sizes));
  const y = batched(k, call, to, yBytes(k, sizes));
  const plane = k.variable("ptr", bytesOf(k, k.mul(sizes.oh, sizes.ow)));
  const kernel = k.variable("ptr", bytesOf(k, k.mul(sizes.kh, sizes.kw)));
  const ofOutput = k.variable("ptr", times(k, sizes.c, kernel));
  const copy = new Plan(k, workspace).area("padded");
  each(k, groups, (g) => {
    k.call(routines.packWeights, ...[workspace, weight, bias, ofOutput, kernel, bytesOf(k, sizes.kw), 4, 0]);
    k.increase(weight, times(k, sizes.o, ofOutput));
    k.if(k.ne(bias, 0), () => k.increase(bias, bytesOf(k, sizes.o)));
    each(
      k,
      n,
      (i) => {
        const samples = k.variable("i32", k.sub(n, i));
        k.call(routines.fill, workspace, copy, samples, x.at(i, g), x.step);
        k.call(routines.correlate, workspace, samples, y.at(i, g), y.step, plane, 0);
      },
      k.lanes,
    );
  });
}

function recordInput(k: Recorder, given: readonly Variable[]): void {
  const call = callOf(given);
  const { n, groups, sizes } = call;
  const { c, h, w, o, kh, kw, sh, sw } = sizes;
  const [from, weight, to, workspace] = given.slice(16) as [Variable, Variable, Variable, Variable];
  const routines = routinesFor(k.target);
  const dy = batched(k, call, from, yBytes(k, sizes));
  const dx = batched(k, call, to, xBytes(k, sizes));
  const plane = k.variable("ptr", bytesOf(k, k.mul(h, w)));
  const kernel = k.variable("ptr", bytesOf(k, k.mul(kh, kw)));
  const ofOutput = k.variable("ptr", times(k, c, kernel));
  // Elements of dx whose positions differ by a multiple of the stride use the same taps: one convolution of dy per
  // remainder.
  each(k, k.min(sh, h), (a) =>
    each(k, k.min(sw, w), (b) => {
      const { shape, rows, cols } = describeInput(k, sizes, a, b);
      const plan = new Plan(k, workspace);
      plan.write({ ...shape, ...layOut(k, shape, "result") });
      k.call(routines.tables, workspace, k.mul(sh, w), sw);
      const copy = plan.area("padded");
      const last = k.add(k.mul(k.max(rows.last, 0), kw), k.max(cols.last, 0));
      const lastWeight = k.variable("ptr", k.add(weight, bytesOf(k, last)));
      const rowStep = k.variable("ptr", bytesOf(k, k.mul(rows.tapStep, kw)));
      const colStep = k.variable("ptr", bytesOf(k, cols.tapStep));
      const first = k.variable("ptr", bytesOf(k, k.add(k.mul(a, w), b)));
      each(k, groups, (g) => {
        // What are outputs of dy's convolution are channels of the weight.
        k.call(routines.packWeights, workspace, lastWeight, 0, kernel, ofOutput, rowStep, colStep, 1);
        k.increase(lastWeight, times(k, o, ofOutput));
        each(
          k,
          n,
          (i) => {
            const samples = k.variable("i32", k.sub(n, i));
            k.if(k.gt(plan.get("tapCount"), 0), () =>
              k.call(routines.fill, workspace, copy, samples, dy.at(i, g), dy.step),
            );
            const result = k.add(dx.at(i, g), first);
            k.call(routines.correlate, workspace, samples, result, dx.step, plane, 1);
          },
          k.lanes,
        );
      });
    }),
  );
}

function recordWeight(k: Recorder, given: readonly Variable[]): void {
  const call = callOf(given);
  const { n, groups, sizes } = call;
  const [xFrom, dyFrom, dweight, workspace] = given.slice(16) as [Variable, Variable, Variable, Variable];
  const routines = routinesFor(k.target);
  const shape = describeForward(k, sizes);
  const plan = new Plan(k, workspace);
  plan.write({ ...shape, ...layOut(k, shape, "weight") });
  k.call(routines.tables, workspace, sizes.ow, 1);
  const x = batched(k, call, xFrom, xBytes(k, sizes));
  const dy = batched(k, call, dyFrom, yBytes(k, sizes));
  const pixels = k.variable("i32", k.mul(sizes.oh, sizes.ow));
  const plane = k.variable("ptr", bytesOf(k, pixels));
  const ofGroup = k.variable("ptr", bytesOf(k, k.mul(plan.get("tapCount"), sizes.o)));
  each(k, groups, (g) => {
    k.call(routines.clear, plan.area("sums"), plan.area("packed"));
    each(
      k,
      n,
      (i) => {
        const samples = k.variable("i32", k.sub(n, i));
        const parts = partsOf(k, samples);
        const source = k.variable("ptr", x.at(i, g));
        const copy = plan.area("padded");
        const left = k.variable("i32", samples);
        each(k, parts, () => {
          k.call(routines.fill, workspace, copy, left, source, x.step);
          k.increase(source, k.mul(x.step, k.lanes));
          k.increase(copy, plan.bytes("paddedBytes"));
          k.increase(left, -k.lanes);
        });
        const stage = plan.area("stage");
        const present = k.mul(k.do("to.ptr", parts), partStep(k.lanes));
        k.call(
          routines.clear,
          k.add(stage, present),
          k.add(stage, (foldLanes / k.lanes) * partStep(k.lanes)),
        );
        each(
          k,
          pixels,
          (pixel) => {
            const count = k.variable("i32", k.min(k.sub(pixels, pixel), gradientBlock));
            const gradient = k.add(dy.at(i, g), bytesOf(k, pixel));
            k.call(routines.packGradient, workspace, count, parts, samples, gradient, dy.step, plane);
            const records = k.add(plan.area("pixels"), times(k, pixel, k.int(pixelBytes, "ptr")));
            k.call(routines.addProducts, workspace, records, count, parts);
          },
          gradientBlock,
        );
      },
      foldLanes,
    );
    k.call(routines.writeSums, workspace, dweight);
    k.increase(dweight, ofGroup);
  });
}

const repeat = <T extends ParameterType>(type: T, count: number): T[] =>
  Array.from({ length: count }, () => type);
const counts = repeat("i32", 16);

export const convolution: readonly Definition[] = [
  defineKernel("convolveScratch", repeat("i32", 15), (k, direction, ...given) => {
    const sizes = sizesOf(given);
    const bytes = k.variable("i32", 0);
    const forward = (of: "result" | "weight") => () =>
      k.set(bytes, layOut(k, describeForward(k, sizes), of).end);
    k.if(
      k.eq(direction, 1),
      () => k.set(bytes, inputBytes(k, sizes)),
      () => k.if(k.eq(direction, 0), forward("result"), forward("weight")),
    );
    k.return(bytes);
  }),
  defineKernel("convolve", [...counts, ...repeat("ptr", 5)], (k, ...given) => recordConvolve(k, given)),
  defineKernel("convolveInput", [...counts, ...repeat("ptr", 4)], (k, ...given) => recordInput(k, given)),
  defineKernel("convolveWeight", [...counts, ...repeat("ptr", 4)], (k, ...given) => recordWeight(k, given)),
];
