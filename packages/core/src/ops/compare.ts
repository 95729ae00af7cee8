// Comparisons, element by element, broadcast. Results are 1 and 0 in the dtype of the operands; no gradient.
// Every comparison with NaN is false, but for `notEqual`.
import { compute } from "../define-op.ts";
import type { BinaryKernels } from "../kernels/table.ts";
import type { Tensor } from "../tensor.ts";
import type { Operand } from "./elementwise.ts";
import { applyBinary, mapBinary } from "./elementwise.ts";

type Comparison = (a: Operand, b: Operand) => Tensor;

const comparison =
  (kernel: keyof BinaryKernels): Comparison =>
  (a, b) =>
    compute(() => applyBinary((x, y) => mapBinary(kernel, x, y), a, b));

/** 1 where `a == b`, else 0. */
export const equal: Comparison = comparison("equal");

/** 1 where `a != b`, else 0. */
export const notEqual: Comparison = comparison("notEqual");

/** 1 where `a < b`, else 0. */
export const less: Comparison = comparison("less");

/** 1 where `a <= b`, else 0. */
export const lessEqual: Comparison = comparison("lessEqual");

/** 1 where `a > b`, else 0. */
export const greater: Comparison = comparison("greater");

/** 1 where `a >= b`, else 0. */
export const greaterEqual: Comparison = comparison("greaterEqual");
