// Inverted dropout (Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html): training scales up the
// elements that it keeps, so that evaluation does nothing. The mask is a byte per element, drawn once.
import { kindOf } from "../../arguments.ts";
import { defineOp } from "../../autograd/define-op.ts";
import { ValueError } from "../../errors.ts";
import { randomKernels } from "../../kernels/families.ts";
import { requireFloat } from "../../require-tensor.ts";
import { contiguous, Tensor } from "../../tensor.ts";
import { takePositions } from "../create/generator.ts";

/** `mask ? x · scale : 0`, `mask` uint8. Linear in `x` and symmetric, so it is its own gradient. */
const dropoutOp = defineOp<[Tensor, Tensor], number>({
  name: "dropout",
  forward: (x, mask, scale) => {
    const y = Tensor.allocate(x.shape, x.dtype, "dropout");
    randomKernels(x.dtype).dropout(x.size, scale, contiguous(x).address, mask.address, y.address);
    return y;
  },
  vjp: [(dy, _, _x, mask, scale): Tensor => dropoutOp(dy, mask, scale), null],
});

/**
 * Sets each element to 0 with probability `p`, and divides the others by `1 - p`. Returns `x` itself when not training.
 * Element i (row-major) uses number i that the current generator gives out. So the result depends only on the
 * generator's key and position.
 *
 * @throws ValueError if `p` is not from 0 to 1; DTypeError for integers
 */
export function dropout(x: Tensor, p = 0.5, training = true): Tensor {
  requireFloat("dropout", x);
  if (!(p >= 0 && p <= 1))
    throw new ValueError(`dropout: p is ${kindOf(p)}, expected a probability from 0 to 1`);
  if (!training || p === 0) return x;
  const mask = Tensor.allocate(x.shape, "uint8", "dropout");
  // Freed with its graph.
  mask.constant = true;
  const { cells, position } = takePositions(x.size);
  randomKernels(x.dtype).dropoutMask(x.size, Math.ceil(p * 0x1000000), cells, position, mask.address);
  const y = dropoutOp(x, mask, p === 1 ? 0 : 1 / (1 - p));
  if (y.node === null) mask.dispose();
  return y;
}
