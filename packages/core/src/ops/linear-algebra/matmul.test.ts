import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { grad } from "../../autograd/tape.ts";
import { useKernels } from "../../kernels/dispatch.ts";
import { linearKernels, moveKernels } from "../../kernels/families.ts";
import { manualSeed } from "../../random.ts";
import type { Tensor } from "../../tensor.ts";
import { checkGrad } from "../../testing.ts";
import { mul } from "../arithmetic/arithmetic.ts";
import { randn } from "../create/create.ts";
import { expand, reshape, sum } from "../shape/broadcast.ts";
import { permute, transpose } from "../shape/shape.ts";
import { matmul } from "./matmul.ts";

beforeEach(() => manualSeed(1));
afterEach(() => {
  vi.restoreAllMocks();
  useKernels("auto");
});

/** Heads of [batch, time, heads · dim], as [batch, heads, time, dim]. */
const heads = (x: Tensor, count: number): Tensor =>
  permute(reshape(x, [...x.shape.slice(0, -1), count, x.shape.at(-1)! / count]), [0, 2, 1, 3]);

describe("matmul", () => {
  const size = fc.integer({ min: 1, max: 6 });
  const permuted = fc.constantFrom(
    [0, 1, 2, 3],
    [0, 2, 1, 3],
    [0, 1, 3, 2],
    [0, 3, 1, 2],
    [1, 0, 2, 3],
    [3, 2, 1, 0],
  );

  test("products of views in any order of axes, and their gradients, in the order of the operand", () => {
    fc.assert(
      fc.property(size, size, size, size, size, permuted, permuted, (b, h, m, k, n, left, right) => {
        const view = (shape: readonly number[], order: readonly number[]) => {
          const dense = randn(
            order.map((axis) => shape[axis]!),
            { dtype: "float64", requiresGrad: true },
          );
          return permute(
            dense,
            order.map((_, axis) => order.indexOf(axis)),
          );
        };
        const x = view([b, h, m, k], left);
        const w = view([b, h, k, n], right);
        const y = matmul(x, w);
        const at = (t: Tensor, ...index: number[]) =>
          t.storage &&
          t.view([], [], t.offset + index.reduce((sum, i, axis) => sum + i * t.strides[axis]!, 0)).item();
        for (let i = 0; i < b * h * m * n; i++) {
          const [z, g, r, c] = [
            Math.floor(i / (n * m * h)),
            Math.floor(i / (n * m)) % h,
            Math.floor(i / n) % m,
            i % n,
          ];
          let expected = 0;
          for (let l = 0; l < k; l++) expected += at(x, z, g, r, l) * at(w, z, g, l, c);
          expect(at(y, z, g, r, c)).toBeCloseTo(expected, 10);
        }
        const [dx, dw] = grad(sum(mul(y, y)), [x, w]) as [Tensor, Tensor];
        expect(dx.shape).toEqual(x.shape);
        expect(dw.shape).toEqual(w.shape);
      }),
      { numRuns: 40, seed: 1 },
    );
  });

  test("gradients of views, batches that are broadcast, and twice", () => {
    const double = { dtype: "float64" } as const;
    const cases: [(x: Tensor, w: Tensor) => Tensor, number[], number[]][] = [
      [(a, b) => matmul(transpose(a), b), [2, 3, 4], [3, 2]],
      [(a, b) => matmul(a, transpose(b)), [2, 1, 3, 4], [3, 2, 4]],
      [(a, b) => matmul(permute(a, [1, 0, 2]), b), [2, 3, 4], [4, 2]],
      [(a, b) => matmul(expand(a, [2, 3, 4]), b), [3, 4], [2, 4, 1]],
      [(a, b) => matmul(heads(a, 2), transpose(heads(b, 2))), [2, 3, 4], [2, 3, 4]],
    ];
    for (const [f, ...shapes] of cases) {
      const inputs = shapes.map((shape) => randn(shape, double));
      checkGrad(f as (...all: Tensor[]) => Tensor, inputs);
      checkGrad(
        (a, b) => {
          const y = f(a!, b!);
          const [da, db] = grad(sum(mul(y, mul(y, y))), [a!, b!], { createGraph: true }) as [Tensor, Tensor];
          return mul(sum(mul(da, da)), sum(mul(db, db)));
        },
        inputs,
        { tolerance: 1e-5 },
      );
    }
  });

  test("heads are read and written in place: nothing is copied", () => {
    const [q, k] = [0, 1].map(() => randn([3, 5, 8], { requiresGrad: true })) as [Tensor, Tensor];
    const copy = vi.spyOn(moveKernels("float32"), "copy");
    const forward = () => matmul(heads(q, 2), transpose(heads(k, 2)));
    const scores = forward();
    expect(copy).not.toHaveBeenCalled();
    const [dq, dk] = grad(sum(mul(scores, scores)), [q, k]) as [Tensor, Tensor];
    expect(copy).not.toHaveBeenCalled();
    for (const g of [dq, dk]) expect(g.contiguous).toBe(true);
  });

  test("a matrix that all batches share is read once, forward and backward", () => {
    const cases: [shape: number[], order: number[]][] = [
      [
        [5, 3, 4],
        [0, 1, 2],
      ],
      [
        [2, 5, 3, 4],
        [0, 1, 2, 3],
      ],
      [
        [5, 1, 4],
        [0, 1, 2],
      ],
      // Rows that are columns in memory, and those that do not lie one behind the other.
      [
        [5, 1, 4],
        [2, 0, 1],
      ],
      [
        [3, 5, 4],
        [1, 0, 2],
      ],
      [
        [5, 3, 4],
        [0, 2, 1],
      ],
    ];
    for (const [shape, order] of cases) {
      const dense = randn(
        order.map((axis) => shape[axis]!),
        { requiresGrad: true },
      );
      const x = permute(
        dense,
        shape.map((_, axis) => order.indexOf(axis)),
      );
      const w = randn([4, 7], { requiresGrad: true });
      const gemm = vi.spyOn(linearKernels("float32"), "gemm").mockClear();
      const y = matmul(x, w);
      if (order.every((axis, i) => axis === i)) expect(gemm).toHaveBeenCalledTimes(1);
      const rows = reshape(x, [x.size / 4, 4]);
      expect(y.toArray()).toEqual(matmul(rows, w).toArray());
      gemm.mockClear();
      const dy = randn(y.shape);
      const dw = grad(sum(mul(y, dy)), [w])[0]!;
      expect(gemm).toHaveBeenCalledTimes(1);
      expect(dw.toArray()).toEqual(matmul(transpose(rows), reshape(dy, [rows.shape[0]!, 7])).toArray());
    }
  });
});
