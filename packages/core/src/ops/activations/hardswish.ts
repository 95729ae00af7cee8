// hardswish (Howard et al. 2019, https://arxiv.org/abs/1905.02244): silu in straight lines. Composed of other ops, which
// bring its gradient.
import { requireFloat } from "../../require-tensor.ts";
import type { Tensor } from "../../tensor.ts";
import { add, mul } from "../arithmetic/arithmetic.ts";
import { clamp } from "./activations.ts";

/**
 * `x · clamp(x + 3, 0, 6) / 6`, element by element. At -3 the gradient is 0 and at 3 it is 1, as in PyTorch.
 *
 * @throws DTypeError for integers
 */
export function hardswish(x: Tensor): Tensor {
  requireFloat("hardswish", x);
  return mul(x, mul(clamp(add(x, 3), { min: 0, max: 6 }), 1 / 6));
}
