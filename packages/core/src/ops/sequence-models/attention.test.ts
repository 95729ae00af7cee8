import fc from "fast-check";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { backward, grad } from "../../autograd/tape.ts";
import { compile } from "../../capture/compile.ts";
import { ValueError } from "../../errors.ts";
import { moveKernels } from "../../kernels/families.ts";
import { heap } from "../../memory/heap.ts";
import { Generator, manualSeed, withGenerator } from "../../random.ts";
import type { Shape } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { checkGrad } from "../../testing.ts";
import { mul, sub } from "../arithmetic/arithmetic.ts";
import { notEqual } from "../arithmetic/compare.ts";
import { log } from "../arithmetic/unary.ts";
import { cast } from "../create/cast.ts";
import { full, ones, randn, tensor, zeros } from "../create/create.ts";
import { expand, reshape, sum } from "../shape/broadcast.ts";
import { permute, transpose } from "../shape/shape.ts";
import type { AttentionOptions } from "./attention.ts";
import { scaledDotProductAttention } from "./attention.ts";

const double = { dtype: "float64" } as const;
const draw = (...shape: number[]) => randn(shape, double);

beforeEach(() => manualSeed(1));

/** Element of a tensor that broadcasts to more axes. */
function at(x: Tensor, index: readonly number[]): number {
  const own = index.slice(index.length - x.rank);
  const offset = own.reduce(
    (sum, i, axis) => sum + (x.shape[axis] === 1 ? 0 : i) * x.strides[axis]!,
    x.offset,
  );
  return x.view([], [], offset).item();
}

/** The definition, one query at a time. */
function slowly(q: Tensor, k: Tensor, v: Tensor, batch: Shape, options: AttentionOptions): number[] {
  const { mask, causal, scale = 1 / Math.sqrt(q.shape.at(-1)!) } = options;
  const [queries, keys, width] = [q.shape.at(-2)!, k.shape.at(-2)!, v.shape.at(-1)!];
  const result: number[] = [];
  const walk = (index: number[]): void => {
    if (index.length < batch.length) {
      for (let i = 0; i < batch[index.length]!; i++) walk([...index, i]);
      return;
    }
    for (let i = 0; i < queries; i++) {
      const weights = Array.from({ length: keys }, (_, j) => {
        let score = 0;
        for (let d = 0; d < q.shape.at(-1)!; d++) score += at(q, [...index, i, d]) * at(k, [...index, j, d]);
        score *= scale;
        if (causal && j > i) return 0;
        const m = mask ? at(mask, [...index, i, j]) : 0;
        if (mask?.dtype === "uint8") return m === 0 ? 0 : Math.exp(score);
        return Math.exp(score + m);
      });
      const total = weights.reduce((a, b) => a + b, 0);
      for (let c = 0; c < width; c++) {
        const mixed = weights.reduce((sum, w, j) => sum + w * at(v, [...index, j, c]), 0);
        result.push(total === 0 ? 0 : mixed / total);
      }
    }
  };
  walk([]);
  return result;
}

function expectClose(actual: Tensor, expected: readonly number[], digits = 10): void {
  const values = Array.from(actual.toArray());
  expect(values.length).toBe(expected.length);
  for (const [i, value] of values.entries()) expect(value, `element ${i}`).toBeCloseTo(expected[i]!, digits);
}

const heads = (x: Tensor, count: number): Tensor =>
  permute(reshape(x, [...x.shape.slice(0, -1), count, x.shape.at(-1)! / count]), [0, 2, 1, 3]);

describe("scaledDotProductAttention", () => {
  test("is its definition: batches, broadcasting, views, masks of both kinds, causal", () => {
    const length = fc.integer({ min: 1, max: 5 });
    const maskShape = fc.constantFrom<("b" | "h" | "q" | "k" | 1)[]>(
      [],
      ["k"],
      ["q", "k"],
      ["q", 1],
      ["h", 1, "k"],
      ["b", 1, "q", "k"],
      ["b", 1, 1, "k"],
      ["b", "h", "q", "k"],
    );
    const kind = fc.constantFrom("float64" as const, "uint8" as const);
    fc.assert(
      fc.property(
        length,
        length,
        length,
        length,
        length,
        fc.boolean(),
        maskShape,
        kind,
        (b, h, lq, lk, d, causal, axes, dtype) => {
          const sizes = { b, h, q: lq, k: lk, 1: 1 };
          const q = heads(draw(b, lq, h * d), h);
          const k = transpose(draw(h, d, lk));
          const v = draw(b, 1, lk, 3);
          const numbers = draw(...axes.map((axis) => sizes[axis]));
          const mask = dtype === "uint8" ? cast(mul(numbers, 2), "uint8") : numbers;
          const options = axes.length > 0 ? { mask, causal } : { causal, scale: 0.3 };
          const y = scaledDotProductAttention(q, k, v, options);
          expect(y.shape).toEqual([b, h, lq, 3]);
          expectClose(y, slowly(q, k, v, [b, h], options));
        },
      ),
      { numRuns: 150, seed: 3 },
    );
  });

  test("masks that are views are laid out if they must be", () => {
    const [q, k, v] = [draw(2, 3, 4, 2), draw(2, 3, 5, 2), draw(2, 3, 5, 2)];
    for (const mask of [
      transpose(draw(5, 4)),
      expand(draw(2, 1, 1, 5), [2, 3, 4, 5]),
      permute(draw(3, 2, 4, 5), [1, 0, 2, 3]),
    ]) {
      expectClose(scaledDotProductAttention(q, k, v, { mask }), slowly(q, k, v, [2, 3], { mask }));
    }
  });

  describe("0 hides a key in masks of integers; floats are added", () => {
    const [q, k, v] = [draw(2, 3, 2), draw(2, 4, 2), draw(2, 4, 2)];
    const bits = [
      [1, 0, 1, 0],
      [0, 1, 1, 1],
      [1, 1, 1, 0],
    ];
    const hidden = () => tensor(bits, { dtype: "uint8" });
    const attend = (mask: Tensor) => Array.from(scaledDotProductAttention(q, k, v, { mask }).toArray());

    test("uint8, int32 and booleans are the same, whatever is not 0 in them", () => {
      const expected = attend(hidden());
      expect(attend(tensor(bits, { dtype: "int32" }))).toEqual(expected);
      expect(attend(mul(tensor(bits, { dtype: "int32" }), -256))).toEqual(expected);
      expect(attend(tensor(bits.map((row) => row.map((bit) => bit === 1))))).toEqual(expected);
      expect(attend(notEqual(tensor(bits, { dtype: "int32" }), 0))).toEqual(expected);
    });

    test("floats that are all 0 and 1 are refused, and what is said to be written does what it says", () => {
      const mask = tensor(bits, double);
      expect(() => attend(mask)).toThrow(ValueError);
      expect(() => attend(mask)).toThrow(
        'mask is float64 and all 0 and 1; if 0 hides a key, write cast(mask, "uint8"); floats are added to the scores, and if that is meant, write sub(mask, 1)',
      );
      expect(attend(cast(mask, "uint8"))).toEqual(attend(hidden()));
      const added = slowly(q, k, v, [2], { mask });
      attend(sub(mask, 1)).forEach((value, i) => {
        expect(value).toBeCloseTo(added[i]!, 10);
      });
    });

    test.each<[string, Tensor]>([
      ["a view", transpose(tensor(bits, double))],
      ["one row for all", ones([1, 4], double)],
    ])("%s of them is refused, too", (_, mask) => {
      const queries = mask.shape[0] === 4 ? draw(2, 4, 2) : q;
      const keys = mask.shape[0] === 4 ? q : k;
      expect(() => scaledDotProductAttention(queries, keys, keys, { mask })).toThrow(/all 0 and 1/);
    });

    test("zeros hide nothing, -Infinity does, and what is learned is let be", () => {
      const plain = Array.from(scaledDotProductAttention(q, k, v).toArray());
      expect(attend(zeros([3, 4], double))).toEqual(plain);
      expect(attend(log(tensor(bits, double)))).toEqual(attend(hidden()));
      const bias = ones([3, 4], { ...double, requiresGrad: true });
      expect(attend(bias)).toHaveLength(plain.length);
    });

    test("compiled: refused in the call that is recorded", () => {
      const step = compile((mask: Tensor) => scaledDotProductAttention(q, k, v, { mask }));
      expect(() => step(tensor(bits, double))).toThrow(/all 0 and 1/);
      const [whole, replayed] = [attend, (mask: Tensor) => Array.from(step(mask).toArray())].map((f) =>
        [0, 1, 2, 3].map((row) =>
          f(
            tensor(
              bits.map((bit) => bit.with(row, 0)),
              { dtype: "int32" },
            ),
          ),
        ),
      );
      expect(replayed).toEqual(whole);
      step.dispose();
    });
  });

  test("a query that sees no key gets 0, and gives no gradient", () => {
    const [q, k, v] = [0, 1, 2].map(() => randn([2, 2], { ...double, requiresGrad: true })) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    const mask = tensor(
      [
        [1, 1],
        [0, 0],
      ],
      { dtype: "uint8" },
    );
    const y = scaledDotProductAttention(q, k, v, { mask });
    expect(Array.from(y.toArray()).slice(2)).toEqual([0, 0]);
    backward(sum(y));
    expect(Array.from(q.grad!.toArray()).slice(2)).toEqual([0, 0]);
    for (const x of [q, k, v]) expect(x.grad!.toArray().every(Number.isFinite)).toBe(true);
  });

  test("float32 is close to float64", () => {
    const [q, k, v] = [draw(2, 3, 9, 8), draw(2, 3, 11, 8), draw(2, 3, 11, 8)];
    const single = [q, k, v].map((x) => cast(x, "float32")) as [Tensor, Tensor, Tensor];
    const expected = Array.from(scaledDotProductAttention(q, k, v, { causal: true }).toArray());
    expectClose(scaledDotProductAttention(...single, { causal: true }), expected, 5);
  });

  const mask = tensor(
    [
      [1, 0, 1],
      [1, 1, 1],
    ],
    { dtype: "uint8" },
  ).keep();
  const cases: [string, AttentionOptions][] = [
    ["plain", {}],
    ["causal", { causal: true, scale: 0.7 }],
    ["mask of bytes", { mask }],
  ];
  test.each(cases)("gradients, once and twice: %s", (name, options) => {
    const f = (q: Tensor, k: Tensor, v: Tensor) => scaledDotProductAttention(heads(q, 2), k, v, options);
    const inputs = [draw(2, 2, 4), draw(2, 1, 3, 2), draw(2, 3, 3)];
    checkGrad(f as (...all: Tensor[]) => Tensor, inputs, { name });
    checkGrad(
      (q, k, v) => {
        const y = f(q!, k!, v!);
        const gradients = grad(sum(mul(y, mul(y, y))), [q!, k!, v!], { createGraph: true }) as Tensor[];
        return gradients.map((g) => sum(mul(g, g))).reduce((a, b) => mul(a, b));
      },
      inputs,
      { name, tolerance: 1e-5 },
    );
  });

  test("gradients of an added mask, broadcast, once and twice", () => {
    const inputs = [draw(2, 2, 3), draw(2, 4, 3), draw(2, 4, 3), draw(2, 1)];
    const f = (q: Tensor, k: Tensor, v: Tensor, bias: Tensor) =>
      scaledDotProductAttention(q, k, v, { mask: mul(bias, tensor([1, 2, -1, 0.5], double)) });
    checkGrad(f as (...all: Tensor[]) => Tensor, inputs);
    checkGrad((q, k, v, bias) => {
      const y = f(q!, k!, v!, bias!);
      return grad(sum(mul(y, mul(y, y))), [bias!], { createGraph: true })[0]!;
    }, inputs);
  });

  test("dropout drops weights, in training with the current generator", () => {
    const v = ones([1, 1000, 1]);
    const y = withGenerator(new Generator(2), () =>
      scaledDotProductAttention(zeros([1, 1, 4]), zeros([1, 1000, 4]), v, { dropoutP: 0.5 }).item(),
    );
    // Each weight of 1/1000 is doubled, or 0; a product adds them up in one chain of float32.
    const kept = Math.round(500 * y);
    expect(500 * y).toBeCloseTo(kept, 2);
    expect(Math.abs(kept - 500)).toBeLessThan(100);
    expect(kept).not.toBe(500);
  });

  test("no head is copied, forward or backward, and the result lies as q does", () => {
    const [q, k, v] = [0, 1, 2].map(() => randn([3, 5, 8], { requiresGrad: true })) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    const dy = randn([3, 5, 8]);
    const copy = vi.spyOn(moveKernels("float32"), "copy");
    const y = scaledDotProductAttention(heads(q, 2), heads(k, 2), heads(v, 2), { causal: true });
    const joined = reshape(permute(y, [0, 2, 1, 3]), [3, 5, 8]);
    const gradients = grad(joined, [q, k, v], { gradient: dy }) as Tensor[];
    expect(copy).not.toHaveBeenCalled();
    for (const g of gradients) expect(g.contiguous).toBe(true);
    copy.mockRestore();
  });

  test("scores and weights share their memory", () => {
    const [q, k, v] = [0, 1, 2].map(() => randn([64, 16], { requiresGrad: true })) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    const before = heap().arena.live;
    const y = scaledDotProductAttention(q, k, v);
    expect(heap().arena.live - before).toBe((64 * 64 + 64 * 16) * 4);
    expect(y.shape).toEqual([64, 16]);
  });

  test("empty batches and no keys", () => {
    expect(scaledDotProductAttention(zeros([0, 2, 3]), zeros([0, 4, 3]), zeros([0, 4, 5])).shape).toEqual([
      0, 2, 5,
    ]);
    expect(
      Array.from(scaledDotProductAttention(ones([2, 3]), zeros([0, 3]), zeros([0, 2])).toArray()),
    ).toEqual([0, 0, 0, 0]);
  });

  test("errors", () => {
    const x = ones([2, 3]);
    const call =
      (...args: Parameters<typeof scaledDotProductAttention>) =>
      () =>
        scaledDotProductAttention(...args);
    expect(call(x, ones([2, 4]), x)).toThrow(
      /^scaledDotProductAttention: got q, k, v of shapes \[2,3\], \[2,4\]/,
    );
    expect(call(x, x, ones([3, 3]))).toThrow(/^scaledDotProductAttention: got q, k, v/);
    expect(call(ones([3]), x, x)).toThrow(/^scaledDotProductAttention: got q, k, v/);
    expect(call(x, x, ones([2, 3], double))).toThrow(/^scaledDotProductAttention: got float32 and float64/);
    expect(call(x, x, x, { mask: ones([3, 3]) })).toThrow(
      /mask \[3,3\] does not broadcast to the scores \[2,2\]/,
    );
    expect(call(x, x, x, { mask: ones([1, 2, 2]) })).toThrow(/mask \[1,2,2\] does not broadcast/);
    expect(call(x, x, x, { mask: full([2, 2], 2, double) })).toThrow(/mask is float64, expected float32/);
  });
});
