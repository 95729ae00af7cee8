// The values of every op against a slow, obvious implementation, on random shapes (empty ones too) and on views with
// any strides. A tensor is there a function of its index; the table says what each op makes of it.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { DType } from "../dtype.ts";
import { scope } from "../scope.ts";
import { sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { tensor } from "./create.ts";
import type { Operand } from "./elementwise.ts";
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
  rest: Partial<Row>,
): Row => ({
  op,
  inputs: (draw) => ({ shapes: [draw(shapeOfRank, 0, 5)] }),
  run: ([x]) => run(x!),
  naive: ([x]) => ({ shape: x!.shape, at: (index) => f(x!.at(index)) }),
  ...rest,
});

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

const alongAxis = (draw: Draw) => {
  const shape = draw(shapeOfRank, 1, 4);
  const axis = draw(below, shape.length);
  return { shapes: [shape], axis, name: anyName(draw, axis, shape.length) };
};

const rows: Row[] = [
  unary("neg", ops.neg, (x) => -x, { dtypes: numeric }),
  unary("relu", ops.relu, (x) => Math.max(x, 0), { dtypes: numeric }),
  unary("exp", ops.exp, Math.exp, { rounded: true }),
  unary("log", ops.log, Math.log, { rounded: true }),
  unary("sqrt", ops.sqrt, Math.sqrt, { rounded: true }),
  ...binary("add", ops.add, (a, b) => a + b, { dtypes: numeric }),
  ...binary("sub", ops.sub, (a, b) => a - b, { dtypes: numeric }),
  ...binary("mul", ops.mul, (a, b) => a * b, { dtypes: numeric }),
  ...binary("div", ops.div, (a, b) => a / b, { rounded: true }),
  ...binary("equal", ops.equal, (a, b) => Number(a === b), { dtypes: numeric }),
  ...binary("greater", ops.greater, (a, b) => Number(a > b), { dtypes: numeric }),
  {
    op: "sum",
    inputs: reduction,
    run: ([x], { axes, keepDim }) => ops.sum(x!, axes, { keepDim }),
    naive: ([x], { axes, keepDim }) => reduceNaively(x!, axes, keepDim, total),
    dtypes: numeric,
  },
  {
    op: "mean",
    inputs: reduction,
    run: ([x], { axes, keepDim }) => ops.mean(x!, axes, { keepDim }),
    naive: ([x], { axes, keepDim }) => reduceNaively(x!, axes, keepDim, (all) => total(all) / all.length),
    rounded: true,
  },
  {
    op: "argmax",
    inputs: (draw) => {
      const { shapes, axis, name } = alongAxis(draw);
      return { shapes: [shapes[0]!.with(axis, 1 + draw(below, 5))], axis, name };
    },
    run: ([x], { name }) => ops.argmax(x!, name),
    naive: ([x], { axis }) => reduceNaively(x!, [axis], false, (all) => all.indexOf(Math.max(...all))),
    dtypes: any,
  },
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
    op: "logSoftmax",
    inputs: alongAxis,
    run: ([x], { name }) => ops.logSoftmax(x!, name),
    naive: ([x], { axis }) => {
      const line = (index: Index) => iota(x!.shape[axis]!).map((i) => x!.at(index.with(axis, i)));
      return { shape: x!.shape, at: (index) => x!.at(index) - Math.log(total(line(index).map(Math.exp))) };
    },
    rounded: true,
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

const withoutInputs = ["full", "manualSeed", "ones", "rand", "randn", "tensor", "zeros"]; // create.test.ts

test("every op is in the table", () => {
  const covered = new Set<string>([...rows.map(({ op }) => op), ...withoutInputs]);
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
