import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { backward, grad } from "../../autograd/tape.ts";
import { useKernels } from "../../kernels/dispatch.ts";
import { manualSeed } from "../../random.ts";
import { checkGrad } from "../../testing.ts";
import { mul } from "../arithmetic/arithmetic.ts";
import { ones, randn, tensor } from "../create/create.ts";
import { sum } from "../shape/broadcast.ts";
import { transpose } from "../shape/shape.ts";
import { embedding } from "./embedding.ts";

const double = { dtype: "float64" } as const;
const int32 = { dtype: "int32" } as const;

describe("embedding", () => {
  test("looks up rows for an index of any shape, and adds gradients up by row", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 24 }),
        fc.integer({ min: 1, max: 9 }),
        fc.constantFrom("reference" as const, "auto" as const),
        (places, cols, set) => {
          useKernels(set);
          const table = randn([5, cols], { requiresGrad: true });
          const index = tensor(Int32Array.from(places), { shape: [1, places.length] });
          const y = embedding(index, table);
          expect(y.shape).toEqual([1, places.length, cols]);
          const rows = table.toArray();
          expect(Array.from(y.toArray())).toEqual(
            places.flatMap((place) => Array.from(rows.subarray(place * cols, (place + 1) * cols))),
          );
          const dy = randn(y.shape);
          backward(y, { gradient: dy });
          const expected = new Float32Array(5 * cols);
          places.forEach((place, r) => {
            for (let c = 0; c < cols; c++) expected[place * cols + c]! += dy.toArray()[r * cols + c]!;
          });
          expect(table.grad!.toArray()).toEqual(expected);
        },
      ),
      { numRuns: 60, seed: 1 },
    );
    useKernels("auto");
  });

  test("indices and tables may be views", () => {
    const index = transpose(
      tensor(
        [
          [0, 2],
          [1, 1],
          [2, 0],
        ],
        int32,
      ),
    );
    const y = embedding(
      index,
      transpose(
        tensor([
          [1, 2, 3],
          [4, 5, 6],
        ]),
      ),
    );
    expect(Array.from(y.toArray())).toEqual([1, 4, 2, 5, 3, 6, 3, 6, 2, 5, 1, 4]);
  });

  test("padding is looked up but gets no gradient", () => {
    const table = tensor(
      [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
      { requiresGrad: true },
    );
    const y = embedding(tensor([2, 0, 2], int32), table, { paddingIdx: -1 });
    expect(Array.from(y.toArray())).toEqual([5, 6, 1, 2, 5, 6]);
    backward(sum(y));
    expect(Array.from(table.grad!.toArray())).toEqual([1, 1, 0, 0, 0, 0]);
  });

  test("gradients, once and twice", () => {
    manualSeed(1);
    const index = tensor(
      [
        [0, 2],
        [1, 1],
        [2, 0],
      ],
      int32,
    );
    const table = randn([3, 4], double);
    checkGrad((t) => embedding(index, t), [table]);
    const squares = (t: typeof table, paddingIdx?: number) => {
      const y = embedding(index, t, { paddingIdx });
      return sum(mul(y, mul(y, y)));
    };
    checkGrad((t) => grad(squares(t), [t], { createGraph: true })[0]!, [table]);
    // The row of padding influences no gradient, but counts itself as a constant would.
    const [g] = grad(squares(Object.assign(table, { requiresGrad: true }), 1), [table], {
      createGraph: true,
    });
    const [second] = grad(sum(g!), [table]);
    const rows = Array.from(second!.toArray());
    expect(rows.slice(4, 8)).toEqual([0, 0, 0, 0]);
    table.toArray().forEach((x, i) => {
      if (i < 4 || i >= 8) expect(rows[i]).toBeCloseTo(2 * 6 * x, 10);
    });
  });

  test("errors", () => {
    const table = ones([3, 2]);
    expect(() => embedding(tensor([0, 3], int32), table)).toThrow(
      /^embedding: index 3 at position 1, expected 0 to 2; the table has 3 rows/,
    );
    expect(() => embedding(tensor([-1], int32), table)).toThrow(/^embedding: index -1/);
    expect(() => embedding(tensor([0]), table)).toThrow(/^embedding: index is float32/);
    expect(() => embedding(tensor([0], int32), ones([3]))).toThrow(/^embedding: table has shape \[3\]/);
    expect(() => embedding(tensor([0], int32), table, { paddingIdx: 3 })).toThrow(
      /^embedding: paddingIdx is 3/,
    );
  });
});
