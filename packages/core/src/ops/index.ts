// All public ops, a line per file.
export { add, div, mul, neg, sub } from "./arithmetic.ts";
export { type AttentionOptions, scaledDotProductAttention } from "./attention.ts";
export type { ReduceOptions } from "./axes.ts";
export { type BatchNormOptions, batchNorm, type GroupNormOptions, groupNorm } from "./batch-norm.ts";
export { expand, reshape, sum } from "./broadcast.ts";
export { cast } from "./cast.ts";
export { equal, greater } from "./compare.ts";
export {
  full,
  type NestedValues,
  ones,
  rand,
  randn,
  type TensorOptions,
  tensor,
  zeros,
} from "./create.ts";
export { dropout } from "./dropout.ts";
export { embedding } from "./embedding.ts";
export { gather, indexAdd, indexSelect, scatterAdd } from "./gather.ts";
export { oneHot, pick } from "./indexing.ts";
export { cat, chunk, split, stack } from "./join.ts";
export { fullLike, onesLike, randLike, randnLike, zerosLike } from "./like.ts";
export { linear, matmul } from "./matmul.ts";
export { argmax, mean } from "./reduce.ts";
export { type LayerNormOptions, layerNorm, type RMSNormOptions, rmsNorm } from "./row-norm.ts";
export { arange, eye, linspace } from "./sequences.ts";
export { flatten, permute, squeeze, tile, transpose, unsqueeze } from "./shape.ts";
export { flip, narrow, type PadWidth, pad, type SliceRange, select, slice } from "./slice.ts";
export { logSoftmax } from "./softmax.ts";
export { tril, triu } from "./triangle.ts";
export { exp, log, relu, sqrt } from "./unary.ts";
