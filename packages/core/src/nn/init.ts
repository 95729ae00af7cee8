// Initial values of parameters, written in place, from this thread's random stream. Distributions and defaults are
// those of torch.nn.init. Weights are [outputs, inputs, …]; the axes after the first two are the receptive field.

import { noGrad } from "../autograd/define-op.ts";
import { ShapeError, ValueError } from "../errors.ts";
import { full, rand, randn } from "../ops/create/create.ts";
import { checkOptions, optionNames } from "../options.ts";
import { requireFloat } from "../require-tensor.ts";
import { scope } from "../scope.ts";
import { formatShape, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

type TensorMaker = (shape: Tensor["shape"], options: { dtype: "float32" | "float64" }) => Tensor;

/** Overwrites `x` with what `make` makes in its shape and dtype; returns it. */
function overwrite(operation: string, x: Tensor, make: TensorMaker): Tensor {
  requireFloat(operation, x);
  const dtype = x.dtype === "float64" ? "float64" : "float32";
  noGrad(() => scope(() => void x.copyFrom(make(x.shape, { dtype }))));
  return x;
}

/** Uniform in [low, high), 0 and 1 if absent. */
export function uniform(x: Tensor, low = 0, high = 1): Tensor {
  return overwrite("init.uniform", x, (shape, options) => rand(shape, { ...options, low, high }));
}

/** Normal with the given mean and standard deviation, 0 and 1 if absent. */
export function normal(x: Tensor, mean = 0, std = 1): Tensor {
  return overwrite("init.normal", x, (shape, options) => randn(shape, { ...options, mean, std }));
}

/** All elements `value`. */
export function constant(x: Tensor, value: number): Tensor {
  return overwrite("init.constant", x, (shape, options) => full(shape, value, options));
}

/** All elements 0. */
export function zeros(x: Tensor): Tensor {
  return constant(x, 0);
}

/** All elements 1. */
export function ones(x: Tensor): Tensor {
  return constant(x, 1);
}

/** Fan-in and fan-out: the inputs and outputs of one element of a layer with weights of this shape. */
function fans(operation: string, { shape, rank }: Tensor): { fanIn: number; fanOut: number } {
  if (rank < 2) {
    throw new ShapeError(
      `${operation}: got shape ${formatShape(shape)}, expected [outputs,inputs,…], of rank 2 or more`,
    );
  }
  const field = sizeOf(shape.slice(2));
  return { fanIn: shape[1]! * field, fanOut: shape[0]! * field };
}

/** The nonlinearity after a layer. It decides the gain of the layer's initial weights. */
export type Nonlinearity = "linear" | "sigmoid" | "tanh" | "relu" | "leakyRelu" | "selu";

/** The factor that keeps the variance of signals through a nonlinearity; `slope` is `leakyRelu`'s, default 0.01. */
export function calculateGain(nonlinearity: Nonlinearity, slope = 0.01): number {
  const gains = {
    linear: 1,
    sigmoid: 1,
    tanh: 5 / 3,
    relu: Math.SQRT2,
    leakyRelu: Math.sqrt(2 / (1 + slope ** 2)),
    selu: 3 / 4,
  };
  const gain = gains[nonlinearity];
  if (gain === undefined) {
    throw new ValueError(
      `init.calculateGain: got "${nonlinearity}", expected one of ${Object.keys(gains).join(", ")}`,
    );
  }
  return gain;
}

/** Options of the Kaiming initializers. */
export interface KaimingOptions {
  /** Slope of the following `leakyRelu`; default 0. */
  a?: number;
  /** Whether to keep the variance forward ("fanIn", the default) or backward. */
  mode?: "fanIn" | "fanOut";
  /** Default `leakyRelu`. */
  nonlinearity?: Nonlinearity;
}

const kaimingOptions = optionNames<KaimingOptions>({ a: true, mode: true, nonlinearity: true });

function kaimingDeviation(operation: string, x: Tensor, options: KaimingOptions): number {
  checkOptions(operation, options, kaimingOptions);
  const { a = 0, mode = "fanIn", nonlinearity = "leakyRelu" } = options;
  return calculateGain(nonlinearity, a) / Math.sqrt(fans(operation, x)[mode]);
}

/**
 * Uniform with standard deviation gain/√fan. He et al. 2015, https://arxiv.org/abs/1502.01852.
 *
 * @throws ShapeError for vectors and scalars
 */
export function kaimingUniform(x: Tensor, options: KaimingOptions = {}): Tensor {
  const bound = Math.sqrt(3) * kaimingDeviation("init.kaimingUniform", x, options);
  return uniform(x, -bound, bound);
}

/**
 * Normal with standard deviation gain/√fan. He et al. 2015, https://arxiv.org/abs/1502.01852.
 *
 * @throws ShapeError for vectors and scalars
 */
export function kaimingNormal(x: Tensor, options: KaimingOptions = {}): Tensor {
  return normal(x, 0, kaimingDeviation("init.kaimingNormal", x, options));
}

function xavierDeviation(operation: string, x: Tensor, gain: number): number {
  const { fanIn, fanOut } = fans(operation, x);
  return gain * Math.sqrt(2 / (fanIn + fanOut));
}

/**
 * Uniform with standard deviation gain·√(2/(fanIn + fanOut)). Glorot, Bengio 2010,
 * https://proceedings.mlr.press/v9/glorot10a.html.
 *
 * @throws ShapeError for vectors and scalars
 */
export function xavierUniform(x: Tensor, gain = 1): Tensor {
  const bound = Math.sqrt(3) * xavierDeviation("init.xavierUniform", x, gain);
  return uniform(x, -bound, bound);
}

/**
 * Normal with standard deviation gain·√(2/(fanIn + fanOut)). Glorot, Bengio 2010,
 * https://proceedings.mlr.press/v9/glorot10a.html.
 *
 * @throws ShapeError for vectors and scalars
 */
export function xavierNormal(x: Tensor, gain = 1): Tensor {
  return normal(x, 0, xavierDeviation("init.xavierNormal", x, gain));
}

/**
 * Orthogonal rows (or columns, if there are fewer) of length `gain`, with all such matrices equally likely; axes after
 * the first count as columns. Saxe et al. 2013, https://arxiv.org/abs/1312.6120.
 *
 * @throws ShapeError for vectors and scalars
 */
export function orthogonal(x: Tensor, gain = 1): Tensor {
  const { fanOut } = fans("init.orthogonal", x);
  if (x.size === 0 || fanOut === 0) return x;
  const rows = x.shape[0]!;
  const cols = x.size / rows;
  const [count, length] = rows < cols ? [rows, cols] : [cols, rows];
  const draw = scope(() => Float64Array.from(randn([x.size], { dtype: "float64" }).toArray()));
  const vectors = Array.from({ length: count }, (_, i) => draw.subarray(i * length, (i + 1) * length));
  orthonormalize(vectors);
  const values = new Float64Array(x.size);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < cols; c++)
      values[r * cols + c] = gain * (rows < cols ? vectors[r]![c]! : vectors[c]![r]!);
  }
  requireFloat("init.orthogonal", x);
  return x.copyFrom(values);
}

/** Gram-Schmidt, twice for each vector, which leaves only rounding errors. */
function orthonormalize(vectors: readonly Float64Array[]): void {
  const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
  vectors.forEach((vector, index) => {
    for (let pass = 0; pass < 2; pass++) {
      for (const earlier of vectors.slice(0, index)) {
        const share = dot(vector, earlier);
        for (let i = 0; i < vector.length; i++) vector[i]! -= share * earlier[i]!;
      }
    }
    const norm = Math.sqrt(dot(vector, vector));
    for (let i = 0; i < vector.length; i++) vector[i]! /= norm;
  });
}
