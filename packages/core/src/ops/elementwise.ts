// How elementwise ops call their kernels: broadcasting, views, and the reverse of broadcasting.
// The ops themselves are in unary.ts, arithmetic.ts and compare.ts.
import type { DType } from "../dtype.ts";
import { kernelsFor } from "../kernels/dispatch.ts";
import type { BinaryKernels, UnaryKernels } from "../kernels/table.ts";
import type { Shape } from "../shape.ts";
import { broadcastShapes, broadcastStrides, collapseAxes } from "../shape.ts";
import { commonDType, contiguous, copyStrided, Tensor } from "../tensor.ts";

/** A tensor, or a number that takes the other operand's dtype. */
export type Operand = Tensor | number;

/** `y = f(x)` element by element. */
export function mapUnary(kernel: keyof UnaryKernels, x: Tensor): Tensor {
  const y = Tensor.allocate(x.shape, x.dtype, kernel);
  kernelsFor(x.dtype)[kernel](x.size, contiguous(x).address, y.address);
  return y;
}

function asTensor(x: Operand, dtype: DType): Tensor {
  if (x instanceof Tensor) return x;
  const scalar = Tensor.allocate([], dtype, "scalar");
  scalar.constant = true;
  kernelsFor(dtype).fill(1, x, scalar.address);
  return scalar;
}

/**
 * Applies a binary op; a number becomes a scalar tensor of the other operand's dtype, which goes with the graph, or
 * at once if nothing was recorded.
 */
export function applyBinary(op: (a: Tensor, b: Tensor) => Tensor, a: Operand, b: Operand): Tensor {
  const dtype = a instanceof Tensor ? a.dtype : b instanceof Tensor ? b.dtype : "float32";
  const left = asTensor(a, dtype);
  const right = asTensor(b, dtype);
  const y = op(left, right);
  if (y.node === null) {
    // Only what was made here: in a backward pass, operands may be numbers that the graph still holds.
    if (left !== a) left.dispose();
    if (right !== b) right.dispose();
  }
  return y;
}

function expandedCopy(x: Tensor, shape: Shape): Tensor {
  const y = Tensor.allocate(shape, x.dtype, "broadcast");
  copyStrided(x.view(shape, broadcastStrides(x.shape, x.strides, shape)), y);
  return y;
}

/** `y = f(a, b)` element by element, with NumPy's broadcasting. */
export function mapBinary(kernel: keyof BinaryKernels, a: Tensor, b: Tensor): Tensor {
  const dtype = commonDType(kernel, [a, b]);
  const shape = broadcastShapes(kernel, a.shape, b.shape);
  const aStrides = broadcastStrides(a.shape, a.strides, shape);
  const bStrides = broadcastStrides(b.shape, b.strides, shape);
  const { shape: axes, operands } = collapseAxes(shape, [aStrides, bStrides]);
  const [left, right] = operands as [number[], number[]];
  while (axes.length < 2) {
    axes.unshift(1);
    left.unshift(0);
    right.unshift(0);
  }
  const fits = axes.length === 2 && left[1]! <= 1 && right[1]! <= 1;
  if (!fits) {
    // More than the kernel walks: lay the operands out in full, and try again.
    return mapBinary(kernel, expandedCopy(a, shape), expandedCopy(b, shape));
  }
  const y = Tensor.allocate(shape, dtype, kernel);
  kernelsFor(dtype)[kernel](
    axes[0]!,
    axes[1]!,
    a.address,
    left[0]!,
    left[1]!,
    b.address,
    right[0]!,
    right[1]!,
    y.address,
  );
  return y;
}
