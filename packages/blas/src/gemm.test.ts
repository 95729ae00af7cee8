// Compares the kernel with core's reference, over random shapes, strides and batches. Uses a BLAS in TypeScript that is
// strict about its arguments, and the machine's own if there is one. Most matrices hold small multiples of 1/8, whose
// products and sums are exact in any order, so every bit must match.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { kernelSet, useKernels } from "@shardgrad/core";
import type { Kernels } from "@shardgrad/core/engine";
import { heap, linearKernels, moveKernels } from "@shardgrad/core/engine";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Blas } from "./find-blas.ts";
import { bindGemm, findBlas } from "./find-blas.ts";
import type { CblasGemm, Gemm } from "./gemm.ts";
import { blasGemm, cblas, leadingDimension } from "./gemm.ts";
import { identify } from "./libraries.ts";
import { addressOf, loadLibrary } from "./native.ts";
import { useBlas } from "./use-blas.ts";

type DType = "float32" | "float64";

useKernels("reference");
const kernelsOf = (dtype: "float32" | "float64") => ({ ...linearKernels(dtype), ...moveKernels(dtype) });
const references = { float32: kernelsOf("float32"), float64: kernelsOf("float64") };

// ---- The subjects: each is a call, and the base address of its operands ----

interface Subject {
  call: CblasGemm;
  base: number;
}

/** An impossible address, which reveals a kernel that forgets to add it. */
const made = 2 ** 46;

/** cblas_?gemm by definition, on the heap; throws where a library would print an error and do nothing. */
function strictCblas(dtype: DType): CblasGemm {
  const F = heap()[dtype];
  return (order, transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc) => {
    const [isTransA, isTransB] = [transA, transB].map((trans) => trans === cblas.trans);
    const least = { lda: isTransA ? m : k, ldb: isTransB ? k : n, ldc: n };
    if (order !== cblas.rowMajor || Math.min(m, n, k) < 1) throw new Error("strict: order or sizes");
    if (lda < least.lda || ldb < least.ldb || ldc < least.ldc)
      throw new Error(`strict: leading dimensions ${JSON.stringify({ lda, ldb, ldc, least })}`);
    const [A, B, C] = [a, b, c].map((address) => (address - made) / F.BYTES_PER_ELEMENT) as [
      number,
      number,
      number,
    ];
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = beta === 0 ? 0 : beta * F[C + i * ldc + j]!;
        for (let l = 0; l < k; l++) {
          const x = F[A + (isTransA ? l * lda + i : i * lda + l)]!;
          sum += alpha * x * F[B + (isTransB ? j * ldb + l : l * ldb + j)]!;
        }
        F[C + i * ldc + j] = sum;
      }
    }
  };
}

let found: Blas | undefined;
try {
  found = findBlas();
} catch {
  // None here, or switched off: skip the tests that need one.
}

function nativeCblas(dtype: DType): CblasGemm {
  const library = loadLibrary(found!.path);
  return bindGemm(library, dtype, identify(library).isWide);
}

const subjects: [name: string, subject: ((dtype: DType) => Subject) | undefined][] = [
  ["a strict BLAS", (dtype) => ({ call: strictCblas(dtype), base: made })],
  [
    found?.description ?? "the machine's BLAS",
    found && ((dtype) => ({ call: nativeCblas(dtype), base: addressOf(heap().uint8) })),
  ],
];

// ---- Products ----

type Numbers = (i: number) => number;

/** Multiples of 1/8 in ±2. */
const dyadic: Numbers = (i) => ((Math.imul(i + 1, 0x9e3779b1) >>> 9) % 33) / 8 - 2;
/** In ±1, using all 24 bits. */
const rough: Numbers = (i) => ((Math.imul(i + 1, 0x9e3779b1) ^ Math.imul(i, 0x85ebca6b)) >>> 7) / 2 ** 24 - 1;

/** Row and column strides of a [rows, cols] matrix. */
const layouts = {
  rows: (_rows: number, cols: number) => [cols, 1],
  columns: (rows: number) => [1, rows],
  "rows with gaps": (_rows: number, cols: number) => [cols + 3, 1],
  "columns with gaps": (rows: number) => [1, rows + 5],
  "no unit stride": (_rows: number, cols: number) => [2 * cols + 1, 2],
  "one row repeated": () => [0, 1],
  "one column repeated": () => [1, 0],
  "overlapping rows": () => [1, 1],
} satisfies Record<string, (rows: number, cols: number) => number[]>;
type LayoutName = keyof typeof layouts;

interface Product {
  sizes: [m: number, n: number, k: number];
  a: LayoutName;
  b: LayoutName;
  /** What the products are added to. */
  d: "nothing" | "C" | "rows" | "a row";
  batch: number;
  /** Batch stride 0 for A or B: all products share it. */
  shared: "a" | "b" | "";
  /** Elements between the rows of C. -n gives a row stride of 0, which is legal if there is one row. */
  gap: number;
}

const size = fc.constantFrom(0, 1, 1, 2, 3, 5, 8, 15, 16, 17, 31, 33, 40);
const layout = fc.constantFrom(...(Object.keys(layouts) as LayoutName[]));
const anyProduct: fc.Arbitrary<Product> = fc
  .record({
    sizes: fc.tuple(size, size, size),
    a: layout,
    b: layout,
    d: fc.constantFrom("nothing", "C", "rows", "a row" as const),
    batch: fc.constantFrom(0, 1, 1, 2, 3),
    shared: fc.constantFrom("a", "b", "" as const),
    gap: fc.constantFrom(0, 4),
  })
  .map((product) => {
    const [m, n] = product.sizes;
    return m === 1 && product.gap > 0 ? { ...product, gap: -n } : product;
  });

const regionBytes = 1 << 20;
/** At low addresses, and, if this machine has the address space, at byte offsets above 2^31, which are unused so far. */
const regions = [heap().arena.allocate(regionBytes, "test"), 3 * 2 ** 30 + 4096].filter(
  (offset) => offset + regionBytes < heap().buffer.byteLength,
);
const guard = 7;
/** Marks memory that the kernel must neither read nor write. */
const forbidden = Number.NaN;

/** Lays a product out in memory, computes it, and returns all numbers of the region. */
function compute(gemm: Gemm, dtype: DType, product: Product, offset: number, numbers: Numbers = dyadic) {
  const F = heap()[dtype];
  const width = F.BYTES_PER_ELEMENT;
  const [m, n, k] = product.sizes;
  const start = offset / width;
  let next = start;
  const block = (length: number, values: Numbers) => {
    F.fill(forbidden, next, next + guard + length + guard);
    next += guard + length;
    for (let i = 0; i < length; i++) F[next - length + i] = values(i);
    return next - length;
  };
  const operand = (name: LayoutName, rows: number, cols: number, isShared: boolean, seed: number) => {
    const [row, col] = layouts[name](rows, cols) as [number, number];
    const length = rows * cols && (rows - 1) * row + (cols - 1) * col + 1;
    const place = block(isShared ? length : length * product.batch, (i) => numbers(i + seed));
    return [place * width, isShared ? 0 : length, row, col] as const;
  };
  const left = operand(product.a, m, k, product.shared === "a", 0);
  const right = operand(product.b, k, n, product.shared === "b", 1e6);
  const cRow = n + product.gap;
  const cBatch = m * (n + Math.max(0, product.gap));
  // What is not added, the kernel must not read.
  const c = block(product.batch * cBatch, (i) => (product.d === "C" ? numbers(i + 2e6) : forbidden));
  const rows = [c * width, cBatch, cRow] as const;
  const origins = {
    nothing: () => [0, 0, 0] as const,
    C: () => rows,
    rows: () =>
      [width * block(product.batch * m * (n + 1), (i) => numbers(i + 3e6)), m * (n + 1), n + 1] as const,
    "a row": () => [width * block(product.batch * n, (i) => numbers(i + 3e6)), n, 0] as const,
  };
  gemm(product.batch, m, n, k, ...left, ...right, ...rows, ...origins[product.d]());
  expect((next + guard - start) * width).toBeLessThan(regionBytes);
  // Libraries may return either sign of zero.
  return F.slice(start, next + guard).map((x) => x + 0);
}

describe("leading dimensions", () => {
  it.each<[string, Parameters<typeof leadingDimension>, number]>([
    ["rows", [3, 4, 4, 1], 4],
    ["rows with gaps", [3, 4, 9, 1], 9],
    ["columns", [3, 4, 1, 3], -3],
    ["columns with gaps", [3, 4, 1, 8], -8],
    ["one row, whose row stride means nothing", [1, 4, 0, 1], 4],
    ["one row of distant elements: a column's transpose", [1, 4, 77, 5], -5],
    ["one column", [4, 1, 6, 99], 6],
    ["one column that is dense", [4, 1, 1, 0], 1],
    ["one element", [1, 1, 0, 0], 1],
    ["no unit stride", [3, 4, 8, 2], 0],
    ["a repeated row", [3, 4, 0, 1], 0],
    ["a repeated column", [3, 4, 1, 0], 0],
    ["a repeated element in one row", [1, 4, 0, 0], 0],
    ["a repeated element in one column", [4, 1, 0, 0], 0],
    ["overlapping rows", [3, 4, 2, 1], 0],
    ["a negative row stride", [3, 4, -4, 1], 0],
  ])("%s", (_, matrix, expected) => expect(leadingDimension(...matrix)).toBe(expected));
});

describe.each(subjects)("gemm over %s", (_, subject) => {
  describe.skipIf(!subject).each(["float32", "float64"] as const)("%s", (dtype) => {
    /** With the given fallback, and preferring the BLAS for every nonempty product. */
    const gemmOver = (otherwise: Pick<Kernels, "gemm" | "copy">) => {
      const { call, base } = subject!(dtype);
      return blasGemm(call, base, dtype === "float32" ? 4 : 8, otherwise, (_b, m, n, k) => m * n * k > 0);
    };

    it.each(regions)("is the reference's, bit for bit, at byte %i", (offset) => {
      const gemm = gemmOver(references[dtype]);
      fc.assert(
        fc.property(anyProduct, (product) => {
          const expected = compute(references[dtype].gemm, dtype, product, offset);
          expect(compute(gemm, dtype, product, offset)).toEqual(expected);
        }),
        { seed: 1, numRuns: 1500 },
      );
    });

    it("leaves nothing to others where one stride is 1, and what no BLAS can read otherwise", () => {
      let left = 0;
      const gemm = gemmOver({ ...references[dtype], gemm: () => left++ });
      const product = { d: "nothing", batch: 2, shared: "b", gap: 2 } as const;
      const dense = ["rows", "columns", "rows with gaps", "columns with gaps"] as const;
      for (const a of dense) {
        for (const b of dense) {
          for (const sizes of [
            [1, 9, 8],
            [9, 1, 8],
            [9, 8, 1],
            [7, 8, 9],
          ] as const)
            compute(gemm, dtype, { ...product, sizes: [...sizes], a, b }, regions[0]!);
        }
      }
      compute(gemm, dtype, { ...product, sizes: [1, 9, 8], a: "rows", b: "rows", gap: -9 }, regions[0]!);
      expect(left).toBe(0);
      for (const b of [
        "no unit stride",
        "one row repeated",
        "one column repeated",
        "overlapping rows",
      ] as const)
        compute(gemm, dtype, { ...product, sizes: [7, 8, 9], a: "rows", b }, regions[0]!);
      expect(left).toBe(4);
    });

    it("leaves small products to others, and large ones not", () => {
      const { call, base } = subject!(dtype);
      let left = 0;
      const gemm = blasGemm(call, base, dtype === "float32" ? 4 : 8, {
        ...references[dtype],
        gemm: () => left++,
      });
      const product = { a: "rows", b: "columns", d: "C", batch: 1, shared: "", gap: 0 } as const;
      compute(gemm, dtype, { ...product, sizes: [40, 40, 40] }, regions[0]!);
      expect(left).toBe(0);
      compute(gemm, dtype, { ...product, sizes: [4, 4, 4] }, regions[0]!);
      compute(gemm, dtype, { ...product, sizes: [40, 40, 0] }, regions[0]!);
      expect(left).toBe(2);
    });
  });
});

describe.skipIf(!found)("the machine's BLAS", () => {
  it("gives the same bits wherever the operands lie", () => {
    const { gemm } = found!.kernels(heap(), (family, dtype) => family(dtype)).float32 as { gemm: Gemm };
    const dense = fc.constantFrom<LayoutName[]>("rows", "columns", "rows with gaps", "columns with gaps");
    const large = fc.integer({ min: 17, max: 100 });
    const product = fc.record({
      sizes: fc.tuple(large, large, large),
      a: dense,
      b: dense,
      d: fc.constantFrom("nothing", "C" as const),
      batch: fc.constant(1),
      shared: fc.constant("" as const),
      gap: fc.constantFrom(0, 3),
    });
    fc.assert(
      fc.property(product, fc.integer({ min: 1, max: 1000 }), (where, floats) => {
        const expected = compute(gemm, "float32", where, regions[0]!, rough);
        expect(compute(gemm, "float32", where, regions[0]! + 4 * floats, rough)).toEqual(expected);
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it("computes on one thread", () => {
    const library = loadLibrary(found!.path);
    const count =
      library.find("int openblas_get_num_threads()") ??
      library.find("int MKL_Get_Max_Threads()") ??
      library.find("int64_t bli_thread_get_num_threads()");
    if (count) expect(Number(count())).toBe(1);
  });

  it("a million calls leave nothing behind", () => {
    setFlagsFromString("--expose-gc");
    const collect: () => void = runInNewContext("gc");
    const [m, n, k] = [2, 2, 2];
    const gemm = blasGemm(nativeCblas("float32"), addressOf(heap().uint8), 4, references.float32, () => true);
    const [a, b, c] = [0, 64, 128].map((bytes) => regions.at(-1)! + bytes) as [number, number, number];
    const run = (calls: number) => {
      for (let i = 0; i < calls; i++) gemm(1, m, n, k, a, 0, k, 1, b, 0, n, 1, c, 0, n, 0, 0, 0);
      collect();
      const { heapUsed, external } = process.memoryUsage();
      return heapUsed + external;
    };
    const before = run(10_000);
    expect(run(1_000_000) - before).toBeLessThan(500_000);
  });

  it("is what useBlas chooses, until something else is chosen", () => {
    const { name, description, path } = useBlas();
    expect({ name, description, path }).toEqual({
      name: found!.name,
      description: found!.description,
      path: found!.path,
    });
    expect(kernelSet()).toBe("blas");
    for (const dtype of ["float32", "float64"] as const) {
      const product = { sizes: [33, 40, 31], a: "columns", b: "rows", d: "C", batch: 2, shared: "", gap: 1 };
      const [got, expected] = [kernelsOf(dtype), references[dtype]].map(({ gemm }) =>
        compute(gemm, dtype, product as Product, regions.at(-1)!),
      );
      expect(got).toEqual(expected);
    }
    expect(useKernels("wasm")).toMatch(/^wasm/);
    expect(useKernels("blas")).toBe("blas");
  });
});
