// Integers are exact and wrap, in every op that takes them: held against the same arithmetic on BigInt.
import { describe, expect, test } from "vitest";
import { DTypeError } from "../errors.ts";
import type { Tensor } from "../tensor.ts";
import { tensor } from "./create/create.ts";
import * as ops from "./index.ts";

const dtypes = ["int32", "uint8"] as const;
type Integer = (typeof dtypes)[number];

const wrap = { int32: (x: bigint) => BigInt.asIntN(32, x), uint8: (x: bigint) => BigInt.asUintN(8, x) };
const limits = { int32: [-(2 ** 31), 2 ** 31 - 1], uint8: [0, 255] };

/** Numbers of all sizes, the outermost among them. */
function numbers(dtype: Integer, n: number, seed: number): number[] {
  const [least, most] = limits[dtype] as [number, number];
  const edges = [least, most, 0, 1, most - 1, least + 1];
  let state = seed;
  return Array.from({ length: n }, (_, i) => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    if (i % 5 === seed % 5) return edges[(state >>> 8) % edges.length]!;
    return dtype === "int32" ? state >> ((i * 7) % 31) : (state >>> 8) % 256;
  });
}

const make = (dtype: Integer, values: readonly number[], shape = [values.length]) =>
  ops.reshape(tensor([...values], { dtype }), shape);
const total = (list: readonly bigint[]) => list.reduce((a, b) => a + b, 0n);
const product = (list: readonly bigint[]) => list.reduce((a, b) => a * b, 1n);
const read = (x: Tensor) => [...x.toArray()];

describe.each(dtypes)("of %s", (dtype) => {
  const a = numbers(dtype, 60, 1);
  const b = numbers(dtype, 60, 2);
  const [x, y] = [make(dtype, a), make(dtype, b)];
  const [bigA, bigB] = [a.map(BigInt), b.map(BigInt)];
  const wrapped = (values: readonly bigint[], to: Integer = dtype) => values.map((v) => Number(wrap[to](v)));

  test("sums, differences, products, squares, negatives and sizes", () => {
    expect(read(ops.add(x, y))).toEqual(wrapped(bigA.map((v, i) => v + bigB[i]!)));
    expect(read(ops.sub(x, y))).toEqual(wrapped(bigA.map((v, i) => v - bigB[i]!)));
    expect(read(ops.mul(x, y))).toEqual(wrapped(bigA.map((v, i) => v * bigB[i]!)));
    expect(read(ops.square(x))).toEqual(wrapped(bigA.map((v) => v * v)));
    expect(read(ops.neg(x))).toEqual(wrapped(bigA.map((v) => -v)));
    expect(read(ops.abs(x))).toEqual(wrapped(bigA.map((v) => (v < 0n ? -v : v))));
  });

  test("quotients are cut off towards zero", () => {
    const quotient = (v: bigint, w: bigint) => (w === 0n ? 0n : v / w);
    expect(read(ops.div(x, y))).toEqual(wrapped(bigA.map((v, i) => quotient(v, bigB[i]!))));
  });

  test.each([0, 1, 2, 3, 5, 8, 9, 31, 100])("to the power of the number %i", (exponent) => {
    expect(read(ops.pow(x, exponent))).toEqual(wrapped(bigA.map((v) => v ** BigInt(exponent))));
  });

  test("to the power of a tensor", () => {
    const exponents = a.map((_, i) => (i * 13) % 120);
    const right = bigA.map((v, i) => v ** BigInt(exponents[i]!));
    expect(read(ops.pow(x, make(dtype, exponents)))).toEqual(wrapped(right));
    expect(read(ops.pow(3, make(dtype, exponents)))).toEqual(
      wrapped(exponents.map((exponent) => 3n ** BigInt(exponent))),
    );
  });

  test("sums and products over axes, running sums; of uint8 they are int32", () => {
    const matrix = make(dtype, a, [4, 15]);
    const columns = Array.from({ length: 15 }, (_, c) => bigA.filter((_, i) => i % 15 === c));
    const running = bigA.map((_, i) => total(bigA.slice(0, i + 1)));
    expect(read(ops.sum(x))).toEqual(wrapped([total(bigA)], "int32"));
    expect(read(ops.sum(matrix, 0))).toEqual(wrapped(columns.map(total), "int32"));
    expect(read(ops.prod(x))).toEqual(wrapped([product(bigA)], "int32"));
    const odd = bigA.map((v) => v | 1n);
    expect(read(ops.prod(make(dtype, odd.map(Number))))).toEqual(wrapped([product(odd)], "int32"));
    expect(read(ops.prod(matrix, 0))).toEqual(wrapped(columns.map(product), "int32"));
    expect(read(ops.cumsum(x, 0))).toEqual(wrapped(running, "int32"));
  });

  test("matrix products, linear, outer and einsum", () => {
    const dot = (i: number, j: number) =>
      total(bigA.slice(i * 15, i * 15 + 15).map((v, k) => v * bigB[j * 15 + k]!));
    const right = Array.from({ length: 16 }, (_, i) => dot(i >> 2, i & 3));
    const [left, other] = [make(dtype, a, [4, 15]), make(dtype, b, [4, 15])];
    expect(read(ops.matmul(left, ops.transpose(other)))).toEqual(wrapped(right));
    expect(read(ops.linear(left, other))).toEqual(wrapped(right));
    const bias = make(dtype, b.slice(0, 4));
    expect(read(ops.linear(left, other, bias))).toEqual(wrapped(right.map((v, i) => v + bigB[i & 3]!)));
    expect(read(ops.outer(x, y))).toEqual(wrapped(bigA.flatMap((v) => bigB.map((w) => v * w))));
    expect(read(ops.einsum("ik,jk->ij", left, other))).toEqual(wrapped(right, "int32"));
    expect(read(ops.einsum("i,i->", x, y))).toEqual(
      wrapped([total(bigA.map((v, i) => v * bigB[i]!))], "int32"),
    );
  });

  test("what is added at places", () => {
    const places = tensor(
      a.map((_, i) => i % 3),
      { dtype: "int32" },
    );
    const right = [0, 1, 2].map((place) => total(bigA.filter((_, i) => i % 3 === place)));
    expect(read(ops.scatterAdd(make(dtype, [0, 0, 0]), 0, places, x))).toEqual(wrapped(right));
  });
});

test("a product of two int32 keeps its low bits", () => {
  const [a, b] = [123456789, 987654321].map((value) => tensor([value], { dtype: "int32" }));
  expect(read(ops.mul(a!, b!))).toEqual([-67153019]);
});

test("a sum of int32 is exact beyond 2^53", () => {
  const one = tensor([2 ** 31 - 1], { dtype: "int32" });
  const many = ops.expand(one, [2 ** 23 + 3]);
  expect(ops.sum(many).item()).toBe(Number(BigInt.asIntN(32, (2n ** 31n - 1n) * (2n ** 23n + 3n))));
});

test.each<[Integer, { min?: number; max?: number }]>([
  ["int32", { min: 0.5 }],
  ["uint8", { max: 300 }],
  ["uint8", { min: -1 }],
])("clamp of %s refuses bounds that it cannot hold: %o", (dtype, bounds) => {
  expect(() => ops.clamp(tensor([1, 2], { dtype }), bounds)).toThrow(DTypeError);
});
