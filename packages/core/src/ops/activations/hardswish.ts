// hardswish (Howard et al. 2019, https://arxiv.org/abs/1905.02244): silu in straight lines. Composed of other ops,
// which provide its gradient.
import { requireFloat } from "../../require-tensor.ts";
import type { Tensor } from "../../tensor.ts";
import { add, mul } from "../arithmetic/arithmetic.ts";
import { clamp } from "./activations.ts";

/**
 * `x · clamp(x + 3, 0, 6) / 6`, elementwise. The gradient is 0 at -3 and 1 at 3, as in PyTorch.
 *
 * @throws DTypeError for integers
 */
export function hardswish(x: Tensor): Tensor {
  requireFloat("hardswish", x);
  return mul(x, mul(clamp(add(x, 3), { min: 0, max: 6 }), 1 / 6));
}
