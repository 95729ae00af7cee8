// How elementwise ops call their kernels: numbers as operands, broadcasting, views. The ops themselves are in unary.ts,
// arithmetic.ts, compare.ts, where.ts, …

import { kindOf } from "../../arguments.ts";
import type { DType } from "../../dtype.ts";
import { bytesPerElement, isFloat, typedArrayOf } from "../../dtype.ts";
import { DTypeError } from "../../errors.ts";
import { elementwiseKernels } from "../../kernels/families.ts";
import type { BinaryKernels, TernaryKernels, UnaryKernels } from "../../kernels/table.ts";
import { commonDType } from "../../require-tensor.ts";
import type { Shape } from "../../shape.ts";
import { broadcastShapes, broadcastStrides, collapseAxes, sameShape, sizeOf, walkAxes } from "../../shape.ts";
import { copyStrided } from "../../strided-copy.ts";
import { contiguous, Tensor } from "../../tensor.ts";

/** A tensor, or a number that takes the other operand's dtype. */
export type Operand = Tensor | number;

/** `y = f(x)` element by element. */
export function mapUnary(kernel: keyof UnaryKernels, x: Tensor): Tensor {
  const y = Tensor.allocate(x.shape, x.dtype, kernel);
  elementwiseKernels(x.dtype)[kernel](x.size, contiguous(x).address, y.address);
  return y;
}

function asTensor(operation: string, x: Operand, dtype: DType): Tensor {
  if (x instanceof Tensor) return x;
  if (typeof x !== "number") {
    throw new DTypeError(
      `${operation}: got ${kindOf(x)}, expected a tensor or a number; make a tensor of it with tensor(…)`,
    );
  }
  if (!isFloat(dtype) && new typedArrayOf[dtype]([x])[0] !== x) {
    throw new DTypeError(
      `${operation}: number ${x} with a tensor of dtype ${dtype}, which cannot hold it; cast the tensor to a float dtype`,
    );
  }
  const scalar = Tensor.allocate([], dtype, "scalar");
  scalar.constant = true;
  elementwiseKernels(dtype).fill(1, x, scalar.address);
  return scalar;
}

/**
 * Applies a binary op. A number becomes a scalar tensor of the other operand's dtype, freed with the graph, or at once
 * if nothing was recorded.
 *
 * @throws DTypeError if an operand is neither, or a number does not fit the other operand's dtype
 */
export function applyBinary(
  operation: string,
  op: (a: Tensor, b: Tensor) => Tensor,
  a: Operand,
  b: Operand,
): Tensor {
  const dtype = a instanceof Tensor ? a.dtype : b instanceof Tensor ? b.dtype : "float32";
  const left = asTensor(operation, a, dtype);
  const right = asTensor(operation, b, dtype);
  const y = op(left, right);
  if (y.node === null) {
    // Only frees what was made here: in a backward pass, operands may be numbers that the graph still holds.
    if (left !== a) left.dispose();
    if (right !== b) right.dispose();
  }
  return y;
}

function expandedCopy(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return contiguous(x);
  const y = Tensor.allocate(shape, x.dtype, "broadcast");
  copyStrided(x.view(shape, broadcastStrides(x.shape, x.strides, shape)), y);
  return y;
}

/** The least elements per kernel call: more calls with fewer would cost more than copying an operand. */
const worthwhileCall = 256;

type BroadcastKernel = keyof BinaryKernels | keyof TernaryKernels;

/** `y = f(…operands)` elementwise, with NumPy's broadcasting. */
function mapBroadcast(kernel: BroadcastKernel, operands: readonly Tensor[]): Tensor {
  const dtype = commonDType(kernel, operands);
  const run = elementwiseKernels(dtype)[kernel] as (...args: number[]) => void;
  const { shape: first } = operands[0]!;
  if (operands.every((x) => x.contiguous && sameShape(x.shape, first))) {
    const y = Tensor.allocate(first, dtype, kernel);
    run(1, y.size, ...operands.flatMap((x) => [x.address, 0, 1]), y.address);
    return y;
  }
  const shape = operands.map((x) => x.shape).reduce((a, b) => broadcastShapes(kernel, a, b));
  if (sizeOf(shape) === 0) return Tensor.allocate(shape, dtype, kernel);
  const walk = collapseAxes(
    shape,
    operands.map((x) => broadcastStrides(x.shape, x.strides, shape)),
  );
  const rows = walk.shape.at(-2) ?? 1;
  const cols = walk.shape.at(-1) ?? 1;
  const fits = walk.operands.map((strides) => (strides.at(-1) ?? 0) === 0 || strides.at(-1) === 1);
  if (fits.includes(false)) {
    // In a contiguous copy, the last axis has stride 1.
    const laidOut = operands.map((x, i) => (fits[i] ? x : contiguous(x)));
    return mapBroadcast(kernel, laidOut);
  }
  if (walk.shape.length > 2 && rows * cols < worthwhileCall) {
    const copies = operands.map((x) => expandedCopy(x, shape));
    return mapBroadcast(kernel, copies);
  }
  const y = Tensor.allocate(shape, dtype, kernel);
  const width = bytesPerElement[dtype];
  const outer = walk.operands.map((strides) => strides.slice(0, -2));
  // The kernel walks two axes; the others are walked here.
  walkAxes(walk.shape.slice(0, -2), outer, (offsets, block) => {
    const places = operands.flatMap((x, i) => {
      const strides = walk.operands[i]!;
      return [x.address + offsets[i]! * width, strides.at(-2) ?? 0, strides.at(-1) ?? 0];
    });
    run(rows, cols, ...places, y.address + block * rows * cols * width);
  });
  return y;
}

/** `y = f(a, b)` element by element, with NumPy's broadcasting. */
export function mapBinary(kernel: keyof BinaryKernels, a: Tensor, b: Tensor): Tensor {
  return mapBroadcast(kernel, [a, b]);
}

/** `y = f(a, b, c)` element by element, with NumPy's broadcasting. */
export function mapTernary(kernel: keyof TernaryKernels, a: Tensor, b: Tensor, c: Tensor): Tensor {
  return mapBroadcast(kernel, [a, b, c]);
}
