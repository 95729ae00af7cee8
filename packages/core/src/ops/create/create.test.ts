// Making tensors from numbers, and from the random stream: which numbers, and that who draws does not matter.
import { describe, expect, test } from "vitest";
import { manualSeed, philox } from "../../random.ts";
import { scope } from "../../scope.ts";
import type { Tensor } from "../../tensor.ts";
import { full, ones, rand, randn, tensor, zeros } from "./create.ts";

const row = (x: Tensor) => [x.dtype, [...x.shape], [...x.toArray()]];

test.each<[x: Tensor, ...expected: unknown[]]>([
  [tensor(5), "float32", [], [5]],
  [tensor([]), "float32", [0], []],
  [tensor([[], []]), "float32", [2, 0], []],
  [
    tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]),
    "float32",
    [2, 3],
    [1, 2, 3, 4, 5, 6],
  ],
  [tensor([[[1], [2]]], { dtype: "float64" }), "float64", [1, 2, 1], [1, 2]],
  [tensor([1, 2, 3, 4], { shape: [2, 2] }), "float32", [2, 2], [1, 2, 3, 4]],
  [tensor(Float32Array.of(1, 0.1)), "float32", [2], [1, Math.fround(0.1)]],
  [tensor(Float64Array.of(0.1)), "float64", [1], [0.1]],
  [tensor(Int32Array.of(-1, 2)), "int32", [2], [-1, 2]],
  [tensor(Uint8Array.of(255, 0), { shape: [2, 1] }), "uint8", [2, 1], [255, 0]],
  [tensor(Uint8Array.of(255, 0), { dtype: "float32" }), "float32", [2], [255, 0]],
  [tensor(true), "uint8", [], [1]],
  [tensor([[true], [false]]), "uint8", [2, 1], [1, 0]],
  [tensor([true, 0.5]), "float32", [2], [1, 0.5]],
  [tensor([true, false], { dtype: "int32" }), "int32", [2], [1, 0]],
  [tensor([Float32Array.of(1, 2), [3, 4]]), "float32", [2, 2], [1, 2, 3, 4]],
  [tensor([-1.7, 2.9], { dtype: "int32" }), "int32", [2], [-1, 2]],
  [full([2], 0.5), "float32", [2], [0.5, 0.5]],
  [full([], -3, { dtype: "int32" }), "int32", [], [-3]],
  [zeros([1, 2], { dtype: "uint8" }), "uint8", [1, 2], [0, 0]],
  [ones([0, 2]), "float32", [0, 2], []],
])("tensor %#", (x, ...expected) => {
  expect(row(x)).toEqual(expected);
});

test("int64 and other integers become int32, exactly; the first that does not fit is named", () => {
  for (const data of [BigInt64Array.of(1n, -2n), Int16Array.of(1, -2), Int8Array.of(1, -2)]) {
    const x = tensor(data);
    expect([x.dtype, ...x.toArray()]).toEqual(["int32", 1, -2]);
  }
  expect(tensor(BigUint64Array.of(5n, 6n), { shape: [2, 1], dtype: "float32" }).toNested()).toEqual([
    [5],
    [6],
  ]);
  const wide = BigInt64Array.of(1n, 4294967296n);
  expect(() => tensor(wide)).toThrow(
    "tensor: 4294967296 at position 1 of a BigInt64Array, expected integers from -2147483648 to 2147483647",
  );
  // As the error says.
  expect(tensor(Float64Array.from(wide, Number)).toNested()).toEqual([1, 4294967296]);
  expect(() => tensor([[1n]] as never)).toThrow(
    "got [object BigInt] at depth 2, expected numbers; write Number(value)",
  );
});

test("the numbers are copied", () => {
  const values = Float32Array.of(1, 2);
  const x = tensor(values);
  values[0] = 9;
  expect([...x.toArray()]).toEqual([1, 2]);
});

test.each([tensor, zeros, rand, randn])("%s makes a leaf if asked", (make) => {
  expect(make([2]).requiresGrad).toBe(false);
  expect(make([2], { requiresGrad: true })).toMatchObject({ requiresGrad: true, node: null });
});

describe("random numbers", () => {
  const draw = (make: typeof rand, ...sizes: number[]) =>
    scope(() => sizes.flatMap((size) => [...make([size], { dtype: "float64" }).toArray()]));

  test.each([rand, randn])("%s depends on the seed and the position, not on who draws how many", (make) => {
    manualSeed(5);
    const whole = draw(make, 40);
    manualSeed(5);
    expect(draw(make, 8, 4, 28)).toEqual(whole);
    manualSeed(5);
    expect(draw(make, 5, 4)).toEqual([...whole.slice(0, 5), ...whole.slice(8, 12)]); // whole blocks of four
    manualSeed(6);
    expect(draw(make, 40)).not.toEqual(whole);
    manualSeed(5 + 2 ** 32);
    expect(draw(make, 40)).not.toEqual(whole);
  });

  test("rand takes the upper 24 bits of each Philox word", () => {
    const words = new Uint32Array(4);
    philox(words, 0, 0, 0, 0, 77, 3);
    manualSeed(3 * 2 ** 32 + 77);
    expect(draw(rand, 4)).toEqual(Array.from(words, (word) => (word >>> 8) / 2 ** 24));
  });

  test("float32 and float64 are the same draws", () => {
    for (const make of [rand, randn]) {
      manualSeed(8);
      const wide = [...make([9], { dtype: "float64" }).toArray()];
      manualSeed(8);
      expect([...make([9]).toArray()]).toEqual(wide.map(Math.fround));
    }
  });

  const n = 40_000;
  const moment = (x: Tensor, center: number, power: number) =>
    (x.toArray() as Float64Array).reduce((sum, value) => sum + (value - center) ** power, 0) / n;

  // Five deviations of the estimate are at most 5 √(96 / n) = 0.25 (the fourth moment of a normal).
  test.each<[name: string, make: typeof rand, center: number, scale: number, moments: number[]]>([
    ["rand in [-2, 4)", (s, o) => rand(s, { ...o, low: -2, high: 4 }), 1, 3, [0, 1 / 3, 0, 1 / 5]],
    ["randn of mean 3, std 2", (s, o) => randn(s, { ...o, mean: 3, std: 2 }), 3, 2, [0, 1, 0, 3]],
  ])("%s has the moments that it should have", (_name, make, center, scale, moments) => {
    manualSeed(1);
    const x = make([n], { dtype: "float64" });
    moments.forEach((expected, i) => {
      const error = moment(x, center, i + 1) / scale ** (i + 1) - expected;
      expect(Math.abs(error)).toBeLessThan([0.025, 0.04, 0.1, 0.25][i]!);
    });
  });

  test("normal numbers that share a Philox block are not correlated", () => {
    manualSeed(2);
    const x = randn([n], { dtype: "float64" }).toArray();
    for (const lag of [1, 2, 3]) {
      const products = Array.from(x, (value, i) => value * (x[(i + lag) % n] ?? 0));
      expect(Math.abs(products.reduce((a, b) => a + b) / n)).toBeLessThan(5 / Math.sqrt(n));
    }
  });

  test.each<{ low: number; high: number }>([
    { low: 0, high: 1 },
    { low: 1, high: 2 },
    { low: 1000, high: 1001 },
    { low: -1, high: -0.999 },
  ])("rand stays in [$low, $high) when rounded to float32", ({ low, high }) => {
    manualSeed(1);
    const outside = scope(() => rand([300_000], { low, high }).toArray()).filter((v) => v < low || v >= high);
    expect([...outside]).toEqual([]);
  });
});
