// All public ops, a line per file.
export { clamp, elu, gelu, leakyRelu, relu, sigmoid, silu, softplus, tanh } from "./activations.ts";
export { add, div, mul, neg, sub } from "./arithmetic.ts";
export { type AttentionOptions, scaledDotProductAttention } from "./attention.ts";
export {
  type AdaptiveSize,
  type AvgPool1dOptions,
  type AvgPool2dOptions,
  adaptiveAvgPool2d,
  avgPool1d,
  avgPool2d,
} from "./avg-pool.ts";
export type { ReduceOptions } from "./axes.ts";
export { type BatchNormOptions, batchNorm, type GroupNormOptions, groupNorm } from "./batch-norm.ts";
export { expand, reshape, sum } from "./broadcast.ts";
export { cast } from "./cast.ts";
export { equal, greater, greaterEqual, less, lessEqual, notEqual } from "./compare.ts";
export { type Conv1dOptions, type Conv2dOptions, conv1d, conv2d } from "./convolution.ts";
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
} from "./create.ts";
export { cumsum } from "./cumulative.ts";
export { dropout } from "./dropout.ts";
export { einsum, outer } from "./einsum.ts";
export type { Operand } from "./elementwise.ts";
export { type EmbeddingOptions, embedding } from "./embedding.ts";
export { maximum, minimum } from "./extrema.ts";
export { gather, indexAdd, indexSelect, scatterAdd } from "./gather.ts";
export { oneHot, pick } from "./indexing.ts";
export { cat, chunk, split, stack } from "./join.ts";
export { fullLike, onesLike, randLike, randnLike, zerosLike } from "./like.ts";
export { linear, matmul } from "./matmul.ts";
export { type MaxPool1dOptions, type MaxPool2dOptions, maxPool1d, maxPool2d } from "./max-pool.ts";
export { pow } from "./power.ts";
export { prod } from "./product.ts";
export { argmax, argmin, max, mean, min } from "./reduce.ts";
export { type LayerNormOptions, layerNorm, type RMSNormOptions, rmsNorm } from "./row-norm.ts";
export { arange, eye, linspace } from "./sequences.ts";
export { flatten, permute, squeeze, tile, transpose, unsqueeze } from "./shape.ts";
export { flip, narrow, type PadWidth, pad, type SliceRange, select, slice } from "./slice.ts";
export { logSoftmax, logSumExp, softmax } from "./softmax.ts";
export { type NormOptions, norm, std, type VarianceOptions, variance } from "./statistics.ts";
export { tril, triu } from "./triangle.ts";
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
} from "./unary.ts";
export { where } from "./where.ts";
export type { Pair } from "./windows.ts";
