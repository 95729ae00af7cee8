// The values of every op against a slow, obvious implementation, on random shapes (empty ones too) and on views with
// any strides. A tensor is there a function of its index; the table says what each op makes of it.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { DType } from "../dtype.ts";
import { scope } from "../scope.ts";
import { sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import type { Operand } from "./arithmetic/elementwise.ts";
import { tensor } from "./create/create.ts";
import * as ops from "./index.ts";

type Shape = readonly number[];
type Index = readonly number[];

/** The obvious tensor. */
interface Naive {
  shape: Shape;
  at: (index: Index) => number;
}

const iota = (n: number) => Array.from({ length: n }, (_, i) => i);
const total = (list: readonly number[]) => list.reduce((a, b) => a + b, 0);

function indicesOf(shape: Shape): Index[] {
  return shape.reduce<Index[]>((list, n) => list.flatMap((index) => iota(n).map((i) => [...index, i])), [[]]);
}

/** Position of an index in row-major order, and back. */
const flat = (index: Index, shape: Shape) => index.reduce((at, i, axis) => at * shape[axis]! + i, 0);
const unflat = (at: number, shape: Shape) =>
  shape.map((n, axis) => Math.floor(at / sizeOf(shape.slice(axis + 1))) % n);

/** The index in `shape` that broadcasting reads for an index of the result. */
const broadcastIndex = (index: Index, shape: Shape) =>
  shape.map((n, axis) => (n === 1 ? 0 : index[index.length - shape.length + axis]!));

const swapped = (list: readonly number[], a: number, b: number) => list.with(a, list[b]!).with(b, list[a]!);

// ---- Random inputs ----

/** Draws from `arbitrary(...parameters)`; shrinking needs the function, not its result. */
type Draw = fc.GeneratorValue;
const bool = fc.boolean;
const below = (n: number) => fc.integer({ min: 0, max: n - 1 });
const length = () => below(5);
const shapeOfRank = (min: number, max: number) => fc.array(length(), { minLength: min, maxLength: max });
const batchShape = () => fc.array(fc.constantFrom(0, 1, 2, 2, 3, 3), { maxLength: 4 });
const someOf = (n: number) => fc.shuffledSubarray(iota(n));
const orderOf = <T>(list: readonly T[]) => fc.shuffledSubarray([...list], { minLength: list.length });
const kindOfAxis = () => fc.constantFrom("dense", "dense", "dense", "gap", "repeated");
const anyDType = () => fc.constantFrom(...any);
const letter = () => fc.constantFrom(..."abcd");
/** Names the axis from the front or from the back. */
const anyName = (draw: Draw, axis: number, rank: number) => (draw(bool) ? axis : axis - rank);

/** A shape that broadcasts to `target`. */
function narrower(draw: Draw, target: Shape): number[] {
  return target.slice(draw(below, target.length + 1)).map((n) => (draw(bool) ? n : 1));
}

/** Small multiples of 1/4 (so that sums and products are exact), or small integers. */
const valueAt = (place: number, dtype: DType) => {
  const n = (place * 7919 + 13) % 33;
  return dtype === "int32" ? n - 16 : dtype === "uint8" ? n % 7 : (n - 16) / 4;
};

/** A view with its axes laid out in any order, with gaps, repeated by stride 0, away from the start. */
function anyView(draw: Draw, shape: Shape, dtype: DType, values = valueAt): { x: Tensor; naive: Naive } {
  const strides = new Array<number>(shape.length).fill(0);
  let size = 1;
  for (const axis of draw(orderOf, iota(shape.length))) {
    const kind = draw(kindOfAxis);
    if (kind === "repeated") continue;
    if (kind === "gap") size *= 2;
    strides[axis] = size;
    size *= Math.max(1, shape[axis]!);
  }
  const offset = draw(below, 4);
  const base = tensor(
    iota(size + offset).map((place) => values(place, dtype)),
    { dtype },
  );
  const at = (index: Index) => values(offset + total(index.map((i, axis) => i * strides[axis]!)), dtype);
  return { x: base.view(shape, strides, offset), naive: { shape, at } };
}

// ---- The table ----

interface Row {
  op: keyof typeof ops;
  /** Draws the arguments: shapes of the inputs first. */
  inputs: (draw: Draw) => { shapes: Shape[]; [attribute: string]: unknown };
  // Each row knows the type of its own attributes.
  // biome-ignore lint/suspicious/noExplicitAny: the rest of the row reads what `inputs` drew
  run: (x: Tensor[], attributes: any) => Tensor;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  naive: (x: Naive[], attributes: any) => Naive;
  /** floats if absent. */
  dtypes?: readonly DType[];
  values?: typeof valueAt;
  /** Exact if absent. */
  rounded?: boolean;
}

const floats = ["float32", "float64"] as const;
const numeric = ["float32", "float64", "int32"] as const;
const any = ["float32", "float64", "int32", "uint8"] as const;

const unary = (
  op: Row["op"],
  run: (x: Tensor) => Tensor,
  f: (x: number) => number,
  rest: Partial<Row> = { rounded: true },
): Row => ({
  op,
  inputs: (draw) => ({ shapes: [draw(shapeOfRank, 0, 5)] }),
  run: ([x]) => run(x!),
  naive: ([x]) => ({ shape: x!.shape, at: (index) => f(x!.at(index)) }),
  ...rest,
});

/** The error function by its alternating series, and by a continued fraction where that loses digits. */
function erf(x: number): number {
  if (x < 0) return -erf(-x);
  if (x >= 2) {
    const fraction = iota(200).reduceRight((below, n) => x + (n + 1) / 2 / below, x);
    return 1 - Math.exp(-x * x) / Math.sqrt(Math.PI) / fraction;
  }
  let power = x; // (-1)ⁿ x²ⁿ⁺¹ / n!
  let sum = 0;
  for (let n = 0; n < 60; n++) {
    sum += power / (2 * n + 1);
    power *= (-x * x) / (n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

const binary = (
  op: Row["op"],
  run: (a: Operand, b: Operand) => Tensor,
  f: (a: number, b: number) => number,
  rest: Partial<Row> = {},
): Row[] => [
  {
    op,
    inputs: (draw) => {
      const shape = draw(shapeOfRank, 0, 5);
      const other = narrower(draw, shape);
      return { shape, shapes: draw(bool) ? [shape, other] : [other, shape] };
    },
    run: ([a, b]) => run(a!, b!),
    naive: ([a, b], { shape }) => ({
      shape,
      at: (index) => f(a!.at(broadcastIndex(index, a!.shape)), b!.at(broadcastIndex(index, b!.shape))),
    }),
    ...rest,
  },
  {
    op,
    inputs: (draw) => ({ shapes: [draw(shapeOfRank, 0, 3)], number: draw(below, 9) - 4, left: draw(bool) }),
    run: ([x], { number, left }) => (left ? run(number, x!) : run(x!, number)),
    naive: ([x], { number, left }) => ({
      shape: x!.shape,
      at: (index) => (left ? f(number, x!.at(index)) : f(x!.at(index), number)),
    }),
    ...rest,
  },
];

/** Drawn: any axes in any order, or none named; kept or not. */
function reduction(draw: Draw): { shapes: Shape[]; axes?: number[]; keepDim: boolean } {
  const shape = draw(shapeOfRank, 0, 5);
  const axes = draw(someOf, shape.length).map((axis) => anyName(draw, axis, shape.length));
  return { shapes: [shape], keepDim: draw(bool), ...(draw(below, 4) > 0 && { axes }) };
}

function reduceNaively(
  x: Naive,
  axes: number[] | undefined,
  keepDim: boolean,
  finish: (all: number[]) => number,
) {
  const rank = x.shape.length;
  const gone = axes ? axes.map((axis) => (axis + rank) % rank) : iota(rank);
  const keep = (list: readonly number[], one: number) =>
    list.flatMap((n, axis) => (gone.includes(axis) ? (keepDim ? [one] : []) : [n]));
  const elements = Map.groupBy(indicesOf(x.shape), (index) => String(keep(index, 0)));
  return {
    shape: keep(x.shape, 1),
    at: (index: Index) => finish((elements.get(String(index)) ?? []).map(x.at)),
  };
}

const reducing = (
  op: Row["op"],
  run: (x: Tensor, axes: number[] | undefined, options: { keepDim: boolean }) => Tensor,
  finish: (all: number[]) => number,
  rest: Partial<Row> = { rounded: true },
): Row => ({
  op,
  inputs: reduction,
  run: ([x], { axes, keepDim }) => run(x!, axes, { keepDim }),
  naive: ([x], { axes, keepDim }) => reduceNaively(x!, axes, keepDim, finish),
  ...rest,
});

/** As `reduction`, with something to choose from. */
function choice(draw: Draw) {
  const { shapes, ...rest } = reduction(draw);
  return { shapes: shapes.map((shape) => shape.map((n) => Math.max(n, 1))), ...rest };
}

const placing = (
  op: "argmax" | "argmin",
  run: typeof ops.argmax,
  extremum: (...all: number[]) => number,
): Row => ({
  op,
  inputs: (draw) => {
    const { shapes, axis, name } = alongAxis(draw);
    return { shapes: [shapes[0]!.with(axis, 1 + draw(below, 5))], axis, name, keepDim: draw(bool) };
  },
  run: ([x], { name, keepDim }) => run(x!, name, { keepDim }),
  naive: ([x], { axis, keepDim }) =>
    reduceNaively(x!, [axis], keepDim, (all) => all.indexOf(extremum(...all))),
  dtypes: any,
});

/** A function of all elements along an axis, and of the place in it. */
const alongLines = (
  op: Row["op"],
  run: (x: Tensor, axis: number) => Tensor,
  f: (line: number[], place: number) => number,
  rest: Partial<Row> = { rounded: true },
): Row => ({
  op,
  inputs: alongAxis,
  run: ([x], { name }) => run(x!, name),
  naive: ([x], { axis }) => {
    const line = (index: Index) => iota(x!.shape[axis]!).map((i) => x!.at(index.with(axis, i)));
    return { shape: x!.shape, at: (index) => f(line(index), index[axis]!) };
  },
  ...rest,
});

const sumOfExp = (list: readonly number[]) => total(list.map(Math.exp));
const multiplied = (list: readonly number[]) => list.reduce((a, b) => a * b, 1);

/** Σ(x - mean)² / (n - correction) */
function varianceOf(list: readonly number[], correction = 1): number {
  const mean = total(list) / list.length;
  return total(list.map((x) => (x - mean) ** 2)) / Math.max(0, list.length - correction);
}

const alongAxis = (draw: Draw) => {
  const shape = draw(shapeOfRank, 1, 4);
  const axis = draw(below, shape.length);
  return { shapes: [shape], axis, name: anyName(draw, axis, shape.length) };
};

const rows: Row[] = [
  unary("neg", ops.neg, (x) => -x, { dtypes: numeric }),
  unary("abs", ops.abs, Math.abs, { dtypes: any }),
  unary("sign", ops.sign, Math.sign, { dtypes: any }),
  unary("square", ops.square, (x) => x * x, { dtypes: any }),
  unary("exp", ops.exp, Math.exp),
  unary("expm1", ops.expm1, Math.expm1),
  unary("log", ops.log, Math.log),
  unary("log1p", ops.log1p, Math.log1p),
  unary("sqrt", ops.sqrt, Math.sqrt),
  unary("rsqrt", ops.rsqrt, (x) => 1 / Math.sqrt(x)),
  unary("reciprocal", ops.reciprocal, (x) => 1 / x),
  unary("sin", ops.sin, Math.sin),
  unary("cos", ops.cos, Math.cos),
  unary("erf", ops.erf, erf),
  unary("relu", ops.relu, (x) => Math.max(x, 0), { dtypes: any }),
  unary("tanh", ops.tanh, Math.tanh),
  unary("sigmoid", ops.sigmoid, (x) => 1 / (1 + Math.exp(-x))),
  unary("silu", ops.silu, (x) => x / (1 + Math.exp(-x))),
  unary("hardswish", ops.hardswish, (x) => (x * Math.min(Math.max(x + 3, 0), 6)) / 6),
  unary("softsign", ops.softsign, (x) => x / (1 + Math.abs(x))),
  unary("gelu", ops.gelu, (x) => (x / 2) * (1 + erf(x / Math.SQRT2))),
  unary(
    "gelu",
    (x) => ops.gelu(x, { approximate: "tanh" }),
    (x) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  ),
  unary("leakyRelu", ops.leakyRelu, (x) => Math.max(x, x / 100)),
  unary(
    "leakyRelu",
    (x) => ops.leakyRelu(x, { negativeSlope: 2 }),
    (x) => Math.min(x, 2 * x),
  ),
  unary("elu", ops.elu, (x) => (x > 0 ? x : Math.exp(x) - 1)),
  unary(
    "elu",
    (x) => ops.elu(x, { alpha: 3 }),
    (x) => (x > 0 ? x : 3 * (Math.exp(x) - 1)),
  ),
  unary("softplus", ops.softplus, (x) => Math.log(1 + Math.exp(x))),
  unary(
    "softplus",
    (x) => ops.softplus(x, { beta: 2, threshold: 3 }),
    (x) => (x > 1.5 ? x : Math.log(1 + Math.exp(2 * x)) / 2),
  ),
  unary(
    "clamp",
    (x) => ops.clamp(x, { min: 3 }),
    (x) => Math.max(x, 3),
    { dtypes: any },
  ),
  unary(
    "clamp",
    (x) => ops.clamp(x, { max: -2 }),
    (x) => Math.min(x, -2),
    { dtypes: numeric },
  ),
  unary(
    "clamp",
    (x) => ops.clamp(x, { min: -0.5, max: 2.25 }),
    (x) => Math.min(Math.max(x, -0.5), 2.25),
    {},
  ),
  ...binary("add", ops.add, (a, b) => a + b, { dtypes: numeric }),
  ...binary("sub", ops.sub, (a, b) => a - b, { dtypes: numeric }),
  ...binary("mul", ops.mul, (a, b) => a * b, { dtypes: numeric }),
  ...binary("div", ops.div, (a, b) => a / b, { rounded: true }),
  ...binary("pow", ops.pow, (a, b) => a ** b, { rounded: true }),
  ...binary("maximum", ops.maximum, Math.max, { dtypes: numeric }),
  ...binary("minimum", ops.minimum, Math.min, { dtypes: numeric }),
  ...binary("equal", ops.equal, (a, b) => Number(a === b), { dtypes: numeric }),
  ...binary("notEqual", ops.notEqual, (a, b) => Number(a !== b), { dtypes: numeric }),
  ...binary("less", ops.less, (a, b) => Number(a < b), { dtypes: numeric }),
  ...binary("lessEqual", ops.lessEqual, (a, b) => Number(a <= b), { dtypes: numeric }),
  ...binary("greater", ops.greater, (a, b) => Number(a > b), { dtypes: numeric }),
  ...binary("greaterEqual", ops.greaterEqual, (a, b) => Number(a >= b), { dtypes: numeric }),
  {
    op: "where",
    inputs: (draw) => {
      const shape = draw(shapeOfRank, 0, 5);
      const shapes = [shape, narrower(draw, shape), narrower(draw, shape)];
      const order = draw(orderOf, [0, 1, 2]);
      return { shape, shapes: order.map((i) => shapes[i]!), mask: draw(anyDType) };
    },
    // As a mask of some dtype, or as it is.
    run: ([c, a, b], { mask }) =>
      ops.where(mask === c!.dtype ? c! : ops.cast(ops.notEqual(c!, 0), mask), a!, b!),
    naive: ([c, a, b], { shape }) => ({
      shape,
      at: (index) => {
        const chosen = c!.at(broadcastIndex(index, c!.shape)) ? a! : b!;
        return chosen.at(broadcastIndex(index, chosen.shape));
      },
    }),
    values: (place, dtype) => (place % 3 === 0 ? 0 : valueAt(place, dtype)),
    dtypes: any,
  },
  reducing("sum", ops.sum, total, { dtypes: any }),
  reducing("mean", ops.mean, (all) => total(all) / all.length),
  reducing("max", ops.max, (all) => Math.max(...all), { inputs: choice, dtypes: any }),
  reducing("min", ops.min, (all) => Math.min(...all), { inputs: choice, dtypes: any }),
  // A zero in every five keeps products of many elements small.
  reducing("prod", ops.prod, multiplied, { dtypes: numeric, values: (place) => (place % 5) - 2 }),
  reducing("variance", ops.variance, (all) => varianceOf(all)),
  reducing(
    "variance",
    (x, axes, options) => ops.variance(x, axes, { ...options, correction: 0 }),
    (all) => varianceOf(all, 0),
  ),
  reducing("std", ops.std, (all) => Math.sqrt(varianceOf(all))),
  reducing("norm", ops.norm, (all) => Math.sqrt(total(all.map((x) => x * x)))),
  reducing(
    "norm",
    (x, axes, options) => ops.norm(x, axes, { ...options, p: 1 }),
    (all) => total(all.map(Math.abs)),
    {},
  ),
  reducing(
    "norm",
    (x, axes, options) => ops.norm(x, axes, { ...options, p: Number.POSITIVE_INFINITY }),
    (all) => Math.max(...all.map(Math.abs)),
    { inputs: choice },
  ),
  reducing("logSumExp", ops.logSumExp, (all) => Math.log(sumOfExp(all))),
  placing("argmax", ops.argmax, Math.max),
  placing("argmin", ops.argmin, Math.min),
  alongLines("cumsum", ops.cumsum, (line, place) => total(line.slice(0, place + 1)), { dtypes: any }),
  alongLines("softmax", ops.softmax, (line, place) => Math.exp(line[place]!) / sumOfExp(line)),
  alongLines("logSoftmax", ops.logSoftmax, (line, place) => line[place]! - Math.log(sumOfExp(line))),
  {
    op: "expand",
    inputs: (draw) => {
      const target = draw(shapeOfRank, 0, 5);
      return { shapes: [narrower(draw, target)], target };
    },
    run: ([x], { target }) => ops.expand(x!, target),
    naive: ([x], { target }) => ({ shape: target, at: (index) => x!.at(broadcastIndex(index, x!.shape)) }),
    dtypes: any,
  },
  {
    op: "reshape",
    inputs: (draw) => {
      const shape = draw(shapeOfRank, 0, 4);
      const target = draw(orderOf, [...shape, 1]);
      const hidden = draw(below, target.length);
      const known = sizeOf(target.toSpliced(hidden, 1));
      return { shapes: [shape], target, asked: known > 0 && draw(bool) ? target.with(hidden, -1) : target };
    },
    run: ([x], { asked }) => ops.reshape(x!, asked),
    naive: ([x], { target }) => ({
      shape: target,
      at: (index) => x!.at(unflat(flat(index, target), x!.shape)),
    }),
    dtypes: any,
  },
  {
    op: "permute",
    inputs: (draw) => {
      const shape = draw(shapeOfRank, 0, 5);
      const axes = draw(orderOf, iota(shape.length));
      return { shapes: [shape], axes, names: axes.map((axis) => anyName(draw, axis, shape.length)) };
    },
    run: ([x], { names }) => ops.permute(x!, names),
    naive: ([x], { axes }) => ({
      shape: axes.map((axis: number) => x!.shape[axis]!),
      at: (index) => x!.at(index.map((_, axis) => index[axes.indexOf(axis)]!)),
    }),
    dtypes: any,
  },
  {
    op: "transpose",
    inputs: (draw) => {
      const shape = draw(shapeOfRank, 2, 4);
      const last = [shape.length - 2, shape.length - 1];
      const [a, b] = draw(bool) ? last : [draw(below, shape.length), draw(below, shape.length)];
      return { shapes: [shape], a, b, named: String([a, b]) !== String(last) || draw(bool) };
    },
    run: ([x], { a, b, named }) => (named ? ops.transpose(x!, a, b) : ops.transpose(x!)),
    naive: ([x], { a, b }) => ({
      shape: swapped(x!.shape, a, b),
      at: (index) => x!.at(swapped(index, a, b)),
    }),
    dtypes: any,
  },
  {
    op: "matmul",
    inputs: (draw) => {
      const [m, n, k] = [draw(length), draw(length), draw(length)];
      const batch = draw(batchShape);
      const a = draw(below, 4) === 0 ? [k] : [...narrower(draw, batch), m, k];
      const b =
        draw(below, 4) === 0 ? [k] : [...(a.length > 1 && draw(bool) ? batch : narrower(draw, batch)), k, n];
      return { shapes: [a, b] };
    },
    run: ([a, b]) => ops.matmul(a!, b!),
    naive: ([x, w]) => {
      // A vector is a row on the left and a column on the right, and its axis goes.
      const a = x!.shape.length > 1 ? x! : { shape: [1, ...x!.shape], at: (i: Index) => x!.at(i.slice(1)) };
      const b =
        w!.shape.length > 1 ? w! : { shape: [...w!.shape, 1], at: (i: Index) => w!.at(i.slice(0, 1)) };
      const [left, right] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
      const rank = Math.max(left.length, right.length);
      const pad = (list: Shape) => [...new Array<number>(rank - list.length).fill(1), ...list];
      const batch = pad(left).map((n, axis) => (n === 1 ? pad(right)[axis]! : n));
      const at = (index: Index, i: number, j: number) => {
        const products = iota(a.shape.at(-1)!).map(
          (l) => a.at([...broadcastIndex(index, left), i, l]) * b.at([...broadcastIndex(index, right), l, j]),
        );
        return total(products);
      };
      const rows = x!.shape.length > 1 ? [a.shape.at(-2)!] : [];
      const cols = w!.shape.length > 1 ? [b.shape.at(-1)!] : [];
      return {
        shape: [...batch, ...rows, ...cols],
        at: (index) =>
          at(index.slice(0, rank), rows.length ? index[rank]! : 0, cols.length ? index.at(-1)! : 0),
      };
    },
    dtypes: numeric,
  },
  {
    op: "linear",
    inputs: (draw) => {
      const [inputs, outputs] = [draw(length), draw(length)];
      const shapes = [[...draw(shapeOfRank, 0, 3), inputs], [outputs, inputs], [outputs]];
      return { shapes: shapes.slice(0, draw(bool) ? 3 : 2) };
    },
    run: ([x, w, bias]) => ops.linear(x!, w!, bias),
    naive: ([x, w, bias]) => ({
      shape: [...x!.shape.slice(0, -1), w!.shape[0]!],
      at: (index) => {
        const o = index.at(-1)!;
        const products = iota(w!.shape[1]!).map((i) => x!.at([...index.slice(0, -1), i]) * w!.at([o, i]));
        return total(products) + (bias?.at([o]) ?? 0);
      },
    }),
    dtypes: numeric,
  },
  {
    op: "pick",
    inputs: (draw) => {
      const [rows, cols] = [draw(length), 1 + draw(length)];
      return { shapes: [[rows, cols]], index: iota(rows).map(() => draw(below, cols)) };
    },
    run: ([x], { index }) => ops.pick(x!, tensor(index, { dtype: "int32" })),
    naive: ([x], { index }) => ({ shape: [x!.shape[0]!], at: ([r]) => x!.at([r!, index[r!]]) }),
    dtypes: numeric,
  },
  {
    op: "outer",
    inputs: (draw) => {
      const batch = draw(shapeOfRank, 0, 3);
      const shapes = [batch, narrower(draw, batch)];
      return {
        batch,
        shapes: (draw(bool) ? shapes : shapes.reverse()).map((shape) => [...shape, draw(length)]),
      };
    },
    run: ([a, b]) => ops.outer(a!, b!),
    naive: ([a, b], { batch }) => ({
      shape: [...batch, a!.shape.at(-1)!, b!.shape.at(-1)!],
      at: (index) => {
        const outerIndex = index.slice(0, -2);
        const left = a!.at([...broadcastIndex(outerIndex, a!.shape.slice(0, -1)), index.at(-2)!]);
        return left * b!.at([...broadcastIndex(outerIndex, b!.shape.slice(0, -1)), index.at(-1)!]);
      },
    }),
    dtypes: numeric,
  },
  {
    op: "einsum",
    inputs: (draw) => {
      // Axes have letters; those that an ellipsis stands for have digits, counted from the right.
      const sizes: Record<string, number> = {};
      for (const label of "abcd10") sizes[label] = draw(length);
      const terms = iota(1 + draw(below, 3)).map(() => {
        const letters = iota(draw(below, 4)).map(() => draw(letter));
        const dots = draw(bool) ? ["1", "0"].slice(draw(below, 3)) : undefined;
        return dots ? letters.toSpliced(draw(below, letters.length + 1), 0, ...dots, "…") : letters;
      });
      const all = [...new Set(terms.flat())].filter((label) => label !== "…");
      const dots = ["1", "0"].filter((label) => all.includes(label));
      const letters = all.filter((label) => !dots.includes(label));
      const once = letters.filter((label) => terms.flat().indexOf(label) === terms.flat().lastIndexOf(label));
      const chosen = draw(someOf, letters.length).map((i) => letters[i]!);
      const written: [string[], string][] = [
        [[...dots, ...once.sort()], ""],
        [chosen, `->${chosen.join("")}`],
        [[...chosen, ...dots], `->${chosen.join("")}...`],
      ];
      const [result, output] = written[draw(below, 3)]!;
      const labels = terms.map((term) => term.filter((label) => label !== "…"));
      // An axis of length 1 goes with a longer one of its name, but for those that make a diagonal.
      const shapes = labels.map((term) =>
        term.map((label) => {
          const single = term.indexOf(label) === term.lastIndexOf(label);
          return single && draw(below, 5) === 0 ? 1 : sizes[label]!;
        }),
      );
      const inputs = terms.map((term) => term.join("").replace(/[10]*…/, "..."));
      return { shapes, equation: inputs.join(",") + output, labels, result };
    },
    run: (x, { equation }) => ops.einsum(equation, ...x),
    naive: (x, { labels, result }: { labels: string[][]; result: string[] }) => {
      const sizes = new Map<string, number>();
      for (const [i, term] of labels.entries()) {
        for (const [axis, label] of term.entries()) {
          const size = x[i]!.shape[axis]!;
          if (size !== 1 || !sizes.has(label)) sizes.set(label, size);
        }
      }
      const summed = [...sizes.keys()].filter((label) => !result.includes(label));
      const everywhere = indicesOf(summed.map((label) => sizes.get(label)!));
      const names = [...result, ...summed];
      const factors = (place: Index) =>
        x.map((operand, i) => {
          const at = labels[i]!.map((label) => place[names.indexOf(label)]!);
          return operand.at(broadcastIndex(at, operand.shape));
        });
      return {
        shape: result.map((label) => sizes.get(label)!),
        at: (index) => total(everywhere.map((rest) => multiplied(factors([...index, ...rest])))),
      };
    },
    values: (place) => (place % 5) - 2,
    dtypes: numeric,
  },
  {
    op: "cast",
    inputs: (draw) => ({ shapes: [draw(shapeOfRank, 0, 4)], to: draw(anyDType) }),
    run: ([x], { to }) => ops.cast(x!, to),
    naive: ([x], { to }) => ({
      shape: x!.shape,
      at: (index) => (to.startsWith("float") ? x!.at(index) : Math.trunc(x!.at(index)) + 0),
    }),
    values: (place, dtype) => Math.abs(valueAt(place, dtype)),
    dtypes: any,
  },
];

// ---- The tests ----

/** What has tests of its own: those of the file, or of layout.test.ts. */
const elsewhere: Record<string, (keyof typeof ops)[]> = {
  attention: ["scaledDotProductAttention"],
  convolution: ["conv1d", "conv2d"],
  dropout: ["dropout"],
  embedding: ["embedding"],
  norm: ["batchNorm", "groupNorm", "layerNorm", "rmsNorm"],
  pooling: ["adaptiveAvgPool2d", "avgPool1d", "avgPool2d", "maxPool1d", "maxPool2d"],
  create: ["full", "ones", "rand", "randn", "tensor", "zeros"],
  gather: ["gather", "indexAdd", "indexSelect", "oneHot", "scatterAdd"],
  join: ["cat", "chunk", "split", "stack"],
  sequences: ["arange", "eye", "fullLike", "linspace", "onesLike", "randLike", "randnLike", "zerosLike"],
  shape: ["flatten", "squeeze", "tile", "unsqueeze"],
  slice: ["flip", "narrow", "pad", "select", "slice"],
  triangle: ["tril", "triu"],
};

test("every op is in the table", () => {
  const covered = new Set<string>([...rows.map(({ op }) => op), ...Object.values(elsewhere).flat()]);
  expect(Object.keys(ops).filter((name) => !covered.has(name))).toEqual([]);
});

const cases = rows.flatMap((row) => (row.dtypes ?? floats).map((dtype) => ({ ...row, dtype })));

test.each(cases)("$op of $dtype", ({ inputs, run, naive, rounded, values, dtype }) => {
  const body = (draw: Draw) =>
    scope(() => {
      const { shapes, ...attributes } = inputs(draw);
      const views = shapes.map((shape) => anyView(draw, shape, dtype, values));
      const expected = naive(
        views.map((view) => view.naive),
        attributes,
      );
      const y = run(
        views.map(({ x }) => x),
        attributes,
      );
      expect(y.shape).toEqual(expected.shape);
      const [got, wanted] = [[...y.toArray()], indicesOf(expected.shape).map(expected.at)];
      const isNear = rounded ? nearby(dtype) : (a: number, b: number) => a === b;
      const wrong = wanted.findIndex((value, i) => !isNear(got[i]!, value));
      expect(got[wrong], `element ${wrong}`).toBe(wanted[wrong]);
    });
  fc.assert(fc.property(fc.gen(), body), { seed: 1, numRuns: 150 });
});

function nearby(dtype: DType): (got: number, expected: number) => boolean {
  const tolerance = dtype === "float32" ? 1e-6 : 1e-14;
  return (got, expected) =>
    Object.is(got, expected) || Math.abs(got - expected) <= tolerance * Math.max(1, Math.abs(expected));
}
