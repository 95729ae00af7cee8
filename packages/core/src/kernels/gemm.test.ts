// The matrix product of both WebAssembly builds against the reference kernel. Most matrices hold small multiples of
// 1/8, whose products and sums are exact in any order: there every bit must be right, whatever the blocking.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mirroredKernels } from "../../testing/mirrored-kernels.ts";
import { Heap } from "../memory/heap.ts";
import { allKernels } from "./all-kernels.ts";
import { gemm as gemmDefinition } from "./definitions/products/gemm.ts";
import { interpret } from "./language/interpret.ts";
import { fusedMultiplyAdd } from "./language/interpret-operations.ts";
import type { Target } from "./language/values.ts";
import type { Kernels } from "./table.ts";
import { build32, emitModule, wasmTarget } from "./wasm/module.ts";
import { instantiate, wasmKernels } from "./wasm.ts";

const heap = new Heap({ memory: new WebAssembly.Memory({ initial: 512, maximum: 512, shared: true }) });
const reference = allKernels(({ reference }) => reference(heap.float32, heap));
const builds = {
  "wasm-plain": allKernels(({ modules }) => wasmKernels(heap, modules, "wasm-plain")),
  "wasm-relaxed": allKernels(({ modules }) => wasmKernels(heap, modules, "wasm-relaxed")),
  "emitted plain": instantiate(heap, emitModule([gemmDefinition], build32(false))),
  "emitted relaxed": instantiate(heap, emitModule([gemmDefinition], build32(true))),
  "wide relaxed": mirroredKernels(heap, "wasm-relaxed", () => [4 * area, 4 * areaEnd]),
};
const sizes = [0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 65, 127, 129];

type Gemm = Kernels["gemm"];
type Numbers = (i: number) => number;

/** Multiples of 1/8 in ±2. */
const dyadic: Numbers = (i) => ((Math.imul(i + 1, 0x9e3779b1) >>> 9) % 33) / 8 - 2;
/** The same with an infinity or a NaN now and then: it belongs to its row or column alone. */
const strange: Numbers = (i) => (i % 97 === 13 ? [Number.NaN, Number.POSITIVE_INFINITY][i % 2]! : dyadic(i));
/** In ±1, with all 24 bits in use. */
const rough: Numbers = (i) => ((Math.imul(i + 1, 0x9e3779b1) ^ Math.imul(i, 0x85ebca6b)) >>> 7) / 2 ** 24 - 1;

/** Row and column strides of a matrix. */
const layouts = {
  rows: (_m: number, n: number) => [n, 1],
  columns: (m: number) => [1, m],
  "rows with gaps": (_m: number, n: number) => [n + 3, 1],
  "columns with gaps": (m: number) => [1, m + 5],
  "no unit stride": (_m: number, n: number) => [2 * n + 1, 2],
  "one row repeated": () => [0, 1],
} satisfies Record<string, (m: number, n: number) => number[]>;
type Layout = keyof typeof layouts;

/** What the products are added to: the strides of D by those of C; without any, D is nothing or C itself. */
const origins = {
  nothing: undefined,
  C: undefined,
  "other rows": (m: number, n: number) => [m * (n + 2), n + 2],
  "a row": (_m: number, n: number) => [n, 0],
  "a row for all": () => [0, 0],
} satisfies Record<string, ((m: number, n: number) => number[]) | undefined>;
type Origin = keyof typeof origins;

interface Product {
  sizes: [m: number, n: number, k: number];
  a?: Layout;
  b?: Layout;
  d?: Origin;
  batch?: number;
  /** Batch strides 0 for A or B: all products share it. */
  shared?: "a" | "b";
  /** Elements between the rows of C. */
  gap?: number;
  numbers?: Numbers;
}

// ---- Memory: guards, A, guards, B, guards, C, guards ----

const area = heap.arena.allocate(16 << 20, "test") / 4;
let areaEnd = area;
const guard = 7;
const guardBits = 0x7f812345; // a NaN: it shows where it is read

/** Lays out the product and returns the arguments of `gemm` for it. */
function layOut(product: Product): { args: Parameters<Gemm>; end: number; c: number } {
  const { a = "rows", b = "rows", d = "nothing", batch = 1, shared, gap = 0, numbers = dyadic } = product;
  const [m, n, k] = product.sizes;
  let next = area;
  const block = (words: number, values: Numbers) => {
    heap.int32.fill(guardBits, next, next + guard + words + guard);
    next += guard + words;
    for (let i = 0; i < words; i++) heap.float32[next - words + i] = values(i);
    return next - words;
  };
  const operand = (layout: Layout, rows: number, cols: number, isShared: boolean, seed: number) => {
    const [row, col] = layouts[layout](rows, cols) as [number, number];
    const one = rows * cols && (rows - 1) * row + (cols - 1) * col + 1;
    const address = 4 * block(isShared ? one : one * batch, (i) => numbers(i + seed));
    return [address, isShared ? 0 : one, row, col] as const;
  };
  const left = operand(a, m, k, shared === "a", 0);
  const right = operand(b, k, n, shared === "b", 1e6);
  const cRow = n + gap;
  const c = block(batch * m * cRow, d === "C" ? (i) => numbers(i + 2e6) : () => Number.NaN);
  const rows = [4 * c, m * cRow, cRow] as const;
  const [dBatch, dRow] = (origins[d]?.(m, n) ?? [0, 0]) as [number, number];
  const lengthOfD = batch && m && (batch - 1) * dBatch + (m - 1) * dRow + n;
  const other = () => [4 * block(lengthOfD, (i) => numbers(i + 3e6)), dBatch, dRow] as const;
  const start = d === "nothing" ? ([0, 0, 0] as const) : d === "C" ? rows : other();
  const args: Parameters<Gemm> = [batch, m, n, k, ...left, ...right, ...rows, ...start];
  areaEnd = next + guard;
  return { args, end: areaEnd, c: c - area };
}

/** All words after the product was computed. Floats, because they are compared as such; zeros have their sign. */
function compute(gemm: Gemm, product: Product): { words: Int32Array; floats: Float32Array; c: number } {
  const { args, end, c } = layOut(product);
  gemm(...args);
  const words = heap.int32.slice(area, end);
  return { words, floats: new Float32Array(words.buffer), c };
}

/** Compares everything in memory: C within the bound, all else bit by bit. */
function check(gemm: Gemm, product: Product, bound = 0): void {
  const expected = compute(reference.gemm, product);
  const got = compute(gemm, product);
  const wrong = expected.words.findIndex((word, i) => {
    const [x, y] = [expected.floats[i]!, got.floats[i]!];
    const agrees = i >= expected.c && (Math.abs(x - y) <= bound || (Number.isNaN(x) && Number.isNaN(y)));
    return word !== got.words[i] && !agrees;
  });
  const found =
    wrong < 0 ? "" : `C + ${wrong - expected.c}: got ${got.floats[wrong]}, not ${expected.floats[wrong]}`;
  expect(found, JSON.stringify(product)).toBe("");
}

const transposes = (["rows", "columns"] as const).flatMap((a) =>
  (["rows", "columns"] as const).map((b) => ({ a, b })),
);
const ds = Object.keys(origins) as Origin[];

describe.each(Object.entries(builds))("gemm of %s", (_name, kernels) => {
  const gemm = kernels.gemm!;

  describe.each(transposes)("A by $a, B by $b", (transpose) => {
    test.each(ds.slice(0, 4))("added to %s, every size of m, n and k", (d) => {
      for (const s of sizes) {
        for (const size of [
          [s, 6, 5],
          [5, s, 9],
          [6, 11, s],
          [s, s, 4],
        ] as const) {
          check(gemm, { sizes: [...size], ...transpose, d });
        }
      }
    });

    // The blocks that the operands are cut into: 64 rows, 512 columns, 256 deep, and what is left over.
    test.each([
      [65, 513, 257],
      [3, 1030, 40],
      [131, 9, 300],
      [70, 70, 1025],
    ])("across blocks, %i×%i×%i", (m, n, k) => {
      for (const d of ds) check(gemm, { sizes: [m, n, k], ...transpose, d });
    });
  });

  test.each(Object.keys(layouts) as Layout[])("A or B: %s", (layout) => {
    for (const s of [3, 8, 17, 70]) {
      check(gemm, { sizes: [s, 19, 13], a: layout, gap: 3, d: "C" });
      check(gemm, { sizes: [19, 13, s], b: layout, gap: 1 });
    }
  });

  test.each([undefined, "a", "b"] as const)("a batch of 3, shared: %s", (shared) => {
    for (const d of ds) {
      for (const transpose of transposes) {
        check(gemm, { sizes: [9, 10, 11], batch: 3, ...(shared && { shared }), ...transpose, d });
      }
    }
    check(gemm, { sizes: [9, 10, 11], batch: 0 });
  });

  test("NaN and infinities stay in their rows and columns", () => {
    for (const transpose of transposes) check(gemm, { sizes: [67, 21, 6], ...transpose, numbers: strange });
  });

  test("a product begins with what it is added to: a NaN stays in its place, and zeros keep their sign", () => {
    // No products, or products that are zeros.
    const begun: Numbers = (i) =>
      i < 3e6 ? 0 : [-0, 0, 1e-42, Number.NEGATIVE_INFINITY, Number.NaN][i % 5]!;
    for (const d of ds.slice(2))
      for (const k of [0, 3]) {
        const { args } = layOut({ sizes: [17, 35, k], d, numbers: begun });
        const [, , n, , , , , , , , , , c, , , from, , dRow] = args;
        gemm(...args);
        for (let i = 0; i < 17; i++)
          for (let j = 0; j < n; j++) {
            const x = heap.float32[from / 4 + i * dRow + j]!;
            expect(heap.float32[c / 4 + i * n + j]).toBe(k === 0 ? x : x + 0);
          }
      }
  });

  test("with all bits in use, the error is that of k additions", () => {
    for (const k of [1, 64, 300, 1000]) {
      // Half an ulp of a sum of up to k, k times, is never reached.
      check(gemm, { sizes: [33, 17, k], numbers: rough }, 2 ** -24 * k ** 1.5);
    }
  });

  test("the bits of an element depend on its row of A, its column of B, k and its beginning alone", () => {
    const cut = fc.record({
      m: fc.integer({ min: 1, max: 70 }),
      n: fc.integer({ min: 1, max: 40 }),
      k: fc.constantFrom(1, 7, 64, 257, 520),
      transpose: fc.constantFrom(...transposes),
      d: fc.constantFrom(...ds),
      row: fc.nat(),
      col: fc.nat(),
    });
    fc.assert(
      fc.property(cut, ({ m, n, k, transpose, d, row, col }) => {
        const { args } = layOut({ sizes: [m, n, k], ...transpose, d, numbers: rough });
        const [, , , , a, , aRow, aCol, b, , bRow, bCol, c, , cRow, from, , dRow] = args;
        const [i, j] = [row % m, col % n];
        const place = c + 4 * (i * cRow + j);
        const before = heap.float32[place / 4]!;
        gemm(...args);
        const whole = heap.float32[place / 4]!;
        heap.float32[place / 4] = before;
        gemm(
          1,
          m - i,
          1,
          k,
          a + 4 * i * aRow,
          0,
          aRow,
          aCol,
          b + 4 * j * bCol,
          0,
          bRow,
          bCol,
          place,
          0,
          cRow,
          from && from + 4 * (i * dRow + j),
          0,
          dRow,
        );
        expect(heap.float32[place / 4]).toBe(whole);
      }),
      { seed: 1, numRuns: 200 },
    );
  });
});

test("with 64-bit addresses, all bits are those of the relaxed build", () => {
  for (const transpose of transposes)
    for (const d of ds)
      for (const m of [1, 3, 4, 97, 131])
        for (const [n, k] of [
          [1, 300],
          [13, 9],
          [515, 270],
        ] as const) {
          const product: Product = { sizes: [m, n, k], ...transpose, d, batch: 2, numbers: rough };
          const expected = compute(builds["wasm-relaxed"].gemm!, product).words;
          expect(compute(builds["wide relaxed"].gemm!, product).words).toEqual(expected);
        }
});

describe("gemm of every target", () => {
  const tiles = [
    { rows: 4, vectors: 2 },
    { rows: 6, vectors: 2 },
    { rows: 3, vectors: 1 },
  ];
  const targets = ([4, 8, 16] as const).flatMap((lanes, i) =>
    (["all", "a", "some"] as const).map(
      (packs, j): Target => ({ ...wasmTarget(build32(false)), lanes, packs, tile: tiles[(i + j) % 3]! }),
    ),
  );
  const products: Product[] = [
    { sizes: [7, 19, 11], d: "C" },
    { sizes: [13, 5, 18], a: "columns", batch: 2 },
    { sizes: [6, 33, 9], b: "columns", gap: 3, d: "a row", batch: 2 },
    { sizes: [9, 17, 23], a: "columns", b: "columns" },
    { sizes: [5, 9, 0] },
    { sizes: [5, 21, 0], d: "other rows" },
    { sizes: [4, 12, 7], a: "rows with gaps", b: "no unit stride", shared: "b", batch: 2 },
    { sizes: [2, 3, 270], d: "C" },
    { sizes: [9, 18, 270], d: "a row for all", batch: 2 },
  ];
  const scratch = heap.arena.allocate(1 << 21, "scratch");

  /** C as the interpreter computes it for a target. */
  const interpreted = (target: Target, product: Product) => {
    const routine = gemmDefinition.record(target);
    const memory = { heap: heap.buffer, near: heap.buffer, scratch };
    return compute((...args) => void interpret(routine, args, memory, target), product);
  };

  /** One chain of fused products and sums for each element, begun from C or from 0. */
  const chain: Gemm = (...args) => {
    const [batch, m, n, depth, a, aBatch, aRow, aCol, b, bBatch, bRow, bCol] = args;
    const [c, cBatch, cRow, d, dBatch, dRow] = args.slice(12) as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    const at = (address: number, place: number) => heap.float32[address / 4 + place]!;
    for (let z = 0; z < batch; z++)
      for (let i = 0; i < m; i++)
        for (let j = 0; j < n; j++) {
          let sum = d ? at(d, z * dBatch + i * dRow + j) : 0;
          for (let l = 0; l < depth; l++) {
            const left = at(a, z * aBatch + i * aRow + l * aCol);
            sum = fusedMultiplyAdd(left, at(b, z * bBatch + l * bRow + j * bCol), sum);
          }
          heap.float32[c / 4 + z * cBatch + i * cRow + j] = sum;
        }
  };

  test.each(targets)("$lanes lanes, packs: $packs: one chain for each element, the same bits", (target) => {
    for (const product of products) {
      const one = { ...product, numbers: rough };
      expect(interpreted({ ...target, fuses: true }, one).words).toEqual(compute(chain, one).words);
      const { words } = compute(builds["emitted plain"].gemm!, one);
      expect(interpreted({ ...target, fuses: false }, one).words).toEqual(words);
    }
  });
});
