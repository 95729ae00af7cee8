// All public ops, a line per file.
export { add, div, mul, neg, sub } from "./arithmetic.ts";
export type { ReduceOptions } from "./axes.ts";
export { expand, reshape, sum } from "./broadcast.ts";
export { cast } from "./cast.ts";
export { equal, greater } from "./compare.ts";
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
export { argmax, mean } from "./reduce.ts";
export { permute, transpose } from "./shape.ts";
export { logSoftmax } from "./softmax.ts";
export { exp, log, relu, sqrt } from "./unary.ts";
