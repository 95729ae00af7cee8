// The slope of a loss along a direction in parameter space. `jvp` does the same for a function of its arguments; here
// the loss closes over its parameters.
import { withGrad } from "../autograd/define-op.ts";
import { grad } from "../autograd/tape.ts";
import { add, mul } from "../ops/arithmetic/arithmetic.ts";
import { ones } from "../ops/create/create.ts";
import { reshape, sum } from "../ops/shape/broadcast.ts";
import { scope } from "../scope.ts";
import type { Tensor } from "../tensor.ts";

/**
 * `∇f · v` and `f`. The gradient of `u f` by the parameters is linear in the number `u`, so its derivative by `u`,
 * along `v`, is the slope. Two backward walks replace one forward walk (Townsend 2017,
 * https://j-towns.github.io/2017/06/12/A-new-trick.html).
 */
export function directionalDerivative(
  loss: () => Tensor,
  parameters: readonly Tensor[],
  direction: readonly Tensor[],
): { slope: number; value: number } {
  return withGrad(true, () =>
    scope(() => {
      const value = loss();
      const u = ones([], { dtype: value.dtype, requiresGrad: true });
      const gradients = grad(mul(reshape(value, []), u), parameters, { createGraph: true });
      const products = gradients.flatMap((gradient, p) =>
        gradient ? [sum(mul(gradient, direction[p]!))] : [],
      );
      const result = { slope: 0, value: value.item() };
      if (products.length > 0) result.slope = grad(products.reduce(add), [u])[0]!.item();
      return result;
    }),
  );
}
