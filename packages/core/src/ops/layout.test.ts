// Ops that move elements, against the obvious. A tensor is a function of its index, and an op says where each index of
// its result comes from.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { DType } from "../dtype.ts";
import { scope } from "../scope.ts";
import { sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
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
const numbers = (x: Tensor) => [...x.toArray()];

function indicesOf(shape: Shape): Index[] {
  return shape.reduce<Index[]>((list, n) => list.flatMap((index) => iota(n).map((i) => [...index, i])), [[]]);
}

// ---- Random inputs ----

type Draw = <T>(arbitrary: fc.Arbitrary<T>) => T;
const between = (min: number, max: number) => fc.integer({ min, max });
const shapeOfRank = (min: number, max: number) => fc.array(fc.nat(4), { minLength: min, maxLength: max });

/** An axis, and a name for it, from the front or from the back. */
function anyAxis(draw: Draw, rank: number): { axis: number; name: number } {
  const axis = draw(between(0, rank - 1));
  return { axis, name: draw(fc.boolean()) ? axis : axis - rank };
}

/** A view with its axes in any order and direction, with gaps or none. Elements tell where they lie. */
function anyView(draw: Draw, shape: Shape, dtype: DType): { x: Tensor; naive: Naive } {
  const strides = shape.map(() => 0);
  let offset = draw(fc.nat(3));
  let extent = 1;
  for (const axis of draw(fc.shuffledSubarray(iota(shape.length), { minLength: shape.length }))) {
    const kind = draw(fc.constantFrom("dense", "dense", "gap", "back"));
    const step = kind === "gap" ? extent + 1 : extent;
    const reach = Math.max(0, shape[axis]! - 1) * step;
    strides[axis] = kind === "back" ? -step : step;
    if (kind === "back") offset += reach;
    extent += reach;
  }
  const valueAt = (place: number) => (place * 7 + 1) % 251;
  const base = tensor(iota(extent + offset).map(valueAt), { dtype });
  const at = (index: Index) => valueAt(index.reduce((sum, i, axis) => sum + i * strides[axis]!, offset));
  return { x: base.view(shape, strides, offset), naive: { shape, at } };
}

/** Indices into an axis of `limit` places, as a view too. */
function anyIndex(draw: Draw, shape: Shape, limit: number): { index: Tensor; at: (index: Index) => number } {
  const { x, naive } = anyView(draw, shape, "int32");
  const dense = tensor(
    Int32Array.from(x.toArray(), (value) => value % limit),
    { shape },
  );
  const at = (index: Index) => naive.at(index) % limit;
  if (draw(fc.boolean()) || shape.length < 2) return { index: dense, at };
  return { index: ops.transpose(ops.add(ops.transpose(dense), 0)), at };
}

/** Python's `range(start, end, step)` after `slice.indices`, from its documentation. */
function pythonRange(n: number, start: number | null, end: number | null, step: number): number[] {
  const clip = (place: number) => {
    const counted = place < 0 ? place + n : place;
    if (counted < 0) return step > 0 ? 0 : -1;
    if (counted >= n) return step > 0 ? n : n - 1;
    return counted;
  };
  const places: number[] = [];
  const last = end === null ? (step > 0 ? n : -1) : clip(end);
  let i = start === null ? (step > 0 ? 0 : n - 1) : clip(start);
  for (; step > 0 ? i < last : i > last; i += step) places.push(i);
  return places;
}

// ---- The table ----

interface Row {
  op: keyof typeof ops;
  check: (draw: Draw, dtype: DType) => { y: Tensor; expected: Naive };
  dtypes?: readonly DType[];
}

const every = ["float32", "float64", "int32", "uint8"] as const;

/** An op of one tensor. */
function simple(
  op: Row["op"],
  ranks: [number, number],
  prepare: (draw: Draw, shape: Shape) => { run: (x: Tensor) => Tensor; naive: (x: Naive) => Naive },
): Row {
  return {
    op,
    check: (draw, dtype) => {
      const shape = draw(shapeOfRank(...ranks));
      const { x, naive } = anyView(draw, shape, dtype);
      const row = prepare(draw, shape);
      return { y: row.run(x), expected: row.naive(naive) };
    },
  };
}

/** An op whose result has the same elements in row-major order, in another shape. */
const reshaped = (x: Naive, shape: Shape): Naive => {
  const places = new Map(indicesOf(shape).map((index, i) => [String(index), indicesOf(x.shape)[i]!]));
  return { shape, at: (index) => x.at(places.get(String(index))!) };
};

const rows: Row[] = [
  simple("squeeze", [0, 5], (draw, shape) => {
    const axes = draw(fc.option(fc.subarray(iota(shape.length)), { nil: undefined }));
    const gone = (axes ?? iota(shape.length)).filter((axis) => shape[axis] === 1);
    const target = shape.filter((_, axis) => !gone.includes(axis));
    return { run: (x) => ops.squeeze(x, axes), naive: (x) => reshaped(x, target) };
  }),
  simple("unsqueeze", [0, 4], (draw, shape) => {
    const { axis, name } = anyAxis(draw, shape.length + 1);
    return { run: (x) => ops.unsqueeze(x, name), naive: (x) => reshaped(x, shape.toSpliced(axis, 0, 1)) };
  }),
  simple("flatten", [1, 5], (draw, shape) => {
    const [a, b] = [anyAxis(draw, shape.length), anyAxis(draw, shape.length)].sort((p, q) => p.axis - q.axis);
    const joined = sizeOf(shape.slice(a!.axis, b!.axis + 1));
    const target = shape.toSpliced(a!.axis, b!.axis - a!.axis + 1, joined);
    return { run: (x) => ops.flatten(x, a!.name, b!.name), naive: (x) => reshaped(x, target) };
  }),
  simple("tile", [0, 3], (draw, shape) => {
    const repeats = draw(fc.array(fc.nat(3), { maxLength: 4 }));
    const rank = Math.max(shape.length, repeats.length);
    const front = (list: Shape) => [...new Array<number>(rank - list.length).fill(1), ...list];
    const lengths = front(shape);
    return {
      run: (x) => ops.tile(x, repeats),
      naive: (x) => ({
        shape: front(repeats).map((count, axis) => count * lengths[axis]!),
        at: (index) => x.at(index.map((i, axis) => i % lengths[axis]!).slice(rank - shape.length)),
      }),
    };
  }),
  simple("slice", [0, 4], (draw, shape) => {
    const place = (n: number) => fc.option(between(-n - 3, n + 3));
    const ranges = shape.slice(0, draw(between(0, shape.length))).map((n) => {
      if (n > 0 && draw(fc.nat(3)) === 0) return draw(between(-n, n - 1));
      return [draw(place(n)), draw(place(n)), draw(fc.constantFrom(1, 1, 2, 3, -1, -2, -5))] as const;
    });
    const places = shape.map((n, axis) => {
      const range = ranges[axis] ?? ([null, null, 1] as const);
      return typeof range === "number" ? [(range + n) % n] : pythonRange(n, ...range);
    });
    const kept = iota(shape.length).filter((axis) => typeof ranges[axis] !== "number");
    return {
      run: (x) => ops.slice(x, ranges),
      naive: (x) => ({
        shape: kept.map((axis) => places[axis]!.length),
        at: (index) =>
          x.at(places.map((list, axis) => list[kept.includes(axis) ? index[kept.indexOf(axis)]! : 0]!)),
      }),
    };
  }),
  simple("select", [1, 4], (draw, lengths) => {
    const { axis, name } = anyAxis(draw, lengths.length);
    const i = draw(fc.nat(3));
    return {
      run: (x) =>
        ops.select(
          ops.pad(
            x,
            lengths.map(() => [4, 0]),
          ),
          name,
          i - 4,
        ), // never empty
      naive: (x) => ({
        shape: lengths.map((n) => n + 4).toSpliced(axis, 1),
        at: (index) => {
          const from = index.toSpliced(axis, 0, lengths[axis]! + i).map((place) => place - 4);
          return from.some((place) => place < 0) ? 0 : x.at(from);
        },
      }),
    };
  }),
  simple("narrow", [1, 4], (draw, shape) => {
    const { axis, name } = anyAxis(draw, shape.length);
    const start = draw(between(0, shape[axis]!));
    const length = draw(between(0, shape[axis]! - start));
    const named = start < shape[axis]! && draw(fc.boolean()) ? start - shape[axis]! : start;
    return {
      run: (x) => ops.narrow(x, name, named, length),
      naive: (x) => ({
        shape: shape.with(axis, length),
        at: (index) => x.at(index.with(axis, index[axis]! + start)),
      }),
    };
  }),
  simple("flip", [0, 5], (draw, shape) => {
    const axes = draw(fc.option(fc.subarray(iota(shape.length)), { nil: undefined }));
    const back = axes ?? iota(shape.length);
    return {
      run: (x) => ops.flip(x, axes),
      naive: (x) => ({
        shape,
        at: (index) => x.at(index.map((i, axis) => (back.includes(axis) ? shape[axis]! - 1 - i : i))),
      }),
    };
  }),
  simple("pad", [0, 4], (draw, shape) => {
    const widths = shape.map(() => draw(fc.oneof(fc.nat(2), fc.tuple(fc.nat(3), fc.nat(3)))));
    const sides = widths.map((width) => (typeof width === "number" ? [width, width] : width));
    const value = draw(fc.nat(9));
    return {
      run: (x) => ops.pad(x, widths, value),
      naive: (x) => ({
        shape: shape.map((n, axis) => n + sides[axis]![0]! + sides[axis]![1]!),
        at: (index) => {
          const from = index.map((i, axis) => i - sides[axis]![0]!);
          return from.every((i, axis) => i >= 0 && i < shape[axis]!) ? x.at(from) : value;
        },
      }),
    };
  }),
  ...[ops.tril, ops.triu].map((run) =>
    simple(run === ops.tril ? "tril" : "triu", [2, 4], (draw) => {
      const diagonal = draw(fc.option(between(-6, 6), { nil: undefined }));
      const inside = (r: number, c: number) =>
        run === ops.tril ? c - r <= (diagonal ?? 0) : c - r >= (diagonal ?? 0);
      return {
        run: (x) => run(x, diagonal),
        naive: (x) => ({ shape: x.shape, at: (i) => (inside(i.at(-2)!, i.at(-1)!) ? x.at(i) : 0) }),
      };
    }),
  ),
  {
    op: "cat",
    check: (draw, dtype) => {
      const shape = draw(shapeOfRank(1, 4));
      const { axis, name } = anyAxis(draw, shape.length);
      const lengths = draw(fc.array(fc.nat(3), { minLength: 1, maxLength: 4 }));
      const views = lengths.map((length) => anyView(draw, shape.with(axis, length), dtype));
      const places = lengths.flatMap((length, part) => iota(length).map((i) => ({ part, i })));
      const at = (index: Index) => {
        const { part, i } = places[index[axis]!]!;
        return views[part]!.naive.at(index.with(axis, i));
      };
      const y = ops.cat(
        views.map(({ x }) => x),
        name,
      );
      return { y, expected: { shape: shape.with(axis, places.length), at } };
    },
  },
  {
    op: "stack",
    check: (draw, dtype) => {
      const shape = draw(shapeOfRank(0, 3));
      const { axis, name } = anyAxis(draw, shape.length + 1);
      const views = iota(draw(between(1, 4))).map(() => anyView(draw, shape, dtype));
      const at = (index: Index) => views[index[axis]!]!.naive.at(index.toSpliced(axis, 1));
      const y = ops.stack(
        views.map(({ x }) => x),
        name,
      );
      return { y, expected: { shape: shape.toSpliced(axis, 0, views.length), at } };
    },
  },
  {
    op: "gather",
    check: (draw, dtype) => {
      const shape = draw(shapeOfRank(1, 5)).map((n) => n + 1);
      const { axis, name } = anyAxis(draw, shape.length);
      const { x, naive } = anyView(draw, shape, dtype);
      const smaller = shape.map((n, a) =>
        a === axis ? draw(fc.nat(5)) : draw(fc.constantFrom(n, n, n, n - 1)),
      );
      const { index, at } = anyIndex(draw, smaller, shape[axis]!);
      return {
        y: ops.gather(x, name, index),
        expected: { shape: smaller, at: (i) => naive.at(i.with(axis, at(i))) },
      };
    },
  },
  {
    op: "scatterAdd",
    check: (draw, dtype) => {
      const shape = draw(shapeOfRank(1, 5)).map((n) => n + 1);
      const { axis, name } = anyAxis(draw, shape.length);
      const { x, naive } = anyView(draw, shape, dtype);
      const smaller = shape.map((n, a) =>
        a === axis ? draw(fc.nat(5)) : draw(fc.constantFrom(n, n, n, n - 1)),
      );
      const { index, at } = anyIndex(draw, smaller, shape[axis]!);
      const source = anyView(
        draw,
        smaller.map((n) => n + draw(fc.constantFrom(0, 0, 0, 1))),
        dtype,
      );
      const added = Map.groupBy(indicesOf(smaller), (i) => String(i.with(axis, at(i))));
      const sum = (i: Index) =>
        (added.get(String(i)) ?? []).reduce((s, from) => s + source.naive.at(from), naive.at(i));
      const y = ops.scatterAdd(x, name, index, source.x);
      return { y, expected: { shape, at: (i) => (dtype === "uint8" ? sum(i) % 256 : sum(i)) } };
    },
  },
  {
    op: "indexSelect",
    check: (draw, dtype) => {
      const lengths = draw(shapeOfRank(1, 4));
      const { axis, name } = anyAxis(draw, lengths.length);
      const shape = lengths.with(axis, lengths[axis]! + 1);
      const { x, naive } = anyView(draw, shape, dtype);
      const { index, at } = anyIndex(draw, [draw(fc.nat(6))], shape[axis]!);
      return {
        y: ops.indexSelect(x, name, index),
        expected: { shape: shape.with(axis, index.size), at: (i) => naive.at(i.with(axis, at([i[axis]!]))) },
      };
    },
  },
  {
    op: "indexAdd",
    check: (draw, dtype) => {
      const lengths = draw(shapeOfRank(1, 4));
      const { axis, name } = anyAxis(draw, lengths.length);
      const shape = lengths.with(axis, lengths[axis]! + 1);
      const { x, naive } = anyView(draw, shape, dtype);
      const { index, at } = anyIndex(draw, [draw(fc.nat(6))], shape[axis]!);
      const source = anyView(draw, shape.with(axis, index.size), dtype);
      const sum = (i: Index) =>
        iota(index.size).reduce(
          (s, j) => (at([j]) === i[axis] ? s + source.naive.at(i.with(axis, j)) : s),
          naive.at(i),
        );
      const y = ops.indexAdd(x, name, index, source.x);
      return { y, expected: { shape, at: (i) => (dtype === "uint8" ? sum(i) % 256 : sum(i)) } };
    },
  },
  {
    op: "oneHot",
    check: (draw, dtype) => {
      const classes = draw(between(1, 5));
      const { index, at } = anyIndex(draw, draw(shapeOfRank(0, 3)), classes);
      return {
        y: ops.oneHot(index, classes, { dtype }),
        expected: { shape: [...index.shape, classes], at: (i) => Number(at(i.slice(0, -1)) === i.at(-1)) },
      };
    },
  },
];

const cases = rows.flatMap((row) => every.map((dtype) => ({ ...row, dtype })));

test.each(cases)("$op of $dtype", ({ check, dtype }) => {
  fc.assert(
    fc.property(fc.gen(), (gen) => {
      scope(() => {
        const { y, expected } = check((arbitrary) => gen(() => arbitrary), dtype);
        expect(y.dtype).toBe(dtype);
        expect(y.shape).toEqual(expected.shape);
        expect(numbers(y)).toEqual(indicesOf(expected.shape).map(expected.at));
      });
    }),
    { seed: 1, numRuns: 100, endOnFailure: true },
  );
});
