// Shapes and strides against what they mean: the offsets that a walk over all indices visits, in row-major order.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ShapeError, ValueError } from "./errors.ts";
import * as shapes from "./shape.ts";

type Shape = readonly number[];

const anyShape = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 5 });
const fiveOf = <T>(one: fc.Arbitrary<T>) => fc.array(one, { minLength: 5, maxLength: 5 });
const iota = (n: number) => Array.from({ length: n }, (_, i) => i);

function walk(shape: Shape, strides: Shape): number[] {
  return shape.reduce(
    (starts, length, axis) => starts.flatMap((start) => iota(length).map((i) => start + i * strides[axis]!)),
    [0],
  );
}

/** A shape with the strides of some view of it: axes in another order, gaps, repeated axes. */
const anyView = fc
  .array(
    fc.record({
      length: fc.integer({ min: 0, max: 4 }),
      place: fc.nat(),
      kind: fc.constantFrom("dense", "dense", "gap", "repeated"),
    }),
    { maxLength: 5 },
  )
  .map((axes) => {
    const strides = axes.map(() => 0);
    let step = 1;
    for (const axis of iota(axes.length).sort((a, b) => axes[b]!.place - axes[a]!.place)) {
      const { length, kind } = axes[axis]!;
      if (kind === "repeated") continue;
      if (kind === "gap") step *= 2;
      strides[axis] = step;
      step *= length;
    }
    return { shape: axes.map(({ length }) => length), strides };
  });

function check<T>(arbitrary: fc.Arbitrary<T>, body: (value: T) => void): void {
  fc.assert(fc.property(arbitrary, body), { seed: 1, numRuns: 300 });
}

test("contiguousStrides and sizeOf: the walk counts up from 0", () => {
  check(anyShape, (shape) => {
    expect(walk(shape, shapes.contiguousStrides(shape))).toEqual(iota(shapes.sizeOf(shape)));
  });
});

test("isContiguous is true exactly if the walk counts up from 0", () => {
  check(anyView, ({ shape, strides }) => {
    const offsets = walk(shape, strides);
    expect(shapes.isContiguous(shape, strides)).toBe(offsets.every((offset, i) => offset === i));
  });
});

test("collapseAxes: fewer axes, none of length 1, the same walk for each operand", () => {
  const twoOperands = fc.tuple(anyView, fiveOf(fc.constantFrom(0, 1, 2, 3, 12)));
  check(twoOperands, ([{ shape, strides }, others]) => {
    const other = others.slice(0, shape.length);
    const collapsed = shapes.collapseAxes(shape, [strides, other]);
    expect(collapsed.shape).not.toContain(1);
    expect(collapsed.shape.length).toBeLessThanOrEqual(shape.length);
    expect(walk(collapsed.shape, collapsed.operands[0]!)).toEqual(walk(shape, strides));
    expect(walk(collapsed.shape, collapsed.operands[1]!)).toEqual(walk(shape, other));
  });
});

test("collapseAxes joins all axes of what is contiguous", () => {
  check(anyShape, (shape) => {
    const strides = shapes.contiguousStrides(shape);
    expect(shapes.collapseAxes(shape, [strides, strides]).shape.length).toBeLessThanOrEqual(1);
  });
});

describe("broadcasting", () => {
  test.each<{ a: Shape; b: Shape; result: Shape }>([
    { a: [], b: [], result: [] },
    { a: [2, 3], b: [], result: [2, 3] },
    { a: [2, 3], b: [3], result: [2, 3] },
    { a: [2, 1], b: [3], result: [2, 3] },
    { a: [1], b: [4, 5, 1], result: [4, 5, 1] },
    { a: [5, 1, 2], b: [7, 1], result: [5, 7, 2] },
    { a: [0, 3], b: [1, 3], result: [0, 3] },
    { a: [1], b: [0], result: [0] },
  ])("$a and $b make $result", ({ a, b, result }) => {
    expect(shapes.broadcastShapes("add", a, b)).toEqual(result);
    expect(shapes.broadcastShapes("add", b, a)).toEqual(result);
  });

  test("broadcastStrides reads index 0 along repeated axes", () => {
    const repeats = fc.tuple(anyShape, fc.nat(), fiveOf(fc.boolean()));
    const operands = repeats.map(([target, drop, ones]) => {
      const lead = drop % (target.length + 1);
      return { target, lead, shape: target.slice(lead).map((n, i) => (ones[i] ? 1 : n)) };
    });
    check(operands, ({ target, lead, shape }) => {
      const strides = shapes.contiguousStrides(shape);
      const repeated = target.map((_, axis) => axis < lead || shape[axis - lead] === 1);
      const expected = target.map((_, axis) => (repeated[axis] ? 0 : strides[axis - lead]!));
      expect(walk(target, shapes.broadcastStrides(shape, strides, target))).toEqual(walk(target, expected));
    });
  });
});

describe("axes", () => {
  test.each<{ axis: number; rank: number; result: number }>([
    { axis: 0, rank: 1, result: 0 },
    { axis: -1, rank: 1, result: 0 },
    { axis: 2, rank: 3, result: 2 },
    { axis: -3, rank: 3, result: 0 },
  ])("normalizeAxis($axis) of rank $rank is $result", ({ axis, rank, result }) => {
    expect(shapes.normalizeAxis("sum", axis, rank)).toBe(result);
  });

  test.each<{ axes: number | Shape | undefined; result: Shape }>([
    { axes: undefined, result: [0, 1, 2] },
    { axes: -1, result: [2] },
    { axes: [], result: [] },
    { axes: [-1, 0], result: [0, 2] },
  ])("normalizeAxes($axes) of rank 3 is $result", ({ axes, result }) => {
    expect(shapes.normalizeAxes("sum", axes, 3)).toEqual(result);
  });
});

test("walkAxes visits every position in order, with the offsets that strides of any sign give", () => {
  const seen: number[][] = [];
  const operands = [
    [3, 1, 7],
    [0, -2, 1],
    [0, 0, 0],
  ];
  shapes.walkAxes([2, 3, 1], operands, (offsets, position) => seen.push([position, ...offsets]));
  expect(seen).toEqual([
    [0, 0, 0, 0],
    [1, 1, -2, 0],
    [2, 2, -4, 0],
    [3, 3, 0, 0],
    [4, 4, -2, 0],
    [5, 5, -4, 0],
  ]);
  shapes.walkAxes([], [[], []], (offsets, position) => seen.push([position, ...offsets]));
  expect(seen.at(-1)).toEqual([0, 0, 0]);
  shapes.walkAxes([2, 0], [[1, 1]], () => expect.unreachable());
});

test("checkShape returns a frozen copy", () => {
  const shape = [2, 3];
  const checked = shapes.checkShape("full", shape);
  expect(checked).toEqual(shape);
  expect(checked).not.toBe(shape);
  expect(checked).toSatisfy(Object.isFrozen);
});

test.each<[message: string, type: typeof ShapeError, call: () => unknown]>([
  ["full: shape [2,-1] is not valid", ShapeError, () => shapes.checkShape("full", [2, -1])],
  ["full: shape [1.5] is not valid", ShapeError, () => shapes.checkShape("full", [1.5])],
  ["add: shapes [2,3] and [2,2] do not", ShapeError, () => shapes.broadcastShapes("add", [2, 3], [2, 2])],
  ["add: shapes [0] and [2] do not broadcast", ShapeError, () => shapes.broadcastShapes("add", [0], [2])],
  ["sum: axis 2 of a tensor of rank 2", ShapeError, () => shapes.normalizeAxis("sum", 2, 2)],
  ["sum: axis -3 of a tensor of rank 2", ShapeError, () => shapes.normalizeAxis("sum", -3, 2)],
  ["sum: axis 0.5 of a tensor of rank 2", ShapeError, () => shapes.normalizeAxis("sum", 0.5, 2)],
  ["sum: axes [0,-2] name an axis twice", ValueError, () => shapes.normalizeAxes("sum", [0, -2], 2)],
])("%s", (message, type, call) => {
  expect(call).toThrow(type);
  expect(call).toThrow(message);
});
