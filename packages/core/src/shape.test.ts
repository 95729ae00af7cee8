// Shapes and strides against what they mean: the offsets that a walk over all indices visits, in row-major order.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ShapeError, ValueError } from "./errors.ts";
import * as shapes from "./shape.ts";

type Shape = readonly number[];

const anyShape = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 5 });
const iota = (n: number) => Array.from({ length: n }, (_, i) => i);

function walk(shape: Shape, strides: Shape): number[] {
  return shape.reduce(
    (starts, length, axis) => starts.flatMap((start) => iota(length).map((i) => start + i * strides[axis]!)),
    [0],
  );
}

/** A shape with the strides of some view of it: axes in another order, gaps, repeated axes. */
const anyView = fc.gen().map((draw) => {
  const shape = draw(() => anyShape);
  const strides = new Array<number>(shape.length).fill(0);
  let step = 1;
  for (const axis of draw(() => fc.shuffledSubarray(iota(shape.length), { minLength: shape.length }))) {
    const kind = draw(() => fc.constantFrom("dense", "dense", "gap", "repeated"));
    if (kind === "repeated") continue;
    strides[axis] = kind === "gap" ? 2 * step : step;
    step *= shape[axis]! * (kind === "gap" ? 2 : 1);
  }
  return { shape, strides };
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
  const twoOperands = fc.tuple(anyView, fc.infiniteStream(fc.constantFrom(0, 1, 2, 3, 12)));
  check(twoOperands, ([{ shape, strides }, others]) => {
    const other = shape.map(() => others.next().value as number);
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
    const operands = fc.gen().map((draw) => {
      const target = draw(() => anyShape);
      const lead = draw(() => fc.integer({ min: 0, max: target.length }));
      return { target, lead, shape: target.slice(lead).map((n) => draw(() => fc.constantFrom(n, 1))) };
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

test("checkShape returns a frozen copy", () => {
  const shape = [2, 3];
  const checked = shapes.checkShape("full", shape);
  expect(checked).toEqual(shape);
  expect(checked).not.toBe(shape);
  expect(checked).toSatisfy(Object.isFrozen);
});

test.each<[call: () => unknown, type: typeof ShapeError, message: string]>([
  [() => shapes.checkShape("full", [2, -1]), ShapeError, "full: shape [2,-1] is not valid"],
  [() => shapes.checkShape("full", [1.5]), ShapeError, "full: shape [1.5] is not valid"],
  [() => shapes.broadcastShapes("add", [2, 3], [2, 2]), ShapeError, "add: shapes [2,3] and [2,2] do not"],
  [() => shapes.broadcastShapes("add", [0], [2]), ShapeError, "add: shapes [0] and [2] do not broadcast"],
  [() => shapes.normalizeAxis("sum", 2, 2), ShapeError, "sum: axis 2 of a tensor of rank 2"],
  [() => shapes.normalizeAxis("sum", -3, 2), ShapeError, "sum: axis -3 of a tensor of rank 2"],
  [() => shapes.normalizeAxis("sum", 0.5, 2), ShapeError, "sum: axis 0.5 of a tensor of rank 2"],
  [() => shapes.normalizeAxes("sum", [0, -2], 2), ValueError, "sum: axes [0,-2] name an axis twice"],
])("%s throws", (call, type, message) => {
  expect(call).toThrow(type);
  expect(call).toThrow(message);
});
