// Matrix products: matmul (batched, broadcast) and linear (a layer's product and bias in one).
import { defineOp } from "../../autograd/define-op.ts";
import { bytesPerElement } from "../../dtype.ts";
import { ShapeError } from "../../errors.ts";
import { linearKernels } from "../../kernels/families.ts";
import { commonDType } from "../../require-tensor.ts";
import type { Shape } from "../../shape.ts";
import {
  broadcastShapes,
  broadcastStrides,
  collapseAxes,
  formatShape,
  sizeOf,
  walkAxes,
} from "../../shape.ts";
import { contiguous, Tensor } from "../../tensor.ts";
import { reshape, sum, sumTo } from "../shape/broadcast.ts";
import { transpose } from "../shape/shape.ts";

/** A matrix that `gemm` can read: no stride is negative and one of the last two is 1. Copies `x` if needed. */
function readable(x: Tensor): Tensor {
  const dense = x.strides.at(-2) === 1 || x.strides.at(-1) === 1;
  return dense && x.strides.every((stride) => stride >= 0) ? x : contiguous(x);
}

/**
 * `y = a b` over all leading axes, which broadcast; one of the last two strides of `y` is 1. Where it is the last, a bias
 * `[n]` may be added to each row.
 */
function multiply(a: Tensor, b: Tensor, y: Tensor, bias?: Tensor | null): void {
  // The kernel writes rows: for a column-major result, compute the transposed product.
  if (y.strides.at(-1) !== 1 && y.shape.at(-1)! > 1) {
    multiply(transpose(b), transpose(a), transpose(y));
    return;
  }
  const left = readable(a);
  const right = readable(b);
  // The sums begin from the bias, which saves a pass over `y`.
  const start = bias && contiguous(bias);
  const batch = y.shape.slice(0, -2);
  const n = y.shape.at(-1)!;
  const k = a.shape.at(-1)!;
  const stridesOf = (x: Tensor, row: number) => [
    ...broadcastStrides(x.shape.slice(0, -2), x.strides.slice(0, -2), batch),
    row,
  ];
  // B is the same for all rows, and so are those batches of it that are broadcast: if they lie one behind the other in
  // A and C, they are one product with more rows, which reads B once.
  const { shape: axes, operands } = collapseAxes(y.shape.slice(0, -1), [
    stridesOf(left, left.strides.at(-2)!),
    stridesOf(right, 0),
    stridesOf(y, y.strides.at(-2)!),
  ]);
  // A single row has no axis of its own left.
  const hasRows = operands[1]!.at(-1) === 0 && (left.strides.at(-1) === 1 || operands[0]!.at(-1) === 1);
  const m = hasRows ? axes.pop()! : 1;
  const rowStrides = [left, right, y].map((x, i) => (hasRows ? operands[i]!.pop()! : x.strides.at(-2)!));
  const inner = axes.pop() ?? 1;
  const innerStrides = operands.map((strides) => strides.pop() ?? 0);
  const { gemm } = linearKernels(y.dtype);
  const width = bytesPerElement[y.dtype];
  // The kernel walks one batch axis; the others are walked here.
  walkAxes(axes, operands, (starts) =>
    gemm(
      inner,
      m,
      n,
      k,
      left.address + starts[0]! * width,
      innerStrides[0]!,
      rowStrides[0]!,
      left.strides.at(-1)!,
      right.address + starts[1]! * width,
      innerStrides[1]!,
      right.strides.at(-2)!,
      right.strides.at(-1)!,
      y.address + starts[2]! * width,
      innerStrides[2]!,
      rowStrides[2]!,
      start ? start.address : 0,
      0,
      0,
    ),
  );
}

/** The axes of `x` from slowest to fastest in memory, if `gemm` can write in that order; else null. */
export function memoryOrder(x: Tensor): readonly number[] | null {
  const axes = x.shape.map((_, axis) => axis);
  axes.sort((a, b) => Math.abs(x.strides[b]!) - Math.abs(x.strides[a]!));
  return axes.at(-1)! >= x.rank - 2 ? axes : null;
}

/** A new tensor of `shape` with its axes in the given memory order; contiguous without one. */
function allocateInOrder(shape: Shape, order: readonly number[] | null, like: Tensor): Tensor {
  if (!order) return Tensor.allocate(shape, like.dtype, "matmul");
  const dense = Tensor.allocate(
    order.map((axis) => shape[axis]!),
    like.dtype,
    "matmul",
  );
  const strides = shape.map((_, axis) => dense.strides[order.indexOf(axis)]!);
  return dense.view(shape, strides);
}

function checkInner(operation: string, x: Tensor, w: Tensor, inner: number, expected: number): void {
  if (inner !== expected) {
    throw new ShapeError(
      `${operation}: inner sizes differ, x ${formatShape(x.shape)} and w ${formatShape(w.shape)}; check the width of the layer before, or of the data`,
    );
  }
}

/** The attribute is the result's memory order; null for contiguous. */
const matmulOp = defineOp<[Tensor, Tensor], readonly number[] | null>({
  name: "matmul",
  forward: (x, w, order) => {
    const batch = broadcastShapes("matmul", x.shape.slice(0, -2), w.shape.slice(0, -2));
    const y = allocateInOrder([...batch, x.shape.at(-2)!, w.shape.at(-1)!], order, x);
    multiply(x, w, y);
    return y;
  },
  vjp: [
    (dy, _, x, w): Tensor => productLike(dy, transpose(w), x),
    (dy, _, x, w): Tensor =>
      // A matrix that all batches share: their sum is one product over all rows.
      w.rank === 2
        ? matmulOp(transpose(rowsOf(x)), rowsOf(dy), memoryOrder(w))
        : productLike(transpose(x), dy, w),
  ],
});

/** The gradient a b of `x`, summed over broadcast axes, in the memory order of `x`, so that no view costs a copy. */
function productLike(a: Tensor, b: Tensor, x: Tensor): Tensor {
  const batch = broadcastShapes("matmul", a.shape.slice(0, -2), b.shape.slice(0, -2));
  const same = batch.length === x.rank - 2;
  return sumTo(matmulOp(a, b, same ? memoryOrder(x) : null), x.shape);
}

/** The product of `x […,m,k]` and `w […,k,n]`, in the memory order of `like […,m,n]`. No checks. */
export function matmulLike(x: Tensor, w: Tensor, like: Tensor): Tensor {
  return matmulOp(x, w, memoryOrder(like));
}

/**
 * Matrix product over the last two axes, `[…,m,k] × […,k,n] → […,m,n]`; leading axes broadcast. A vector acts as a row
 * on the left and as a column on the right, and the result drops its axis, as in NumPy.
 *
 * @throws ShapeError if the inner sizes differ; DTypeError if the dtypes differ
 */
export function matmul(x: Tensor, w: Tensor): Tensor {
  commonDType("matmul", [x, w]);
  if (x.rank === 0 || w.rank === 0) {
    throw new ShapeError(
      `matmul: got ${formatShape(x.shape)} and ${formatShape(w.shape)}, expected vectors or matrices; use mul for scalars`,
    );
  }
  checkInner("matmul", x, w, x.shape.at(-1)!, w.shape.at(w.rank === 1 ? 0 : -2)!);
  if (x.rank > 1 && w.rank > 1) return matmulOp(x, w, null);
  const left = x.rank === 1 ? reshape(x, [1, x.size]) : x;
  const right = w.rank === 1 ? reshape(w, [w.size, 1]) : w;
  const y = matmulOp(left, right, null);
  const shape = [...y.shape];
  if (w.rank === 1) shape.pop();
  if (x.rank === 1) shape.splice(w.rank === 1 ? -1 : -2, 1);
  return reshape(y, shape);
}

/** The number of rows: all axes but the last, merged. */
function rowsOf(x: Tensor): Tensor {
  return x.rank === 2 ? x : reshape(x, [sizeOf(x.shape.slice(0, -1)), x.shape.at(-1)!]);
}

function linearForward(x: Tensor, w: Tensor, bias: Tensor | null): Tensor {
  const shape: Shape = [...x.shape.slice(0, -1), w.shape[0]!];
  const y = Tensor.allocate(shape, x.dtype, "linear");
  const rows = rowsOf(x);
  multiply(rows, transpose(w), y.view([rows.shape[0]!, w.shape[0]!], [w.shape[0]!, 1]), bias);
  return y;
}

const linearRules = {
  x: (dy: Tensor, w: Tensor) => matmul(dy, w),
  w: (dy: Tensor, x: Tensor) => matmul(transpose(rowsOf(dy)), rowsOf(x)),
};

const linearOp = defineOp<[Tensor, Tensor]>({
  name: "linear",
  forward: (x, w) => linearForward(x, w, null),
  vjp: [(dy, _, _x, w) => linearRules.x(dy, w), (dy, _, x) => linearRules.w(dy, x)],
});

const linearBiasOp = defineOp<[Tensor, Tensor, Tensor]>({
  name: "linear",
  forward: linearForward,
  vjp: [
    (dy, _, _x, w) => linearRules.x(dy, w),
    (dy, _, x) => linearRules.w(dy, x),
    (dy) => sum(rowsOf(dy), 0),
  ],
});

/**
 * `y = x wᵀ + bias`: `x […,in]`, `w [out,in]`, optional `bias [out]`, `y […,out]`.
 *
 * @throws ShapeError if the sizes do not match; DTypeError if the dtypes differ
 */
export function linear(x: Tensor, w: Tensor, bias?: Tensor | null): Tensor {
  commonDType("linear", bias ? [x, w, bias] : [x, w]);
  if (w.rank !== 2 || x.rank === 0) {
    throw new ShapeError(
      `linear: got x ${formatShape(x.shape)} and w ${formatShape(w.shape)}, expected x […,in] and w [out,in]`,
    );
  }
  checkInner("linear", x, w, x.shape.at(-1)!, w.shape[1]!);
  if (!bias) return linearOp(x, w);
  if (bias.rank !== 1 || bias.size !== w.shape[0]) {
    throw new ShapeError(`linear: bias has shape ${formatShape(bias.shape)}, expected [${w.shape[0]}]`);
  }
  return linearBiasOp(x, w, bias);
}
