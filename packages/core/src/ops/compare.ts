// Comparisons, element by element, broadcast. Results are 1 and 0 in the dtype of the operands; no gradient.
import { compute } from "../define-op.ts";
import type { Tensor } from "../tensor.ts";
import type { Operand } from "./elementwise.ts";
import { applyBinary, mapBinary } from "./elementwise.ts";

/** 1 where `a == b`, else 0. */
export function equal(a: Operand, b: Operand): Tensor {
  return compute(() => applyBinary((x, y) => mapBinary("equal", x, y), a, b));
}

/** 1 where `a > b`, else 0. */
export function greater(a: Operand, b: Operand): Tensor {
  return compute(() => applyBinary((x, y) => mapBinary("greater", x, y), a, b));
}
