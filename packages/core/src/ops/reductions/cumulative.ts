// Running sums along an axis.
import { defineOp } from "../../autograd/define-op.ts";
import { reduceKernels } from "../../kernels/families.ts";
import { requireTensor } from "../../require-tensor.ts";
import { normalizeAxis } from "../../shape.ts";
import { contiguous, Tensor } from "../../tensor.ts";
import { widened } from "../create/cast.ts";
import { around } from "../shape/axes.ts";

/** The sum up to each element; with `reverse`, from it on. Each is the other's gradient. */
const cumsumOp = defineOp<[Tensor], { axis: number; reverse: boolean }>({
  name: "cumsum",
  forward: (input, { axis, reverse }) => {
    const x = widened(input);
    const y = Tensor.allocate(x.shape, x.dtype, "cumsum");
    const { cumsum } = reduceKernels(x.dtype);
    cumsum(...around(x.shape, axis, axis), contiguous(x).address, y.address, Number(reverse));
    return y;
  },
  vjp: [(dy, _, _x, { axis, reverse }): Tensor => cumsumOp(dy, { axis, reverse: !reverse })],
});

/**
 * Running sum along `axis`: `y[i] = x[0] + … + x[i]`, of the shape and dtype of `x`; int32 for uint8.
 *
 * @throws ShapeError if the axis does not exist
 */
export function cumsum(x: Tensor, axis: number): Tensor {
  requireTensor("cumsum", x);
  return cumsumOp(x, { axis: normalizeAxis("cumsum", axis, x.rank), reverse: false });
}
