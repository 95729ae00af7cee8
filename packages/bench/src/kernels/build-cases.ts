// Calls of kernels with the sizes of networks, for comparing builds of the kernels: all that a build has, short rows and
// tails among them.
import { arange, ones, rand } from "@shardgrad/core";
import { blank, labels, normal } from "./kernel-case.ts";

/** A call: the same arguments go to each build. */
export interface BuildCase {
  readonly kernel: string;
  readonly shape: string;
  /** Allocates, and returns the arguments. */
  args(): number[];
}

const lengths = [61, 4096, 2 ** 18];

/** One case for each length; `args` gets it. */
const ofLength = (kernels: readonly string[], args: (n: number, kernel: string) => number[]): BuildCase[] =>
  kernels.flatMap((kernel) =>
    lengths.map((n) => ({ kernel, shape: String(n), args: () => args(n, kernel) })),
  );

const rowSizes = [
  [128, 10],
  [64, 64],
  [32, 1000],
] as const;
const ofRows = (
  kernels: readonly string[],
  args: (rows: number, cols: number, kernel: string) => number[],
): BuildCase[] =>
  kernels.flatMap((kernel) =>
    rowSizes.map(([rows, cols]) => ({
      kernel,
      shape: `${rows}×${cols}`,
      args: () => args(rows, cols, kernel),
    })),
  );

/** Positive numbers, of which every function is defined. */
const positive = (...shape: number[]) => rand(shape).address;
const bytes = (count: number) => ones([count], { dtype: "uint8" }).address;

const unary = [
  "neg",
  "abs",
  "sign",
  "square",
  "reciprocal",
  "sqrt",
  "rsqrt",
  "exp",
  "expm1",
  "log",
  "log1p",
  "sin",
  "cos",
  "erf",
  "gelu",
];
const activations = ["relu", "leakyRelu", "elu", "softplus", "tanh", "sigmoid", "silu", "geluTanh", "clamp"];
const binary = [
  "add",
  "sub",
  "mul",
  "div",
  "pow",
  "maximum",
  "minimum",
  "equal",
  "notEqual",
  "less",
  "lessEqual",
  "greater",
  "greaterEqual",
];

const elementCases: BuildCase[] = [
  ...ofLength(unary, (n) => [n, positive(n), blank(n)]),
  ...ofLength(activations, (n) => [n, normal(n), blank(n), 0.5, 2]),
  ...ofLength(
    activations.map((name) => `${name}Grad`),
    (n) => [n, normal(n), normal(n), blank(n), 0.5, 2],
  ),
  ...ofLength(["geluGrad"], (n) => [n, normal(n), normal(n), normal(n), blank(n)]),
  ...ofLength(binary, (n) => [1, n, positive(n), 0, 1, positive(n), 0, 1, blank(n)]),
  ...ofRows(binary, (rows, cols) => [
    rows,
    cols,
    positive(rows, cols),
    cols,
    1,
    positive(cols),
    0,
    1,
    blank(rows, cols),
  ]),
  ...ofLength(["where"], (n) => [1, n, labels(n, 2), 0, 1, normal(n), 0, 1, normal(n), 0, 1, blank(n)]),
  ...ofLength(["fill"], (n) => [n, 1, blank(n)]),
];

const trainingCases: BuildCase[] = [
  ...ofLength(["sgd"], (n) => [n, normal(n), normal(n), normal(n), blank(16)]),
  ...ofLength(["adam"], (n) => [n, normal(n), normal(n), normal(n), positive(n), blank(16)]),
  ...ofLength(["rmsProp"], (n) => [n, normal(n), normal(n), positive(n), 0, 0, blank(16)]),
  ...ofLength(["adagrad", "lion"], (n) => [n, normal(n), normal(n), positive(n), blank(16)]),
  ...ofLength(["average"], (n) => [
    n,
    4,
    normal(4, n),
    arange(4, { dtype: "int32" }).address,
    n,
    positive(4),
    1,
    blank(n),
  ]),
  ...ofLength(["ema"], (n) => [n, normal(n), normal(n), blank(16)]),
  ...ofLength(["addSquares"], (n) => [n, normal(n), blank(16)]),
  ...ofLength(["clip"], (n) => [n, 1, normal(n)]),
];

const pairs = (rows: number, cols: number) => [normal(rows, cols), normal(rows, cols)] as const;
const rowCases: BuildCase[] = [
  ...ofRows(["sum", "prod", "max", "min", "argmax", "argmin"], (rows, cols) => [
    rows,
    cols,
    1,
    normal(rows, cols),
    blank(rows),
  ]),
  ...ofRows(["sum", "prod", "max", "min", "argmax", "argmin"], (rows, cols) => [
    1,
    rows,
    cols,
    normal(rows, cols),
    blank(cols),
  ]),
  ...ofRows(["spread"], (rows, cols) => [rows, cols, 1, normal(rows, cols), blank(rows), 1, cols, 1]),
  ...ofRows(["center"], (rows, cols) => [rows, cols, 1, normal(rows, cols), blank(rows, cols)]),
  ...ofRows(["softmax", "logSoftmax", "logSumExp"], (rows, cols) => [rows, cols, ...pairs(rows, cols)]),
  ...ofRows(["softmaxGrad", "logSoftmaxGrad"], (rows, cols) => [
    rows,
    cols,
    ...pairs(rows, cols),
    blank(rows, cols),
  ]),
  ...ofRows(["nll", "nllGrad"], (rows, cols) => [
    rows,
    cols,
    normal(rows, cols),
    labels(rows, cols),
    -100,
    blank(rows, cols),
  ]),
  ...ofRows(["crossEntropy"], (rows, cols) => [
    rows,
    cols,
    normal(rows, cols),
    labels(rows, cols),
    -100,
    0,
    blank(4, rows),
  ]),
  ...ofRows(["crossEntropyGrad"], (rows, cols) => [
    ...[rows, cols, normal(rows), 1, normal(rows, cols), labels(rows, cols), -100, 0],
    ...[positive(4, rows), blank(rows, cols)],
  ]),
  ...ofRows(["rowNorm", "rowNormGrad"], (rows, cols) => [
    ...[rows, cols, 1e-5, 1, ...pairs(rows, cols)],
    ...[normal(rows, cols), blank(rows, cols)],
  ]),
  ...ofRows(["rowNormGradWeight"], (rows, cols) => [rows, cols, 1e-5, 1, ...pairs(rows, cols), blank(cols)]),
  ...ofRows(["maskedSoftmax"], (rows, cols) => [
    2,
    rows / 2,
    cols,
    0.5,
    1,
    normal(rows, cols),
    0,
    0,
    0,
    0,
    0,
    blank(rows, cols),
  ]),
  ...ofRows(["maskedSoftmaxGrad"], (rows, cols) => [
    rows,
    cols,
    0.5,
    ...pairs(rows, cols),
    blank(rows, cols),
  ]),
  ...ofRows(["pick", "place"], (rows, cols) => [
    rows,
    cols,
    normal(rows, cols),
    labels(rows, cols),
    blank(rows, cols),
  ]),
  ...ofRows(["gather", "scatterAdd"], (rows, cols) => [
    rows,
    cols,
    normal(rows, cols),
    labels(rows, rows),
    blank(rows, cols),
  ]),
  ...ofRows(["gatherUint8"], (rows, cols) => [
    rows,
    cols,
    bytes(rows * cols),
    labels(rows, rows),
    0.5,
    1,
    blank(rows, cols),
  ]),
  ...ofRows(["copy"], (rows, cols) => [
    1,
    1,
    rows,
    cols,
    normal(rows, cols),
    0,
    0,
    cols,
    1,
    blank(rows, cols),
    0,
    0,
    cols,
    1,
  ]),
  ...ofRows(["copy"], (rows, cols) => [
    1,
    1,
    cols,
    rows,
    normal(rows, cols),
    0,
    0,
    1,
    cols,
    blank(rows, cols),
    0,
    0,
    rows,
    1,
  ]),
  ...ofRows(["band"], (rows, cols) => [1, rows, cols, -2, 2, normal(rows, cols), blank(rows, cols)]),
  ...ofLength(["dropoutMask"], (n) => [n, 2 ** 23, blank(8), 0, bytes(n + 64)]),
  ...ofLength(["dropout"], (n) => [n, 2, normal(n), bytes(n), blank(n)]),
  ...ofRows(["lstmCell"], (rows, cols) => [
    rows,
    cols,
    normal(rows, 4 * cols),
    ...pairs(rows, cols),
    blank(rows, cols),
  ]),
  ...ofRows(["gruCell"], (rows, cols) => [
    ...[rows, cols, normal(rows, 3 * cols), normal(rows, 3 * cols), normal(rows, cols)],
    ...[blank(rows, 4 * cols), blank(rows, cols)],
  ]),
];

const productSizes = [
  [1, 128, 784],
  [32, 128, 784],
  [48, 64, 64],
  [64, 10, 128],
  [256, 256, 256],
  [512, 512, 512],
  [768, 512, 128],
] as const;
const transposes = ["NN", "NT", "TN"] as const;

const productCases: BuildCase[] = productSizes.flatMap(([m, n, k]) =>
  transposes.map((transpose): BuildCase => {
    const a = transpose === "TN" ? [1, m] : [k, 1];
    const b = transpose === "NT" ? [1, k] : [n, 1];
    const args = () => [1, m, n, k, normal(m, k), 0, ...a, normal(k, n), 0, ...b, blank(m, n), 0, n, 0];
    return { kernel: "gemm", shape: `${m}×${n}×${k} ${transpose}`, args };
  }),
);

export const buildCases = [...elementCases, ...trainingCases, ...rowCases, ...productCases];
