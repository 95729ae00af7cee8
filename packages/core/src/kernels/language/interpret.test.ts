// The interpreter: each operation of the language on numbers at which it could go wrong, then folds, transposes and tails.
// What definitions make of them is in ../kernels.test.ts and ../gemm.test.ts.
import { expect, test } from "vitest";
import { defineKernel, defineRoutine } from "./definition.ts";
import { bitsOf } from "./float-bits.ts";
import { interpret } from "./interpret.ts";
import type { Held, Lanes, Wide } from "./interpret-operations.ts";
import { evaluate, fusedMultiplyAdd, lanesOf, wideOf } from "./interpret-operations.ts";
import type { Recorder } from "./recorder.ts";
import type { Operation, Target } from "./values.ts";
import { operations } from "./values.ts";

const targetOf = (lanes: Target["lanes"], fuses = true): Target => ({
  lanes,
  fuses,
  registers: 15,
  masks: true,
  clears: true,
  unroll: { vectors: 1, operations: 0 },
  tile: { rows: 4, vectors: 2 },
  packs: "a",
});
const [NaN_, Inf] = [Number.NaN, Number.POSITIVE_INFINITY];

const f = (...floats: number[]): Lanes => lanesOf(4, (i) => bitsOf(floats[i]!));
const w = (...words: number[]): Lanes => lanesOf(4, (i) => words[i]!);
const d = (...floats: number[]): Wide => wideOf(2, (i) => floats[i]!);
const m = (...truths: number[]): boolean[] => truths.map(Boolean);

/** Operands, an immediate where there is one, and the result. */
const cases: Record<Operation, [args: Held[], result: Held, immediate?: number][]> = {
  "int.add": [[[3, -5], -2]],
  "int.sub": [[[3, 5], -2]],
  "int.mul": [
    [[3, -5], -15],
    [[0, -5], 0],
  ],
  "int.div": [[[17, 5], 3]],
  "int.and": [
    [[2 ** 33 + 6, 3], 2],
    [[-1, 12], 12],
  ],
  "int.or": [[[2 ** 33, 3], 2 ** 33 + 3]],
  "int.xor": [[[5, 3], 6]],
  "int.shl": [[[2 ** 31], 2 ** 33, 2]],
  "int.shr": [[[2 ** 33 + 5], 2 ** 31 + 1, 2]],
  "int.lt": [
    [[1, 2], 1],
    [[2, 2], 0],
  ],
  "int.le": [
    [[2, 2], 1],
    [[3, 2], 0],
  ],
  "int.gt": [
    [[3, 2], 1],
    [[2, 2], 0],
  ],
  "int.ge": [
    [[2, 2], 1],
    [[1, 2], 0],
  ],
  "int.eq": [
    [[2, 2], 1],
    [[1, 2], 0],
  ],
  "int.ne": [
    [[2, 2], 0],
    [[1, 2], 1],
  ],
  "int.pick": [
    [[7, 8, 5], 7],
    [[7, 8, 0], 8],
  ],
  "to.ptr": [[[-3], -3]],
  "to.near": [[[3], 3]],
  "to.i32": [[[3], 3]],
  "v.add": [[[f(1, 1, Inf, -0), f(2 ** -24, 2 ** -23, -Inf, -0)], f(1, 1 + 2 ** -23, NaN_, -0)]],
  "v.sub": [[[f(1, 1, Inf, 0), f(2 ** -25, 2 ** -24, Inf, 0)], f(1, 1 - 2 ** -24, NaN_, 0)]],
  "v.mul": [[[f(1 + 2 ** -23, 1e-30, -0, Inf), f(1 + 2 ** -23, 1e-30, 5, 0)], f(1 + 2 ** -22, 0, -0, NaN_)]],
  "v.div": [[[f(1, 1, 0, -1), f(3, 0, 0, Inf)], f(Math.fround(1 / 3), Inf, NaN_, -0)]],
  "v.sqrt": [[[f(2, -1, -0, Inf)], f(Math.fround(Math.SQRT2), NaN_, -0, Inf)]],
  "v.madd": [
    [[f(1 + 2 ** -23, 2, 0, 1), f(1 - 2 ** -23, 3, Inf, 1), f(-1, 4, 1, 1)], f(-(2 ** -46), 10, NaN_, 2)],
  ],
  "v.pmin": [[[f(1, NaN_, 1, 0), f(2, 1, NaN_, -0)], f(1, NaN_, 1, 0)]],
  "v.pmax": [[[f(1, NaN_, 1, -0), f(2, 1, NaN_, 0)], f(2, NaN_, 1, -0)]],
  "v.min": [[[f(1, NaN_, 1, 0), f(2, 1, NaN_, -0)], f(1, NaN_, NaN_, -0)]],
  "v.max": [[[f(1, NaN_, 1, -0), f(2, 1, NaN_, 0)], f(2, NaN_, NaN_, 0)]],
  "v.nearest": [[[f(2.5, -0.5, 3.5, 0.5)], f(2, -0, 4, 0)]],
  "v.floor": [[[f(2.5, -0.5, -0, Inf)], f(2, -1, -0, Inf)]],
  "v.trunc": [[[f(2.5, -0.5, -2.5, Inf)], f(2, -0, -2, Inf)]],
  "v.and": [[[w(12, -1, 0, 1), w(10, 7, 3, 1)], w(8, 7, 0, 1)]],
  "v.or": [[[w(12, -1, 0, 1), w(10, 7, 3, 1)], w(14, -1, 3, 1)]],
  "v.xor": [[[w(12, -1, 0, 1), w(10, 7, 3, 1)], w(6, -8, 3, 0)]],
  "v.andNot": [[[w(12, -1, 0, 1), w(10, 7, 3, 1)], w(4, -8, 0, 0)]],
  "v.addI": [[[w(2 ** 31 - 1, 1, 0, 3), w(1, -2, 0, 3)], w(-(2 ** 31), -1, 0, 6)]],
  "v.subI": [[[w(-(2 ** 31), 1, 0, 3), w(1, -2, 0, 3)], w(2 ** 31 - 1, 3, 0, 0)]],
  "v.mulI": [[[w(65537, -1, 0, 3), w(65537, 7, 3, 3)], w(131073, -7, 0, 9)]],
  "v.maxI": [[[w(5, -1, 0, 3), w(6, -2, -7, 3)], w(6, -1, 0, 3)]],
  "v.mulHighU": [[[w(-1, 65536, 5, 0), w(-1, 65536, 5, 0)], w(-2, 1, 0, 0)]],
  "v.shl": [[[w(1, -1, 3, 0)], w(1 << 30, -(1 << 30), 3 << 30, 0), 30]],
  "v.shr": [[[w(1, -1, 8, 0)], w(0, 2 ** 30 - 1, 2, 0), 2]],
  "v.sar": [[[w(1, -1, 8, -8)], w(0, -1, 2, -2), 2]],
  "v.toFloat": [[[w(16777217, -3, 0, 1)], f(16777216, -3, 0, 1)]],
  "v.toInt": [[[f(2.7, -2.7, -0, 1e6)], w(2, -2, 0, 1e6)]],
  "v.index": [[[], w(0, 1, 2, 3)]],
  "v.splatI": [[[-7], w(-7, -7, -7, -7)]],
  "v.lt": [[[f(1, 2, NaN_, -0), f(2, 1, 1, 0)], m(1, 0, 0, 0)]],
  "v.le": [[[f(1, 2, NaN_, -0), f(2, 1, 1, 0)], m(1, 0, 0, 1)]],
  "v.gt": [[[f(1, 2, NaN_, -0), f(2, 1, 1, 0)], m(0, 1, 0, 0)]],
  "v.ge": [[[f(1, 2, NaN_, -0), f(2, 1, 1, 0)], m(0, 1, 0, 1)]],
  "v.eq": [[[f(1, 2, NaN_, -0), f(2, 2, NaN_, 0)], m(0, 1, 0, 1)]],
  "v.ne": [[[f(1, 2, NaN_, -0), f(2, 2, NaN_, 0)], m(1, 0, 1, 0)]],
  "v.ltI": [[[w(-1, 1, 2, 0), w(1, -1, 2, 1)], m(1, 0, 0, 1)]],
  "v.eqI": [[[w(-1, 1, 2, 0), w(1, 1, 2, 1)], m(0, 1, 1, 0)]],
  "v.select": [[[w(1, 2, 3, 4), w(5, 6, 7, 8), m(1, 0, 0, 1)], w(1, 6, 7, 4)]],
  "v.keep": [[[w(1, 2, 3, 4), m(1, 0, 0, 1)], w(1, 0, 0, 4)]],
  "v.drop": [[[w(1, 2, 3, 4), m(1, 0, 0, 1)], w(0, 2, 3, 0)]],
  "v.evens": [[[w(1, 2, 3, 4), w(5, 6, 7, 8)], w(1, 3, 5, 7)]],
  "v.odds": [[[w(1, 2, 3, 4), w(5, 6, 7, 8)], w(2, 4, 6, 8)]],
  "v.zipLow": [[[w(1, 2, 3, 4), w(5, 6, 7, 8)], w(1, 5, 2, 6)]],
  "v.zipHigh": [[[w(1, 2, 3, 4), w(5, 6, 7, 8)], w(3, 7, 4, 8)]],
  "mask.and": [[[m(1, 1, 0, 0), m(1, 0, 1, 0)], m(1, 0, 0, 0)]],
  "mask.or": [[[m(1, 1, 0, 0), m(1, 0, 1, 0)], m(1, 1, 1, 0)]],
  "mask.not": [[[m(1, 1, 0, 0)], m(0, 0, 1, 1)]],
  "mask.any": [
    [[m(0, 1, 0, 0)], 1],
    [[m(0, 0, 0, 0)], 0],
  ],
  "mask.all": [
    [[m(0, 1, 1, 1)], 0],
    [[m(1, 1, 1, 1)], 1],
  ],
  "tail.first": [[[3], 3]],
  "tail.some": [[[3], 3]],
  "mask.tail": [
    [[3], m(1, 1, 1, 0)],
    [[9], m(1, 1, 1, 1)],
  ],
  "d.low": [[[f(1, 2, 3, 4)], d(1, 2)]],
  "d.high": [[[f(1, 2, 3, 4)], d(3, 4)]],
  "d.add": [[[d(1, 2 ** 53), d(2 ** -52, 1)], d(1 + 2 ** -52, 2 ** 53)]],
  "d.sub": [[[d(1, 0), d(2 ** -54, 0)], d(1, 0)]],
  "d.mul": [[[d(3, -0), d(5, 1)], d(15, -0)]],
  "d.div": [[[d(1, 0), d(3, 0)], d(1 / 3, NaN_)]],
  "d.sqrt": [[[d(2, -1)], d(Math.SQRT2, NaN_)]],
  "d.pmin": [[[d(1, NaN_), d(NaN_, 1)], d(1, NaN_)]],
  "d.pmax": [[[d(1, NaN_), d(2, 1)], d(2, NaN_)]],
  "d.nearest": [
    [[d(2.5, -0.5)], d(2, -0)],
    [[d(-3.5, 2 ** 52 + 1)], d(-4, 2 ** 52 + 1)],
  ],
  "d.and": [[[d(-1.5, 2), d(1.75, 2)], d(1.5, 2)]],
  "d.xor": [[[d(-1.5, 2), d(-0, 2)], d(1.5, 0)]],
  "d.addI": [[[d(1, 2), d(0, 5e-324)], d(1, 2 + 2 ** -51)]],
  "d.subI": [[[d(1, 2), d(5e-324, 2)], d(1 - 2 ** -53, 0)]],
  "d.shl": [[[d(5e-324, 2 * 5e-324)], d(8 * 5e-324, 16 * 5e-324), 3]],
  "d.shr": [[[d(8 * 5e-324, -0)], d(4 * 5e-324, 2), 1]],
  "v.narrow": [[[d(1, 1 + 2 ** -30), d(-0, 1e300)], f(1, 1, -0, Inf)]],
  "v.round": [[[d(1 + 2 ** -30, 7)], f(1, 1, 1, 1)]],
  "d.splat": [[[f(3, 4, 5, 6)], d(3, 3)]],
  "d.splatI": [[[-3], d(-3, -3)]],
};

/** Lanes by their bits, but all NaN alike. */
function plain(held: Held): unknown {
  if (typeof held === "number" || !("floats" in held)) return held;
  const bits: ArrayLike<number | bigint> = "ints" in held ? held.ints : held.bits;
  return Array.from(held.floats, (float, i) => (Number.isNaN(float) ? "NaN" : bits[i]));
}

test.each(Object.keys(operations) as Operation[])("%s", (operation) => {
  for (const [args, result, immediate = 0] of cases[operation]) {
    const got = evaluate(operation, args, { immediate, target: targetOf(4), isWord: false });
    expect(plain(got)).toEqual(plain(result));
  }
});

test("madd rounds twice on a target that does not fuse", () => {
  const args = [f(1 + 2 ** -23, 0, 0, 0), f(1 - 2 ** -23, 0, 0, 0), f(-1, 0, 0, 0)];
  const context = { immediate: 0, target: targetOf(4, false), isWord: false };
  expect(evaluate("v.madd", args, context)).toEqual(f(0, 0, 0, 0));
});

test("a fused product and sum is rounded once, where float64 alone would round twice", () => {
  const exactly = (a: number, b: number, c: number) => {
    // In units of 2^-300, as integers.
    const unit = 300n;
    const of = (x: number) => {
      const bits = new BigInt64Array(Float64Array.of(Math.abs(x)).buffer)[0]!;
      const [exponent, mantissa] = [bits >> 52n, (bits & (2n ** 52n - 1n)) | (2n ** 52n)];
      return x === 0 ? 0n : (x < 0 ? -1n : 1n) * (mantissa << (exponent - 1075n + unit));
    };
    const sum = of(a) * of(b) + (of(c) << unit);
    // To nearest, ties to even, of 24 bits.
    const size = sum < 0n ? -sum : sum;
    const drop = BigInt(size.toString(2).length - 24);
    if (drop <= 0n) return Number(sum) / 2 ** 600;
    const [kept, rest, half] = [size >> drop, size & ((1n << drop) - 1n), 1n << (drop - 1n)];
    const rounded = rest > half || (rest === half && (kept & 1n) === 1n) ? kept + 1n : kept;
    return (sum < 0n ? -1 : 1) * Number(rounded) * 2 ** Number(drop - 600n);
  };
  let seed = 1;
  const next = (magnitude: number) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
    return Math.fround((seed / 2 ** 31) * 2 ** magnitude);
  };
  for (let i = 0; i < 2000; i++) {
    const [a, b] = [next(0), next(0)];
    // Often just off a tie of the product.
    const c = i % 2 ? next(-(i % 60)) : Math.fround(-a * b + next(-50));
    expect(fusedMultiplyAdd(a, b, c), `${a} ${b} ${c}`).toBe(exactly(a, b, c));
  }
  expect(fusedMultiplyAdd(1, 1, 2 ** -60)).toBe(1);
  expect(fusedMultiplyAdd(3e38, 3e38, Number.NEGATIVE_INFINITY)).toBe(Number.NEGATIVE_INFINITY);
});

/** Runs what is recorded with a pointer to an empty memory, which it returns as floats. */
function run(
  lanes: Target["lanes"],
  body: (k: Recorder, at: Parameters<Recorder["load"]>[0]) => void,
): Float32Array {
  const target = targetOf(lanes);
  const heap = new ArrayBuffer(512);
  const kernel = defineKernel("test", ["ptr"], (k, at) => body(k, at));
  for (let i = 0; i < 64; i++) new Float32Array(heap)[i] = 10 + i;
  interpret(kernel.record(target), [0], { heap, near: heap, scratch: 256 }, target);
  return new Float32Array(heap);
}

test.each([4, 8, 16] as const)(
  "with %i lanes: a fold takes 8 apart, 4, 2 and 1; a transpose; a tail",
  (lanes) => {
    const parts = Array.from({ length: 16 / lanes }, (_, i) => i);
    const sums = run(lanes, (k, at) => {
      k.storeFirst(
        at,
        k.fold(
          "add",
          parts.map((i) => k.load(at, 4 * lanes * i)),
        ),
        256,
      );
    });
    expect(sums[64]).toBe((16 * (10 + 25)) / 2);

    const turned = run(lanes, (k, at) => {
      const rows = Array.from({ length: lanes }, (_, row) => k.variable("v", k.add(k.load(at), 100 * row)));
      k.transpose(rows);
      k.store(at, rows[1]!, 256);
    });
    expect([...turned.slice(64, 64 + lanes)]).toEqual(Array.from({ length: lanes }, (_, i) => 11 + 100 * i));

    const cut = run(lanes, (k, at) => {
      const tail = k.do("tail.first", k.int(3));
      k.storePart(tail, at, k.add(k.loadPart(tail, at), 0.5), 256);
    });
    expect([...cut.slice(64, 68)]).toEqual([10.5, 11.5, 12.5, 0]);
  },
);

test("routines, loops and ifs; an overflow of an i32 is refused", () => {
  const target = targetOf(4);
  const add = defineRoutine("add", ["ptr", "i32"], target, (k, at, by) =>
    k.storeInt(at, k.add(k.loadInt(at), by)),
  );
  const kernel = defineKernel("count", ["i32", "ptr"], (k, n, at) => {
    k.while(
      () => k.gt(n, 0),
      () => {
        k.if(
          k.and(n, 1),
          () => k.call(add, at, 10),
          () => k.call(add, at, 1),
        );
        k.increase(n, -1);
      },
    );
    k.return(k.loadInt(at));
  });
  const heap = new ArrayBuffer(16);
  const memory = { heap, near: heap, scratch: 0 };
  expect(interpret(kernel.record(target), [5, 4], memory, target)).toBe(32);
  const large = defineKernel("large", ["i32"], (k, n) => k.return(k.mul(n, n)));
  expect(() => interpret(large.record(target), [65536], memory, target)).toThrow(
    "int.mul: 4294967296 is no 32-bit",
  );
});
