// Elementwise comparisons, broadcast. Results are 1 and 0 in the dtype of the operands; no gradient. Every comparison
// with NaN is false, except `notEqual`.
import { compute } from "../../autograd/define-op.ts";
import type { BinaryKernels } from "../../kernels/table.ts";
import type { Tensor } from "../../tensor.ts";
import type { Operand } from "./elementwise.ts";
import { applyBinary, mapBinary } from "./elementwise.ts";

const comparison =
  (kernel: keyof BinaryKernels) =>
  (a: Operand, b: Operand): Tensor =>
    compute(() => applyBinary(kernel, (x, y) => mapBinary(kernel, x, y), a, b));

/** 1 where `a == b`, else 0. */
export const equal = comparison("equal");

/** 1 where `a != b`, else 0. */
export const notEqual = comparison("notEqual");

/** 1 where `a < b`, else 0. */
export const less = comparison("less");

/** 1 where `a <= b`, else 0. */
export const lessEqual = comparison("lessEqual");

/** 1 where `a > b`, else 0. */
export const greater = comparison("greater");

/** 1 where `a >= b`, else 0. */
export const greaterEqual = comparison("greaterEqual");
