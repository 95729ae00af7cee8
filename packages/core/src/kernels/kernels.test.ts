// Every kernel of both WebAssembly builds against the reference kernel, on the same bytes. What a kernel writes must
// agree bit for bit, unless its row says otherwise; nothing else may change: inputs, gaps, guards around each block.
// Matrix products have a file of their own, gemm.test.ts; so have the kernels of attention, normalizations, masks,
// convolution and pooling.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mirroredKernels } from "../../testing/mirrored-kernels.ts";
import { Heap } from "../memory/heap.ts";
import { contiguousStrides } from "../shape.ts";
import { allKernels } from "./all-kernels.ts";
import { kernelDefinitions } from "./definitions/index.ts";
import { interpret } from "./language/interpret.ts";
import type { Routine, Target } from "./language/values.ts";
import { erf } from "./reference/erf.ts";
import type { ActivationName, KernelName, Kernels } from "./table.ts";
import { build32, emitModule, wasmTarget } from "./wasm/module.ts";
import { instantiate, wasmKernels } from "./wasm.ts";

const heap = new Heap({ memory: new WebAssembly.Memory({ initial: 128, maximum: 128, shared: true }) });
const defined = Object.values(kernelDefinitions).flat();
const emitted = (relaxed: boolean) => instantiate(heap, emitModule(defined, build32(relaxed)));
const assembled = {
  plain: allKernels(({ modules }) => wasmKernels(heap, modules, "wasm-plain")),
  relaxed: allKernels(({ modules }) => wasmKernels(heap, modules, "wasm-relaxed")),
};
const ownMemory = new ArrayBuffer(1 << 20);
/** The same kernels as the emitted plain ones, for vectors of other widths. */
const interpreted = (lanes: Target["lanes"]): Partial<Kernels> => {
  const target = { ...wasmTarget(build32(false)), lanes };
  const kernels = defined.map((definition) => {
    let routine: Routine | undefined;
    const run = (...args: number[]) => {
      routine ??= definition.record(target);
      return interpret(routine, args, { heap: heap.buffer, near: ownMemory, scratch: 0 }, target);
    };
    return [definition.name, run];
  });
  return Object.fromEntries(kernels);
};
const kernelSets = {
  reference: allKernels(({ reference }) => reference(heap.float32, heap)),
  "wasm-plain": assembled.plain,
  "wasm-relaxed": assembled.relaxed,
  "emitted plain": { ...assembled.plain, ...emitted(false) },
  "emitted relaxed": { ...assembled.relaxed, ...emitted(true) },
  "wide plain": mirroredKernels(heap, "wasm-plain", () => usedBytes()),
  "wide relaxed": mirroredKernels(heap, "wasm-relaxed", () => usedBytes()),
  "8 lanes": interpreted(8),
  "16 lanes": interpreted(16),
};
const builds = ["wasm-plain", "wasm-relaxed"] as const;
/** What adds up, or multiplies, a row in another order than the assembled kernels do. */
const reordered: ReadonlySet<KernelName> = new Set([
  ...(["sum", "prod", "spread", "center", "addSquares", "crossEntropy", "crossEntropyGrad"] as const),
  ...(["softmax", "softmaxGrad", "logSoftmax", "logSoftmaxGrad", "logSumExp"] as const),
]);
/** What is defined in the kernel language, and whose bits it has. */
const emittedBuilds = [
  ["emitted plain", "wasm-plain"],
  ["emitted relaxed", "wasm-relaxed"],
] as const;
/** What takes 64-bit addresses, and whose bits it has. */
const wideBuilds = [
  ["wide plain", "wasm-plain"],
  ["wide relaxed", "wasm-relaxed"],
] as const;
const sizes = [0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 65, 127, 129];

/** The kernels for which the reference is fast enough: a decision, to be changed here. */
const withoutWasm: KernelName[] = [
  "adaptiveAvgPool",
  "adaptiveAvgPoolGrad",
  "addPowers",
  "arange",
  "cast",
  "checkLabels",
  "cumsum",
  "linspace",
  "normAndScale",
  "normal",
  "prodOthers",
  "uniform",
];

// ---- Blocks of memory, laid out anew for each call ----

const areaStart = heap.arena.allocate(4 << 20, "test") / 4;
const guard = 0x7f812345; // A NaN, so that what is read past an end shows in the results.
const gap = 5; // Odd, so that blocks begin at any place within a vector.
/** The end of the last area, in words. */
let areaEnd = areaStart;
const usedBytes = (): [number, number] => [4 * areaStart, 4 * areaEnd];

class Area {
  #next = areaStart;
  /** Words that the kernel may write: for these, `expected` and `got` need only agree. */
  readonly #writable = new Set<number>();

  input(values: Float32Array | Int32Array | Uint8Array): number {
    const start = this.#next + gap;
    this.#next = start + Math.ceil(values.byteLength / 4);
    areaEnd = this.#next + gap;
    heap.int32.fill(guard, start - gap, this.#next + gap);
    heap.uint8.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), start * 4);
    return start * 4;
  }

  /** A block to write to: with these values, or so many that the kernel must not read. */
  output(contents: number | Float32Array): number {
    const address = this.input(
      typeof contents === "number" ? new Float32Array(contents).fill(Number.NaN) : contents,
    );
    for (let word = address / 4; word < this.#next; word++) this.#writable.add(word);
    return address;
  }

  /** One float64 to add to. */
  double(value: number): number {
    if (this.#next % 2 === 0) this.#next++;
    return this.output(new Float32Array(Float64Array.of(value).buffer));
  }

  image(): Int32Array {
    return heap.int32.slice(areaStart, this.#next + gap);
  }

  restore(image: Int32Array): void {
    heap.int32.set(image, areaStart);
  }

  /** Where two images differ by more than `agree` allows. */
  differences(expected: Int32Array, got: Int32Array, agree: Agreement): string[] {
    const expectedFloats = new Float32Array(expected.buffer);
    const gotFloats = new Float32Array(got.buffer);
    const found: string[] = [];
    for (let i = 0; i < expected.length; i++) {
      if (expected[i] === got[i]) continue;
      const writable = this.#writable.has(areaStart + i);
      if (writable && agree(expectedFloats[i]!, gotFloats[i]!)) continue;
      found.push(
        `word ${i}: expected ${expectedFloats[i]}, got ${gotFloats[i]}${writable ? "" : ", no output"}`,
      );
    }
    return found;
  }
}

// ---- How results that differ in their bits may agree ----

type Agreement = (expected: number, got: number) => boolean;

/** There is one NaN, whatever its bits. */
const exactly: Agreement = (expected, got) => Number.isNaN(expected) && Number.isNaN(got);

const within =
  (bound: number): Agreement =>
  (expected, got) =>
    exactly(expected, got) || Math.abs(expected - got) <= bound;

/** Floats as integers that count up through them; both zeros are 0. */
function rankOf(x: number): number {
  const bits = new Int32Array(Float32Array.of(x).buffer)[0]!;
  return bits < 0 ? -0x80000000 - bits : bits;
}

const withinUlps =
  (ulps: number): Agreement =>
  (expected, got) =>
    exactly(expected, got) || Math.abs(rankOf(expected) - rankOf(got)) <= ulps;

/** Off by a part of the result, or by so much that it does not matter in the sums that it goes into. */
const near =
  (relative: number, absolute: number): Agreement =>
  (expected, got) =>
    exactly(expected, got) || Math.abs(expected - got) <= relative * Math.abs(expected) + absolute;

// ---- Numbers ----

/** A seeded generator of numbers in [0, 1) (mulberry32). */
function random(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function floats(n: number, seed: number, draw: (next: () => number) => number): Float32Array {
  const next = random(seed);
  return Float32Array.from({ length: n }, () => draw(next));
}

/** In ±4. */
const smooth = (n: number, seed: number) => floats(n, seed, (next) => 8 * next() - 4);

/** Multiples of 1/8 in ±4: sums of them are exact in any order. */
const dyadic = (n: number, seed: number) => floats(n, seed, (next) => Math.floor(65 * next() - 32) / 8);

/** The same, with an infinity or a NaN here and there. */
const dyadicOrNot = (n: number, seed: number) => {
  const strange = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  return dyadic(n, seed).map((x, i) => ((i * 7 + seed) % 23 === 0 ? strange[i % 3]! : x));
};

/** Powers of two with either sign, and a 0 now and then: products of them are exact in any order. */
const factors = (n: number, seed: number) =>
  dyadic(n, seed).map((x) => Math.sign(x) * 2 ** Math.sign(Math.trunc(x)));

const edges = [
  [
    0,
    1e-45,
    1e-40,
    1.1754942e-38,
    1.1754944e-38,
    1e-20,
    0.5,
    1,
    1.5,
    2,
    3.4028235e38,
    Number.POSITIVE_INFINITY,
  ],
  [
    88.72,
    88.73,
    87.33,
    87.34,
    103.97,
    103.98,
    104,
    150,
    1e10,
    16777216,
    Math.SQRT1_2,
    Math.SQRT2,
    Number.NaN,
  ],
].flatMap((list) => list.flatMap((x) => [x, -x]));

/** Numbers at which something changes, and ordinary ones. */
const hard = (n: number, seed: number) =>
  floats(n, seed, (next) => (next() < 0.5 ? edges[Math.floor(next() * edges.length)]! : 200 * next() - 100));

const positive = (n: number, seed: number) => hard(n, seed).map(Math.abs);

function indices(n: number, limit: number, seed: number): Int32Array {
  const next = random(seed);
  return Int32Array.from({ length: n }, () => Math.floor(next() * limit));
}

// ---- The rows: kernel, variant, and the arguments for a size n ----

interface Row {
  kernel: KernelName;
  variant?: string;
  args: (area: Area, n: number, seed: number) => number[];
  /** Bits are equal if absent. */
  agree?: (n: number) => Agreement;
}

/** Functions of one element, and by how many ulps the builds may be off. */
const unaryUlps: [KernelName, number][] = [
  ["neg", 0],
  ["abs", 0],
  ["sign", 0],
  ["square", 0],
  ["reciprocal", 0],
  ["sqrt", 0],
  ["rsqrt", 1],
  ["exp", 1],
  ["expm1", 2],
  ["log", 1],
  ["log1p", 2],
  ["sin", 1],
  ["cos", 1],
  ["erf", 2],
  ["relu", 0],
  ["tanh", 2],
  ["sigmoid", 2],
];

const unary: Row[] = unaryUlps.flatMap(([kernel, ulps]) => {
  const agree = ulps ? () => withinUlps(ulps) : () => exactly;
  const inPlace = (area: Area, n: number, seed: number) => {
    const x = area.output(hard(n, seed));
    return [n, x, x, 0, 0];
  };
  return [
    { kernel, agree, args: (area, n, seed) => [n, area.input(hard(n, seed)), area.output(n), 0, 0] },
    { kernel, agree, variant: "in place", args: inPlace },
  ];
});

const infinity = Number.POSITIVE_INFINITY;
/** Float32 numbers below this are denormal, with fewer bits than others. */
const denormal = 1.2e-38;

/** Activations with parameters, or made of two functions, by the parameters p and q. */
const activations: [name: ActivationName, p: number, q: number, value: Agreement, gradient: Agreement][] = [
  ["relu", 0, 0, exactly, exactly],
  ["leakyRelu", 0.01, 0, exactly, exactly],
  ["leakyRelu", -2, 0, exactly, exactly],
  ["elu", 1.3, 0, withinUlps(3), near(3e-7, denormal)],
  ["softplus", 1, 20, near(3e-7, denormal), near(3e-7, denormal)],
  // Half an ulp of p x, up to 30 here, is what the exponential makes of it.
  ["softplus", 0.3, 2, near(4e-6, denormal), near(4e-6, denormal)],
  ["tanh", 0, 0, withinUlps(2), exactly],
  ["sigmoid", 0, 0, withinUlps(2), exactly],
  // Differences to 1 (of s, erf x, tanh² u) lose bits where they are small; they are multiplied by x up to 5 or so.
  ["silu", 0, 0, near(3e-7, 1e-36), near(1e-6, 1e-6)],
  ["geluTanh", 0, 0, near(2e-7, 1e-6), near(1e-6, 4e-6)],
  ["clamp", -1.1, 0.1, exactly, exactly],
  ["clamp", -infinity, 0, exactly, exactly],
  ["clamp", 2, 1, exactly, exactly],
];

const activation: Row[] = activations.flatMap(([kernel, p, q, value, gradient]) => [
  {
    kernel,
    variant: `${p}, ${q}`,
    args: (area, n, seed) => [n, area.input(hard(n, seed)), area.output(n), p, q],
    agree: () => value,
  },
  {
    kernel: `${kernel}Grad`,
    variant: `${p}, ${q}`,
    args: (area, n, seed) => {
      // Gradients in ±4, so that an absolute error means something; any number that can be differentiated at.
      const dy = area.input(gradient === exactly ? hard(n, seed) : smooth(n, seed));
      return [n, dy, area.input(hard(n, seed + 1)), area.output(n), p, q];
    },
    agree: () => gradient,
  },
]);

const gelu: Row[] = [
  {
    kernel: "gelu",
    args: (area, n, seed) => [n, area.input(hard(n, seed)), area.output(n)],
    agree: () => near(2e-7, 1e-6),
  },
  {
    kernel: "geluGrad",
    args: (area, n, seed) => {
      const numbers = hard(n, seed + 1);
      const y = area.input(numbers.map((x) => x * 0.5 * (1 + erf(x * Math.SQRT1_2))));
      return [n, area.input(smooth(n, seed)), area.input(numbers), y, area.output(n)];
    },
    agree: () => near(1e-6, 1e-6),
  },
];

/** Row and column strides of both operands. */
const broadcasts: Record<string, (cols: number) => [number, number, number, number]> = {
  "equal shapes": (cols) => [cols, 1, cols, 1],
  "b is a row": (cols) => [cols, 1, 0, 1],
  "b is a column": (cols) => [cols, 1, 1, 0],
  "a is a row": (cols) => [0, 1, cols, 1],
  "a is a column": (cols) => [1, 0, cols, 1],
  "a is a number": (cols) => [0, 0, cols, 1],
  "two columns": () => [1, 0, 2, 0],
  "rows with gaps": (cols) => [cols + 3, 1, cols + 1, 1],
};

const ofTwo = [
  ...(["add", "sub", "mul", "div", "pow", "maximum", "minimum"] as const),
  ...(["equal", "notEqual", "less", "lessEqual", "greater", "greaterEqual"] as const),
];

const binary: Row[] = ofTwo.flatMap((kernel) =>
  Object.entries(broadcasts).flatMap(([name, strides]) =>
    [1, 3].flatMap((other) =>
      [true, false].map((wide) => ({
        kernel,
        variant: `${name}, ${wide ? `[${other},n]` : `[n,${other}]`}`,
        args: (area: Area, n: number, seed: number) => {
          const [rows, cols] = wide ? [other, n] : [n, other];
          const [aRow, aCol, bRow, bCol] = strides(cols);
          const length = (row: number, col: number) => rows * cols && (rows - 1) * row + (cols - 1) * col + 1;
          const a = area.input(hard(length(aRow, aCol), seed));
          const b = area.input(hard(length(bRow, bCol), seed + 1));
          return [rows, cols, a, aRow, aCol, b, bRow, bCol, area.output(rows * cols)];
        },
        ...(kernel === "pow" && { agree: () => withinUlps(1) }),
      })),
    ),
  ),
);

/** Row and column strides of three operands; one that repeats a row, a column or a number has a stride of 0. */
const ternary: Row[] = [0, 1].flatMap((aCol) =>
  [0, 1].flatMap((bCol) =>
    [0, 1].flatMap((cCol) =>
      [1, 3].map((rows): Row => {
        return {
          kernel: "where",
          variant: `${rows} rows, column strides ${aCol}, ${bCol}, ${cCol}`,
          args: (area, n, seed) => {
            const condition = dyadic(2 * rows * n + 1, seed).map((x) => Math.trunc(x));
            const a = [area.input(condition), aCol * n, aCol];
            const b = [area.input(hard(rows * (n + 1), seed + 1)), bCol * (n + 1), bCol];
            const c = [area.input(hard(rows * n + 1, seed + 2)), cCol && rows > 1 ? n : 1, cCol];
            return [rows, n, ...a, ...b, ...c, area.output(rows * n)];
          },
        };
      }),
    ),
  ),
);

/** Sizes of four axes, strides to read and to write them by; contiguous if there are none to write by. */
const copies: Record<string, (n: number) => { shape: number[]; strides: number[]; to?: number[] }> = {
  contiguous: (n) => ({ shape: [1, 1, 1, n], strides: [0, 0, 0, 1] }),
  repeated: (n) => ({ shape: [1, 1, 3, n], strides: [0, 0, 1, 0] }),
  transposed: (n) => ({ shape: [1, 1, n, 5], strides: [0, 0, 1, n] }),
  "transposed, long": (n) => ({ shape: [1, 2, 7, n], strides: [0, 3, 1, 9] }),
  "transposed, into part of a matrix": (n) => ({
    shape: [1, 2, n, 18],
    strides: [0, 18 * n, 1, n],
    to: [0, 20 * n, 20, 1],
  }),
  "transposed, backwards": (n) => ({ shape: [1, 1, n, 6], strides: [0, 0, 1, -n], to: [0, 0, -7, 1] }),
  "with gaps": (n) => ({ shape: [1, 2, 3, n], strides: [0, 9 * n + 4, 3 * n + 1, 2] }),
  "rows with gaps": (n) => ({ shape: [2, 1, 3, n], strides: [5 * n + 9, 0, n + 2, 1] }),
  backwards: (n) => ({ shape: [1, 1, 3, n], strides: [0, 0, -n, -1] }),
  "rows backwards": (n) => ({ shape: [2, 1, 3, n], strides: [3 * n, 0, -n, 1] }),
  "n outermost": (n) => ({ shape: [n, 2, 1, 3], strides: [1, 3 * n, 0, n] }),
  "into rows with gaps": (n) => ({
    shape: [1, 2, 3, n],
    strides: [0, 3 * n, n, 1],
    to: [0, 4 * n + 9, n + 1, 1],
  }),
  "into every second": (n) => ({ shape: [1, 1, 3, n], strides: [0, 0, n, 1], to: [0, 0, 2 * n, 2] }),
  "repeated into columns": (n) => ({ shape: [1, 1, 3, n], strides: [0, 0, 1, 0], to: [0, 0, 1, 3] }),
};

/** Places in front of the first element and behind it that a walk reaches. */
function reachOf(shape: number[], strides: number[]): [before: number, after: number] {
  const size = shape.reduce((a, b) => a * b);
  const reach = shape.map((length, axis) => (size && length - 1) * strides[axis]!);
  return [
    -reach.reduce((sum, r) => sum + Math.min(r, 0), 0),
    reach.reduce((sum, r) => sum + Math.max(r, 0), 0),
  ];
}

const copy: Row[] = Object.entries(copies).map(([variant, layout]) => ({
  kernel: "copy",
  variant,
  args: (area, n, seed) => {
    const { shape, strides, to = contiguousStrides(layout(n).shape) } = layout(n);
    const [before, after] = reachOf(shape, strides);
    const x = area.input(hard(before + after + 1, seed)) + 4 * before;
    const [front, back] = reachOf(shape, to);
    const y = area.output(front + back + 1) + 4 * front;
    return [...shape, x, ...strides, y, ...to];
  },
}));

const band: Row[] = [
  [0, 0],
  [-1, 2],
  [-200, 0],
  [1, 200],
  [-200, 200],
  [3, 1],
  [-9, -5],
].flatMap(([low, high]) =>
  [(n: number) => [2, 5, n], (n: number) => [1, n, 6]].map((sizes, i) => ({
    kernel: "band" as const,
    variant: `${low} to ${high}, ${i ? "tall" : "wide"}`,
    args: (area: Area, n: number, seed: number) => {
      const [batch, rows, cols] = sizes(n) as [number, number, number];
      const size = batch * rows * cols;
      return [batch, rows, cols, low!, high!, area.input(hard(size, seed)), area.output(size)];
    },
  })),
);

const fill: Row[] = [0, -0, 0.1, 1e-45, Number.NaN, Number.NEGATIVE_INFINITY].map((value) => ({
  kernel: "fill",
  variant: String(value),
  args: (area, n) => [n, value, area.output(n)],
}));

/** [outer, length, inner] of reductions. */
const reductions: Record<string, (n: number) => [number, number, number]> = {
  "a row": (n) => [1, n, 1],
  "each row": (n) => [3, n, 1],
  "many rows": (n) => [n, 2, 1],
  "the middle axis": (n) => [2, n, 11],
  "to n": (n) => [2, 3, n],
};

/** Whether the mean is taken off, what is divided by, whether the root is taken. */
const spreads = [
  [0, 1, 1],
  [1, 3, 0],
  [1, 0, 1],
] as const;

/** Arguments of a kernel that writes as many elements as it reads. */
const inPlaces =
  (shape: (n: number) => [number, number, number], numbers: typeof hard) =>
  (area: Area, n: number, seed: number) => {
    const [outer, length, inner] = shape(n);
    const x = area.input(numbers(outer * length * inner, seed));
    return [outer, length, inner, x, area.output(outer * length * inner)];
  };

const reduce: Row[] = Object.entries(reductions).flatMap(([variant, shape]) => {
  const args = (numbers: typeof hard) => (area: Area, n: number, seed: number) => {
    const [outer, length, inner] = shape(n);
    const x = area.input(numbers(outer * length * inner, seed));
    return [outer, length, inner, x, area.output(outer * inner)];
  };
  // What any order of additions may lose: length times half an ulp of the sum of all |x| ≤ 4.
  const anyOrder = (n: number) => within(shape(n)[1] ** 2 * 4 * 2 ** -24);
  return [
    { kernel: "max", variant, args: args(hard) },
    { kernel: "min", variant, args: args(hard) },
    { kernel: "sum", variant: `${variant}, exact`, args: args(dyadicOrNot) },
    { kernel: "sum", variant, args: args(smooth), agree: anyOrder },
    ...spreads.map(([centered, divisor, root]) => ({
      kernel: "spread" as const,
      variant: `${variant}, centered ${centered}, divisor ${divisor}, root ${root}`,
      args: (area: Area, n: number, seed: number) => {
        return [...args(centered ? dyadic : dyadicOrNot)(area, n, seed), centered, divisor, root];
      },
      agree: () => near(2 ** -23, 0),
    })),
    { kernel: "center", variant, args: inPlaces(shape, smooth), agree: () => withinUlps(1) },
    {
      kernel: "center",
      variant: `${variant}, NaN`,
      args: inPlaces(shape, dyadicOrNot),
      agree: () => withinUlps(1),
    },
    { kernel: "prod", variant, args: args(factors) },
    ...(["argmax", "argmin"] as const).flatMap((kernel) => [
      { kernel, variant: `${variant}, ties`, args: args(dyadic) },
      { kernel, variant: `${variant}, NaN`, args: args(dyadicOrNot) },
    ]),
  ] satisfies Row[];
});

const rowShapes: Record<string, (n: number) => [number, number]> = {
  "[3,n]": (n) => [3, n],
  "[n,3]": (n) => [n, 3],
  "[n,17]": (n) => [n, 17],
};

/** Numbers, and a power of two above the largest result. */
const logits: [string, typeof smooth, number][] = [
  ["smooth", smooth, 16],
  [
    "masked",
    (n, seed) =>
      smooth(n, seed).map((x, i) =>
        i % 5 === 1 ? Number.NEGATIVE_INFINITY : i % 101 === 77 ? Number.NaN : 20 * x,
      ),
    256,
  ],
  ["infinite", (n, seed) => smooth(n, seed).map((x, i) => (i % 7 === 3 ? Number.POSITIVE_INFINITY : x)), 16],
];

/** The kernel, how many elements it writes for a row, and how far it may be off for a row of n numbers. */
const softmaxes: [KernelName, (cols: number) => number, (n: number, largest: number) => number][] = [
  // An exponential, a sum of n of them, a quotient.
  ["softmax", (cols) => cols, (n) => n + 8],
  // Two subtractions, each off by half an ulp, and the logarithm of a sum of n exponentials.
  ["logSoftmax", (cols) => cols, (n, largest) => 2 * largest + n + 8],
  ["logSumExp", () => 1, (n, largest) => 2 * largest + n + 8],
];

const softmax: Row[] = Object.entries(rowShapes).flatMap(([shape, sizesOf]) =>
  logits.flatMap(([name, draw, largest]) =>
    softmaxes.map(([kernel, written, ulps]) => ({
      kernel,
      variant: `${shape}, ${name}`,
      args: (area, n, seed) => {
        const [rows, cols] = sizesOf(n);
        return [rows, cols, area.input(draw(rows * cols, seed)), area.output(rows * written(cols))];
      },
      agree: (n) => within(ulps(n, largest) * 2 ** -24),
    })),
  ),
);

const softmaxGrads: Row[] = Object.entries(rowShapes).flatMap(([variant, sizesOf]) => {
  const args = (most: number) => (area: Area, n: number, seed: number) => {
    const [rows, cols] = sizesOf(n);
    const size = rows * cols;
    // Probabilities, or their logarithms; that they do not add up to 1 does not matter here.
    const y = floats(size, seed, (next) => (most === 1 ? next() : -8 * next()));
    return [rows, cols, area.input(smooth(size, seed + 1)), area.input(y), area.output(size)];
  };
  // A sum of n products below 4, and a product with it.
  const agree = (n: number) => within(4 * Math.max(n, 17) ** 2 * 2 ** -24);
  return [
    { kernel: "softmaxGrad", variant, args: args(1), agree },
    { kernel: "logSoftmaxGrad", variant, args: args(0), agree },
  ];
});

const indexed = Object.entries(rowShapes).flatMap(([variant, sizesOf]): Row[] => {
  const places = (area: Area, n: number, limit: number, seed: number) => area.input(indices(n, limit, seed));
  const row = (
    kernel: KernelName,
    args: (area: Area, rows: number, cols: number, seed: number) => number[],
  ): Row => ({
    kernel,
    variant,
    args: (area, n, seed) => args(area, ...sizesOf(n), seed),
  });
  return [
    row("pick", (area, rows, cols, seed) => {
      const count = cols && rows; // no columns, no indices
      const x = area.input(hard(rows * cols, seed));
      return [count, cols, x, places(area, count, cols, seed), area.output(count)];
    }),
    row("place", (area, rows, cols, seed) => {
      const count = cols && rows;
      const dy = area.input(hard(count, seed));
      return [count, cols, dy, places(area, count, cols, seed), area.output(count * cols)];
    }),
    row("gather", (area, rows, cols, seed) => {
      const x = area.input(hard(6 * cols, seed));
      return [rows, cols, x, places(area, rows, 6, seed), area.output(rows * cols)];
    }),
    row("scatterAdd", (area, rows, cols, seed) => {
      const x = area.input(hard(rows * cols, seed));
      return [rows, cols, x, places(area, rows, 3, seed), area.output(hard(3 * cols, seed + 1))];
    }),
    row("gatherUint8", (area, rows, cols, seed) => {
      const x = area.input(Uint8Array.from(indices(6 * cols + 1, 256, seed))) + 1; // bytes begin anywhere
      return [rows, cols, x, places(area, rows, 6, seed), 1 / 255, -0.1307, area.output(rows * cols)];
    }),
  ];
});

/** Labels, some of which are ignored (-1), and one here and there that is no class. */
const labels = (n: number, classes: number, seed: number) =>
  indices(n, classes, seed).map((label, i) =>
    (i + seed) % 7 === 0 ? -1 : (i + seed) % 43 === 5 ? classes : label,
  );

const losses = Object.entries(rowShapes).flatMap(([shape, sizesOf]): Row[] => {
  const valid = (n: number, classes: number, seed: number) =>
    labels(n, classes, seed).map((label) => (label < classes ? label : -1));
  const fused = logits.flatMap(([name, draw, largest]) =>
    [0, 0.125].flatMap((smoothing): Row[] => {
      // As for logSoftmax; smoothing adds a mean of differences. Infinite logits are kept out of that.
      const variant = `${shape}, ${name}, smoothing ${smoothing}`;
      const bound = (2 * largest + 24) * (smoothing === 0 ? 1 : 8);
      const agree = (n: number) => within((bound + sizesOf(n)[1] + 8) * 2 ** -24);
      const inputs = (area: Area, n: number, seed: number) => {
        const [rows, cols] = sizesOf(n);
        const x = draw(rows * cols, seed).map((value) => (smoothing && value < -1e9 ? -99 : value));
        return { rows, cols, x: area.input(x), labels: area.input(labels(rows, cols, seed)) };
      };
      return [
        {
          kernel: "crossEntropy",
          variant,
          agree,
          args: (area, n, seed) => {
            const { rows, cols, x, labels } = inputs(area, n, seed);
            return [rows, cols, x, labels, -1, smoothing, area.output(4 * rows)];
          },
        },
        ...[0, 1].map(
          (step): Row => ({
            kernel: "crossEntropyGrad",
            variant: `${variant}, ${step ? "a gradient each" : "one gradient"}`,
            agree,
            args: (area, n, seed) => {
              const { rows, cols, x, labels } = inputs(area, n, seed);
              const dy = area.input(smooth(step ? rows : 1, seed + 1));
              // As if from other logits, not larger by much.
              const saved = area.input(smooth(4 * rows, seed + 2).map((value) => (value + largest) / 6));
              return [rows, cols, dy, step, x, labels, -1, smoothing, saved, area.output(rows * cols)];
            },
          }),
        ),
      ];
    }),
  );
  const rowOf = (kernel: KernelName, args: Row["args"], variant = shape): Row => ({ kernel, variant, args });
  return [
    ...fused,
    rowOf("nll", (area, n, seed) => {
      const [rows, cols] = sizesOf(n);
      const x = area.input(hard(rows * cols, seed));
      return [rows, cols, x, area.input(valid(rows, cols, seed)), -1, area.output(rows)];
    }),
    rowOf("nllGrad", (area, n, seed) => {
      const [rows, cols] = sizesOf(n);
      const dy = area.input(hard(rows, seed));
      return [rows, cols, dy, area.input(valid(rows, cols, seed)), -1, area.output(rows * cols)];
    }),
    ...[true, false].map((weighted) =>
      rowOf(
        "labelWeights",
        (area, n, seed) => {
          const [rows, cols] = sizesOf(n);
          const weight = weighted ? area.input(hard(cols, seed)) : 0;
          return [rows, -1, area.input(valid(rows, cols, seed)), weight, area.output(rows)];
        },
        `${shape}, ${weighted ? "weighted" : "plain"}`,
      ),
    ),
  ];
});

const flatIndex: Row[] = [
  { strides: [0, 6, 2, 1], steps: [100, 0, 20, 3] },
  { strides: [1, 0, 0, -1], steps: [0, 7, 0, 0] },
].flatMap(({ strides, steps }, variant) =>
  [(n: number) => [1, 2, 3, n], (n: number) => [n, 1, 2, 3]].map((sizes) => ({
    kernel: "flatIndex" as const,
    variant: String(variant),
    args: (area: Area, n: number, seed: number) => {
      const shape = sizes(n);
      const [before, after] = reachOf(shape, strides);
      const index = area.input(indices(before + after + 1, 1000, seed)) + 4 * before;
      const y = area.output(shape.reduce((a, b) => a * b));
      return [...shape, index, ...strides, 50, 7, ...steps, y];
    },
  })),
);

const weightTables = [
  [1],
  [0],
  [],
  [0.5, 0.5],
  [0.3, 0, 0.7],
  [0, 0.1, 0.2, 0.3, 0.4],
  [0, 0, 0],
  [1, 0.5, 0, 1, 0.25, 0, 0, 1, 2, 0, 1],
];

const training: Row[] = [
  ...weightTables.map(
    (weights): Row => ({
      kernel: "average",
      variant: `weights ${weights}`,
      args: (area, n, seed) => {
        const x = area.input(hard(weights.length * (n + 3), seed));
        const slots = area.input(Int32Array.from(weights, (_, s) => (s * 5) % weights.length));
        return [
          n,
          weights.length,
          x,
          slots,
          n + 3,
          area.input(Float32Array.from(weights)),
          0.3,
          area.output(n),
        ];
      },
    }),
  ),
  {
    kernel: "ema",
    args: (area, n, seed) => {
      const w = area.input(hard(n, seed));
      return [n, w, area.output(hard(n, seed + 1)), area.input(Float32Array.of(0.9, 0.1))];
    },
  },
  {
    kernel: "clip",
    args: (area, n, seed) => [n, 0.5, area.output(hard(n, seed))],
  },
  ...[dyadicOrNot, dyadic].map(
    (draw): Row => ({
      kernel: "addSquares",
      args: (area, n, seed) => {
        const x = area.input(draw(n, seed));
        return [n, x, area.double(10)];
      },
    }),
  ),
];

/** An optimizer's rows: what its state tensors hold, if they are there, and its cells. */
const update = (
  kernel: KernelName,
  variants: readonly [name: string, states: readonly (typeof hard | null)[], cells: readonly number[]][],
): Row[] =>
  variants.map(([variant, states, cells]) => ({
    kernel,
    variant,
    args: (area, n, seed) => {
      const w = area.output(hard(n, seed));
      const g = area.input(hard(n, seed + 1));
      const addresses = states.map((draw, i) => (draw ? area.output(draw(n, seed + 2 + i)) : 0));
      return [n, w, g, ...addresses, area.input(Float32Array.from(cells))];
    },
  }));

const optimizers: Row[] = [
  ...update("sgd", [
    ["plain", [null], [0.1, 0, 1, 0, 0]],
    ["decay", [null], [0.1, 0, 1, 0.01, 0]],
    ["momentum", [hard], [0.1, 0.9, 1, 0, 0]],
    ["dampening, decay", [hard], [0.1, 0.9, 0.7, 0.01, 0]],
    ["Nesterov", [hard], [0.1, 0.9, 1, 0.01, 1]],
  ]),
  ...update("adam", [
    ["plain", [hard, positive], [0.9, 0.1, 0.999, 0.001, 0.01, 3.2, 1e-8, 0, 1]],
    ["decay", [hard, positive], [0.9, 0.1, 0.999, 0.001, 0.01, 3.2, 1e-8, 0.01, 1]],
    ["decoupled decay", [hard, positive], [0.9, 0.1, 0.999, 0.001, 0.01, 3.2, 1e-8, 0, 0.999]],
  ]),
  ...update("rmsProp", [
    ["plain", [positive, null, null], [0.1, 0.99, 0.01, 1e-8, 0, 0]],
    ["momentum, decay", [positive, null, hard], [0.1, 0.99, 0.01, 1e-8, 0.9, 0.01]],
    ["centred", [positive, hard, null], [0.1, 0.99, 0.01, 1e-8, 0, 0]],
    ["centred, momentum, decay", [positive, hard, hard], [0.1, 0.99, 0.01, 1e-8, 0.9, 0.01]],
  ]),
  ...update("adagrad", [
    ["plain", [positive], [0.1, 1e-10, 0]],
    ["decay", [positive], [0.1, 1e-10, 0.01]],
  ]),
  ...update("lion", [
    ["plain", [hard], [0.1, 0.9, 0.1, 0.99, 0.01, 1]],
    ["decay", [hard], [0.1, 0.9, 0.1, 0.99, 0.01, 0.999]],
  ]),
];

const rows: Row[] = [
  ...[...unary, ...activation, ...gelu, ...binary, ...ternary, ...copy, ...band, ...fill],
  ...[
    ...reduce,
    ...softmax,
    ...softmaxGrads,
    ...indexed,
    ...flatIndex,
    ...training,
    ...optimizers,
    ...losses,
  ],
];

// ---- The tests ----

type AnyKernel = (...args: number[]) => unknown;
type KernelSetName = keyof typeof kernelSets;
const kernelOf = (set: KernelSetName, name: KernelName) => kernelSets[set][name] as AnyKernel;

test.each(builds)("%s has all kernels but those of the list", (build) => {
  const missing = Object.keys(kernelSets.reference).filter((name) => !(name in kernelSets[build]));
  expect(missing.sort()).toEqual(withoutWasm);
});

/** What reference/*.test.ts compare. */
const elsewhere: KernelName[] = [
  ...(["maskedSoftmax", "maskedSoftmaxGrad", "dropoutMask", "dropout"] as const),
  ...(["rowNorm", "rowNormGrad", "rowNormGradWeight"] as const),
  ...(["channelMoments", "channelAffine", "channelDot", "channelCombine"] as const),
  ...(["lstmCell", "lstmCellGrad", "gruCell", "gruCellGrad"] as const),
  ...(["convolve", "convolveInput", "convolveWeight", "convolveScratch", "im2col", "col2im"] as const),
  ...(["maxPool", "gatherPlane", "scatterPlane", "avgPool", "avgPoolGrad"] as const),
];

test.each(builds)("every function of %s is a kernel with rows here", (build) => {
  const covered = new Set<string>([...rows.map(({ kernel }) => kernel), ...elsewhere, "gemm", "checkIndex"]);
  const functions = Object.entries(kernelSets[build]).filter(([, value]) => typeof value === "function");
  expect(functions.map(([name]) => name).filter((name) => !covered.has(name))).toEqual([]);
});

test.each(["reference", ...builds] as const)(
  "checkIndex of %s finds the first index that is outside",
  (set) => {
    const area = new Area();
    for (const n of sizes) {
      for (const bad of [5, -1, 2 ** 31 - 1, -(2 ** 31)]) {
        for (const at of new Set([0, n >> 1, n - 1])) {
          const values = indices(n, 5, n);
          expect(kernelOf(set, "checkIndex")(n, 5, area.input(values))).toBe(-1);
          if (n === 0) continue;
          values.fill(bad, at);
          expect(kernelOf(set, "checkIndex")(n, 5, area.input(values))).toBe(at);
        }
      }
    }
  },
);

/** Runs a row with two sets of kernels, which must agree. */
function compareSets(sets: [KernelSetName, KernelSetName], row: Row, n: number, seed: number): void {
  const { kernel, args, agree, variant = "" } = row;
  const area = new Area();
  const list = args(area, n, seed);
  const before = area.image();
  kernelOf(sets[0], kernel)(...list);
  const expected = area.image();
  area.restore(before);
  kernelOf(sets[1], kernel)(...list);
  const differences = area.differences(expected, area.image(), agree?.(n) ?? exactly);
  expect(differences.slice(0, 5), `${kernel} ${variant}, n = ${n}, seed ${seed}`).toEqual([]);
}

describe.each(emittedBuilds)("%s has the bits of %s", (emittedBuild, build) => {
  const own = rows.filter(({ kernel }) => defined.some(({ name }) => name === kernel));
  test.each([...new Set(own.map(({ kernel }) => kernel))])("%s", (kernel) => {
    for (const row of own.filter((row) => row.kernel === kernel)) {
      const { agree: _, ...exact } = row;
      const compare = (n: number) =>
        reordered.has(kernel)
          ? compareSets(["reference", emittedBuild], row, n, n)
          : compareSets([build, emittedBuild], exact, n, n);
      for (const n of sizes) compare(n);
      compare(1500);
    }
  });
});

describe.each(wideBuilds)("%s has the bits of %s", (wide, build) => {
  test("in all kernels", () => {
    expect(Object.keys(kernelSets[wide]).sort()).toEqual(Object.keys(kernelSets[build]).sort());
  });

  test.each([...new Set(rows.map(({ kernel }) => kernel))])("%s", (kernel) => {
    for (const { agree: _, ...row } of rows.filter((row) => row.kernel === kernel))
      for (const n of [...sizes, 1500]) compareSets([build, wide], row, n, n);
  });
});

test.each(["8 lanes", "16 lanes"] as const)(
  "with %s, all rows have the bits of the emitted kernels",
  (set) => {
    for (const { agree: _, ...row } of rows.filter(({ kernel }) => kernel in kernelSets[set]))
      for (const n of [7, 35]) compareSets(["emitted plain", set], row, n, n);
  },
);

describe.each(builds)("%s", (build) => {
  const compare = (row: Row, n: number, seed: number) => compareSets(["reference", build], row, n, seed);

  test.each([...new Set(rows.map(({ kernel }) => kernel))])("%s", (kernel) => {
    for (const row of rows.filter((row) => row.kernel === kernel)) {
      for (const n of sizes) for (const seed of [1, 2, 3]) compare(row, n, 1000 * seed + n);
      compare(row, 1500, 9);
    }
  });

  test.each(["sum", "spread"] as const)("%s of very many rows, and of very many columns", (kernel) => {
    const more = kernel === "spread" ? [1, 7, 0] : [];
    const args = (length: number) => (area: Area, n: number, seed: number) => {
      const x = area.input(dyadic(2 * length * n, seed));
      return [2, length, n, x, area.output(2 * n), ...more];
    };
    const agree = () => near(kernel === "spread" ? 2 ** -23 : 0, 0);
    for (const n of [2, 3, 4, 7, 16, 21, 39]) compare({ kernel, args: args(8195), agree }, n, n);
    for (const n of [1023, 1024, 1025, 3001]) compare({ kernel, args: args(19), agree }, n, n);
  });

  test.each(unary.filter(({ variant }) => !variant))("$kernel over the whole range", ({ kernel, agree }) => {
    const bits = Int32Array.from({ length: 2 ** 17 }, (_, i) => (i << 15) + ((i * 7919) & 0x7fff));
    const args = (area: Area, n: number) => [n, area.input(bits), area.output(n)];
    compare({ kernel, args, ...(agree && { agree }) }, bits.length, 0);
  });
});

describe.each(["reference", ...builds, "emitted plain"] as const)(
  "%s: cutting the range anywhere gives the same bits",
  (set) => {
    /** Arguments that are addresses of the elements, and move with the start of a piece. */
    const movingArguments = {
      average: [2, 7],
      ema: [1, 2],
      sgd: [1, 2, 3],
      adam: [1, 2, 3, 4],
      rmsProp: [1, 2, 3, 4, 5],
      adagrad: [1, 2, 3],
      lion: [1, 2, 3],
    };

    test.each(rows.filter(({ kernel }) => kernel in movingArguments))(
      "$kernel, $variant",
      ({ kernel, args }) => {
        const run = kernelOf(set, kernel);
        const moving = movingArguments[kernel as keyof typeof movingArguments];
        fc.assert(
          fc.property(
            fc.array(fc.integer({ min: 0, max: 700 }), { minLength: 1, maxLength: 6 }),
            (lengths) => {
              const n = lengths.reduce((a, b) => a + b);
              const area = new Area();
              const list = args(area, n, n);
              const before = area.image();
              run(...list);
              const whole = area.image();
              area.restore(before);
              let start = 0;
              for (const length of lengths) {
                const from = 4 * start;
                run(
                  length,
                  ...list
                    .slice(1)
                    .map((value, i) => (value && moving.includes(i + 1) ? value + from : value)),
                );
                start += length;
              }
              expect(area.differences(whole, area.image(), exactly)).toEqual([]);
            },
          ),
          { seed: 1, numRuns: 40 },
        );
      },
    );
  },
);
