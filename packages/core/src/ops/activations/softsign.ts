// softsign (Turian et al. 2009): like tanh, but it nears its limits as 1/x does, not as e^-x. Composed of other ops, which
// bring its gradient.
import { requireFloat } from "../../require-tensor.ts";
import type { Tensor } from "../../tensor.ts";
import { add, div } from "../arithmetic/arithmetic.ts";
import { abs } from "../arithmetic/unary.ts";

/**
 * `x / (1 + |x|)`, element by element. NaN at ±infinity, as in PyTorch.
 *
 * @throws DTypeError for integers
 */
export function softsign(x: Tensor): Tensor {
  requireFloat("softsign", x);
  return div(x, add(abs(x), 1));
}
