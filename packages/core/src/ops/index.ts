// All public ops, a line per file.
export { add, div, mul, neg, sub } from "./arithmetic.ts";
export {
  type AdaptiveSize,
  type AvgPool1dOptions,
  type AvgPool2dOptions,
  adaptiveAvgPool2d,
  avgPool1d,
  avgPool2d,
} from "./avg-pool.ts";
export type { ReduceOptions } from "./axes.ts";
export { expand, reshape, sum } from "./broadcast.ts";
export { cast } from "./cast.ts";
export { equal, greater } from "./compare.ts";
export { type Conv1dOptions, type Conv2dOptions, conv1d, conv2d } from "./convolution.ts";
export {
  full,
  manualSeed,
  type NestedNumbers,
  ones,
  rand,
  randn,
  type TensorOptions,
  tensor,
  zeros,
} from "./create.ts";
export { pick } from "./indexing.ts";
export { linear, matmul } from "./matmul.ts";
export { type MaxPool1dOptions, type MaxPool2dOptions, maxPool1d, maxPool2d } from "./max-pool.ts";
export { argmax, mean } from "./reduce.ts";
export { permute, transpose } from "./shape.ts";
export { logSoftmax } from "./softmax.ts";
export { exp, log, relu, sqrt } from "./unary.ts";
export type { Pair } from "./windows.ts";
