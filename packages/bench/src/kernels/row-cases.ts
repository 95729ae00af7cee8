// All kernels but products: they are limited by memory. Measures numbers that fit the cache, and more than fit.
import { arange } from "@shardgrad/core";
import type { Kernels } from "@shardgrad/core/engine";
import type { KernelCase } from "./kernel-case.ts";
import { blank, bytesPerFloat, labels, normal } from "./kernel-case.ts";

/** 64 KiB per operand, and 16 MiB. */
const lengths = [2 ** 14, 2 ** 22];
const eps = 1e-5;

/** How many of the operands' elements are read and written. */
function vectorCase(
  kernel: string,
  touched: number,
  n: number,
  make: (n: number) => (kernels: Kernels) => () => void,
): KernelCase {
  const work = { bytes: touched * n * bytesPerFloat };
  return { kernel, shape: n.toLocaleString("en-US"), work, make: () => make(n) };
}

const vectorCases = lengths.flatMap((length) => [
  vectorCase("add", 3, length, (n) => {
    const [a, b, y] = [normal(n), normal(n), blank(n)];
    return ({ add }) =>
      () =>
        add(1, n, a, 0, 1, b, 0, 1, y);
  }),
  vectorCase("relu", 2, length, (n) => {
    const [x, y] = [normal(n), blank(n)];
    return ({ relu }) =>
      () =>
        relu(n, x, y, 0, 0);
  }),
  vectorCase("gelu", 2, length, (n) => {
    const [x, y] = [normal(n), blank(n)];
    return ({ gelu }) =>
      () =>
        gelu(n, x, y);
  }),
  vectorCase("gelu gradient", 4, length, (n) => {
    const [dy, x, y, dx] = [normal(n), normal(n), blank(n), blank(n)];
    return ({ gelu, geluGrad }) => {
      gelu(n, x, y);
      return () => geluGrad(n, dy, x, y, dx);
    };
  }),
  vectorCase("SGD", 3, length, (n) => {
    const [w, g, cells] = [normal(n), normal(n), blank(16)];
    return ({ sgd }) =>
      () =>
        sgd(n, w, g, 0, cells);
  }),
  vectorCase("Adam", 7, length, (n) => {
    const [w, g, m, v, cells] = [normal(n), normal(n), blank(n), blank(n), blank(16)];
    return ({ adam }) =>
      () =>
        adam(n, w, g, m, v, cells);
  }),
  ...[2, 4].map((shards) =>
    vectorCase(`average of ${shards}`, shards + 1, length, (n) => {
      const [x, weights, y] = [normal(shards, n), normal(shards), blank(n)];
      const slots = arange(shards, { dtype: "int32" }).address;
      return ({ average }) =>
        () =>
          average(n, shards, x, slots, n, weights, 1, y);
    }),
  ),
]);

function rowCase(
  kernel: string,
  touched: number,
  [rows, cols]: readonly [number, number],
  make: (rows: number, cols: number) => (kernels: Kernels) => () => void,
): KernelCase {
  const work = { bytes: touched * rows * cols * bytesPerFloat };
  return { kernel, shape: `${rows}×${cols}`, work, make: () => make(rows, cols) };
}

/** Rows of the transformers in the zoo. */
const normRows = [768, 128] as const;
const largeNormRows = [2048, 256] as const;
const rowCases = [
  ...[normRows, largeNormRows].flatMap((shape) => [
    rowCase("layer norm", 2, shape, (rows, cols) => {
      const [x, w, b, y] = [normal(rows, cols), normal(cols), normal(cols), blank(rows, cols)];
      return ({ rowNorm }) =>
        () =>
          rowNorm(rows, cols, eps, 1, x, w, b, y);
    }),
    rowCase("layer norm gradient", 3, shape, (rows, cols) => {
      const [dy, x, w, dx] = [normal(rows, cols), normal(rows, cols), normal(cols), blank(rows, cols)];
      return ({ rowNormGrad }) =>
        () =>
          rowNormGrad(rows, cols, eps, 1, dy, x, w, dx);
    }),
  ]),
  ...(
    [
      [48 * 64, 64],
      [128 * 128, 128],
    ] as const
  ).flatMap((shape) => [
    rowCase("softmax", 2, shape, (rows, cols) => {
      const [x, y] = [normal(rows, cols), blank(rows, cols)];
      return ({ softmax }) =>
        () =>
          softmax(rows, cols, x, y);
    }),
    rowCase("softmax gradient", 3, shape, (rows, cols) => {
      const [dy, y, dx] = [normal(rows, cols), normal(rows, cols), blank(rows, cols)];
      return ({ softmaxGrad }) =>
        () =>
          softmaxGrad(rows, cols, dy, y, dx);
    }),
  ]),
  ...(
    [
      [256, 10],
      [2048, 65],
    ] as const
  ).flatMap((shape) => [
    rowCase("cross-entropy", 1, shape, (rows, cols) => {
      const [x, y, classes] = [normal(rows, cols), blank(4, rows), labels(rows, cols)];
      return ({ crossEntropy }) =>
        () =>
          crossEntropy(rows, cols, x, classes, -100, 0, y);
    }),
    rowCase("cross-entropy gradient", 2, shape, (rows, cols) => {
      const [x, saved, classes] = [normal(rows, cols), blank(4, rows), labels(rows, cols)];
      const [dy, dx] = [normal(1), blank(rows, cols)];
      return ({ crossEntropyGrad }) => {
        return () => crossEntropyGrad(rows, cols, dy, 0, x, classes, -100, 0, saved, dx);
      };
    }),
  ]),
];

/** Channels, side and padding of the input, filters: kernels of 5 × 5, moved by 1. */
function convolutionsOf(c: number, side: number, padding: number, filters: number): KernelCase[] {
  const n = 128;
  const out = side + 2 * padding - 4;
  const sizes = [c, side, side, filters, 5, 5, out, out, 1, 1, padding, padding, 1, 1] as const;
  const shape = `${n}×${c}×${side}×${side} to ${filters}`;
  const work = { flops: 2 * n * filters * out * out * c * 25 };
  const tensors = () => ({
    x: normal(n, c, side, side),
    w: normal(filters, c, 5, 5),
    y: normal(n, filters, out, out),
  });
  /** Each kernel set has its own scratch size. */
  const room = ({ convolveScratch }: Kernels, direction: number) =>
    blank(Math.ceil((convolveScratch(direction, ...sizes) >>> 0) / bytesPerFloat));
  return [
    {
      kernel: "convolution",
      shape,
      work,
      make: () => (kernels) => {
        const [{ x, w, y }, space] = [tensors(), room(kernels, 0)];
        return () => kernels.convolve(n, 1, ...sizes, x, w, 0, y, space);
      },
    },
    {
      kernel: "convolution dx",
      shape,
      work,
      make: () => (kernels) => {
        const [{ x, w, y }, space] = [tensors(), room(kernels, 1)];
        return () => kernels.convolveInput(n, 1, ...sizes, y, w, x, space);
      },
    },
    {
      kernel: "convolution dw",
      shape,
      work,
      make: () => (kernels) => {
        const [{ x, w, y }, space] = [tensors(), room(kernels, 2)];
        return () => kernels.convolveWeight(n, 1, ...sizes, x, y, w, space);
      },
    },
  ];
}

export const memoryCases: readonly KernelCase[] = [...vectorCases, ...rowCases];

/** LeNet-5's. */
export const convolutionCases: readonly KernelCase[] = [
  ...convolutionsOf(1, 28, 2, 6),
  ...convolutionsOf(6, 14, 0, 16),
];
