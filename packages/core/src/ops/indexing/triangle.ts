// The lower and upper triangle of matrices.
import { defineOp } from "../../autograd/define-op.ts";
import { ShapeError, ValueError } from "../../errors.ts";
import { moveKernels } from "../../kernels/families.ts";
import { requireTensor } from "../../require-tensor.ts";
import { formatShape, sizeOf } from "../../shape.ts";
import { contiguous, Tensor } from "../../tensor.ts";

/** The diagonals to keep: those with low <= column - row <= high. */
interface Band {
  low: number;
  high: number;
}

/** Linear, and its own transpose. */
const bandOp = defineOp<[Tensor], Band>({
  name: "band",
  forward: (x, { low, high }) => {
    const y = Tensor.allocate(x.shape, x.dtype, "band");
    const [rows, cols] = x.shape.slice(-2) as [number, number];
    const batch = sizeOf(x.shape.slice(0, -2));
    moveKernels(x.dtype).band(batch, rows, cols, low, high, contiguous(x).address, y.address);
    return y;
  },
  vjp: [(dy, _y, _x, band): Tensor => bandOp(dy, band)],
});

/** `diagonal`, clamped to where it makes a difference. */
function checkTriangle(operation: string, x: Tensor, diagonal: number): number {
  requireTensor(operation, x);
  if (x.rank < 2) {
    throw new ShapeError(`${operation}: got shape ${formatShape(x.shape)}, expected matrices […,rows,cols]`);
  }
  if (!Number.isInteger(diagonal)) {
    throw new ValueError(`${operation}: diagonal is ${diagonal}, expected an integer`);
  }
  return Math.max(-x.shape.at(-2)!, Math.min(diagonal, x.shape.at(-1)!));
}

/**
 * The lower triangle of each matrix `[…,rows,cols]`, zeros above: elements with column - row <= `diagonal`.
 *
 * @throws ShapeError if the rank is below 2
 */
export function tril(x: Tensor, diagonal = 0): Tensor {
  const high = checkTriangle("tril", x, diagonal);
  return bandOp(x, { low: -x.shape.at(-2)!, high });
}

/**
 * The upper triangle of each matrix `[…,rows,cols]`, zeros below: elements with column - row >= `diagonal`.
 *
 * @throws ShapeError if the rank is below 2
 */
export function triu(x: Tensor, diagonal = 0): Tensor {
  const low = checkTriangle("triu", x, diagonal);
  return bandOp(x, { low, high: x.shape.at(-1)! });
}
