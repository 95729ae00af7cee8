// Strides under another shape, and walks cut into four axes, against the list of all places that a walk visits.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Shape } from "./shape.ts";
import { reshapeStrides, sizeOf, walkFourAxes } from "./shape.ts";

const iota = (n: number) => Array.from({ length: n }, (_, i) => i);

function walk(shape: Shape, strides: Shape, start = 0): number[] {
  return shape.reduce(
    (places, length, axis) => places.flatMap((place) => iota(length).map((i) => place + i * strides[axis]!)),
    [start],
  );
}

/** The strides that visit `places` under `shape`, if there are any: one step along each axis tells. */
function stridesOf(shape: Shape, places: number[]): number[] | undefined {
  const strides = shape.map((length, axis) =>
    length > 1 ? places[sizeOf(shape.slice(axis + 1))]! - places[0]! : 0,
  );
  return walk(shape, strides, places[0]).every((place, i) => place === places[i]) ? strides : undefined;
}

const factors = fc.constantFrom<number[][]>(
  [],
  [2],
  [3],
  [2, 2],
  [2, 3],
  [2, 3, 2],
  [2, 2, 3, 2],
  [0, 2],
  [4, 1, 2],
);

/** Neighbours multiplied, and ones put in: another shape for as many elements. */
function regroup(list: number[]): fc.Arbitrary<number[]> {
  return fc.tuple(fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }), fc.nat(5)).map(([joins, one]) => {
    const shape: number[] = [];
    list.forEach((length, i) => {
      if (joins[i] && shape.length > 0) shape.push(shape.pop()! * length);
      else shape.push(length);
    });
    return one < 2 ? shape.toSpliced(one, 0, 1) : shape;
  });
}

const anyReshape = factors.chain((list) =>
  fc.tuple(regroup(list), regroup(list)).chain(([shape, target]) => {
    const stride = fc.constantFrom(-12, -6, -4, -2, -1, 0, 1, 2, 3, 4, 6, 8, 12, 24);
    const dense = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
    const strides = fc.oneof(
      fc.constant(dense),
      fc.constant(dense.map((step) => -2 * step)),
      fc.tuple(...shape.map(() => stride)),
    );
    return fc.tuple(fc.constant(shape), fc.constant(target), strides);
  }),
);

test("reshapeStrides finds strides exactly where there are some", () => {
  let found = 0;
  let missing = 0;
  fc.assert(
    fc.property(anyReshape, ([shape, target, strides]) => {
      const places = walk(shape, strides);
      const result = reshapeStrides(shape, strides, target);
      if (result) expect(walk(target, result)).toEqual(places);
      else expect(stridesOf(target, places)).toBeUndefined();
      if (result) found++;
      else missing++;
    }),
    { seed: 3, numRuns: 1000 },
  );
  expect(Math.min(found, missing)).toBeGreaterThan(40);
});

test("walkFourAxes visits what the whole walk visits, in its order", () => {
  const axis = fc.record({
    length: fc.constantFrom(1, 2, 2, 3),
    a: fc.integer({ min: -9, max: 9 }),
    b: fc.nat(3),
  });
  fc.assert(
    fc.property(fc.array(axis, { maxLength: 7 }), (axes) => {
      const shape = axes.map(({ length }) => length);
      const operands = [axes.map(({ a }) => a), axes.map(({ b }) => b)];
      const visited: number[][] = [[], []];
      walkFourAxes(shape, operands, (lengths, strides, starts) => {
        expect(lengths).toHaveLength(4);
        visited.forEach((list, i) => {
          list.push(...walk(lengths, strides[i]!, starts[i]));
        });
      });
      expect(visited).toEqual(operands.map((strides) => walk(shape, strides)));
    }),
    { seed: 4, numRuns: 300 },
  );
});
