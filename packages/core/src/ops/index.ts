// All public ops, by purpose. The list in core's README follows from the headings and names below: test/readme.test.ts
// compares it, and writes it with SHARDGRAD_UPDATE=1.

// making

export { cast } from "./create/cast.ts";
export {
  full,
  type NestedValues,
  ones,
  type RandnOptions,
  type RandOptions,
  rand,
  randn,
  type TensorData,
  type TensorOptions,
  tensor,
  zeros,
} from "./create/create.ts";
export { fullLike, onesLike, randLike, randnLike, zerosLike } from "./create/like.ts";
export { arange, eye, linspace } from "./create/sequences.ts";

// arithmetic

export { clamp } from "./activations/activations.ts";
export { add, div, mul, neg, sub } from "./arithmetic/arithmetic.ts";
export type { Operand } from "./arithmetic/elementwise.ts";
export { maximum, minimum } from "./arithmetic/extrema.ts";
export { pow } from "./arithmetic/power.ts";
export {
  abs,
  cos,
  erf,
  exp,
  expm1,
  log,
  log1p,
  reciprocal,
  rsqrt,
  sign,
  sin,
  sqrt,
  square,
} from "./arithmetic/unary.ts";
export { where } from "./arithmetic/where.ts";

// comparisons

export { equal, greater, greaterEqual, less, lessEqual, notEqual } from "./arithmetic/compare.ts";

// activations

export { elu, gelu, leakyRelu, relu, sigmoid, silu, softplus, tanh } from "./activations/activations.ts";
export { dropout } from "./activations/dropout.ts";
export { hardswish } from "./activations/hardswish.ts";
export { logSoftmax, softmax } from "./activations/softmax.ts";
export { softsign } from "./activations/softsign.ts";

// reductions

export { logSumExp } from "./activations/softmax.ts";
export { cumsum } from "./reductions/cumulative.ts";
export { prod } from "./reductions/product.ts";
export { argmax, argmin, max, mean, min } from "./reductions/reduce.ts";
export { type NormOptions, norm, std, type VarianceOptions, variance } from "./reductions/statistics.ts";
export type { ReduceOptions } from "./shape/axes.ts";
export { sum } from "./shape/broadcast.ts";

// products

export { einsum, outer } from "./linear-algebra/einsum.ts";
export { linear, matmul } from "./linear-algebra/matmul.ts";

// shape

export { cat, chunk, split, stack } from "./indexing/join.ts";
export { flip, narrow, type PadWidth, pad, type SliceRange, select, slice } from "./indexing/slice.ts";
export { tril, triu } from "./indexing/triangle.ts";
export { expand, reshape } from "./shape/broadcast.ts";
export { flatten, permute, squeeze, tile, transpose, unsqueeze } from "./shape/shape.ts";

// indexing

export { type EmbeddingOptions, embedding } from "./indexing/embedding.ts";
export { gather, indexAdd, indexSelect, scatterAdd } from "./indexing/gather.ts";
export { oneHot, pick } from "./indexing/indexing.ts";

// images, sequences

export {
  type AdaptiveSize,
  type AvgPool1dOptions,
  type AvgPool2dOptions,
  adaptiveAvgPool2d,
  avgPool1d,
  avgPool2d,
} from "./convolution/avg-pool.ts";
export { type Conv1dOptions, type Conv2dOptions, conv1d, conv2d } from "./convolution/convolution.ts";
export {
  type MaxPool1dOptions,
  type MaxPool2dOptions,
  maxPool1d,
  maxPool2d,
} from "./convolution/max-pool.ts";
export type { Pair } from "./convolution/windows.ts";
export { type AttentionOptions, scaledDotProductAttention } from "./sequence-models/attention.ts";

// normalization

export {
  type BatchNormOptions,
  batchNorm,
  type GroupNormOptions,
  groupNorm,
} from "./normalization/batch-norm.ts";
export { type LayerNormOptions, layerNorm, type RMSNormOptions, rmsNorm } from "./normalization/row-norm.ts";
