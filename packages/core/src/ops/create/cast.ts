// Conversion between dtypes.
import { compute, defineOp } from "../../autograd/define-op.ts";
import type { DType } from "../../dtype.ts";
import { checkDType, dtypeCode, isFloat } from "../../dtype.ts";
import { elementwiseKernels } from "../../kernels/families.ts";
import { requireTensor } from "../../require-tensor.ts";
import { contiguous, Tensor } from "../../tensor.ts";

function convert(x: Tensor, dtype: DType): Tensor {
  const y = Tensor.allocate(x.shape, dtype, "cast");
  elementwiseKernels(dtype).cast(x.size, dtypeCode[x.dtype], contiguous(x).address, y.address);
  return y;
}

const castOp = defineOp<[Tensor], DType>({
  name: "cast",
  forward: convert,
  vjp: [(dy, _, x) => cast(dy, x.dtype)],
});

/**
 * Converts to another dtype; conversion to integers truncates towards zero. Gradients flow between float dtypes only.
 *
 * @throws DTypeError if there is no such dtype
 */
export function cast(x: Tensor, dtype: DType): Tensor {
  requireTensor("cast", x);
  if (x.dtype === checkDType("cast", dtype)) return x;
  return isFloat(dtype) ? castOp(x, dtype) : compute(() => convert(x, dtype));
}

/** Converts uint8 to int32, where sums and products do not wrap at 256; returns other tensors as they are. */
export function widened(x: Tensor): Tensor {
  return x.dtype === "uint8" ? cast(x, "int32") : x;
}
