// Reading at integer indices.

import { compute, defineOp } from "../../autograd/define-op.ts";
import type { DType } from "../../dtype.ts";
import { int32Advice } from "../../dtype.ts";
import { DTypeError, IndexError, ShapeError, ValueError } from "../../errors.ts";
import { elementwiseKernels, indexedKernels } from "../../kernels/families.ts";
import { heap } from "../../memory/heap.ts";
import { hostStep } from "../../observer.ts";
import { checkOptions, optionNames } from "../../options.ts";
import { requireTensor } from "../../require-tensor.ts";
import { scope } from "../../scope.ts";
import { formatShape } from "../../shape.ts";
import { contiguous, Tensor } from "../../tensor.ts";

/**
 * Throws unless every element of the int32 `index` lies in 0 … limit-1.
 *
 * @param advice what to check, the end of the message
 */
export function checkIndexRange(
  operation: string,
  index: Tensor,
  limit: number,
  advice = "check the labels against the number of classes",
): void {
  scope(() => {
    const { address } = contiguous(index);
    const { size, shape } = index;
    hostStep(`check the indices of ${operation}`, () => {
      const bad = indexedKernels("int32").checkIndex(size, limit, address);
      if (bad < 0) return;
      const value = heap().int32[address / 4 + bad]!;
      throw new IndexError(operation, { value, place: bad, shape }, `0 to ${limit - 1}; ${advice}`);
    });
  });
}

const pickOp = defineOp<[Tensor, Tensor]>({
  name: "pick",
  forward: (x, index) => {
    const [rows, cols] = x.shape as [number, number];
    const y = Tensor.allocate([rows], x.dtype, "pick");
    indexedKernels(x.dtype).pick(rows, cols, contiguous(x).address, contiguous(index).address, y.address);
    return y;
  },
  vjp: [(dy, _, x, index): Tensor => placeOp(dy, index, x.shape[1]!), null],
});

const placeOp = defineOp<[Tensor, Tensor], number>({
  name: "place",
  forward: (dy, index, cols) => {
    const y = Tensor.allocate([dy.size, cols], dy.dtype, "place");
    indexedKernels(dy.dtype).place(
      dy.size,
      cols,
      contiguous(dy).address,
      contiguous(index).address,
      y.address,
    );
    return y;
  },
  vjp: [(dz, _, _dy, index): Tensor => pickOp(dz, index), null],
});

/**
 * One element of each row: `y[r] = x[r, index[r]]` with `x [rows, cols]`, `index [rows]` int32, `y [rows]`.
 *
 * @throws ValueError if an index is not a column; ShapeError, DTypeError
 */
export function pick(x: Tensor, index: Tensor): Tensor {
  requireTensor("pick", x);
  requireTensor("pick", index, "index");
  if (index.dtype !== "int32")
    throw new DTypeError(`pick: index is ${index.dtype}, expected int32; ${int32Advice("index")}`);
  if (x.rank !== 2 || index.rank !== 1 || index.size !== x.shape[0]) {
    throw new ShapeError(
      `pick: got x ${formatShape(x.shape)} and index ${formatShape(index.shape)}, expected [rows,cols] and [rows]`,
    );
  }
  checkIndexRange("pick", index, x.shape[1]!);
  return pickOp(x, index);
}

const oneHotOptions = optionNames<{ dtype?: DType }>(
  { dtype: true },
  { numClasses: "the number of classes comes before the options: oneHot(index, classes)" },
);

/**
 * One-hot rows: maps `index […]` int32 to `[…,classes]`. No gradient. Float32 by default, for computing; PyTorch
 * returns integers.
 *
 * @throws ValueError if an index is not 0 … classes-1, or `classes` is not a positive integer; DTypeError
 */
export function oneHot(index: Tensor, classes: number, options: { dtype?: DType } = {}): Tensor {
  requireTensor("oneHot", index, "index");
  checkOptions("oneHot", options, oneHotOptions);
  if (index.dtype !== "int32")
    throw new DTypeError(`oneHot: index is ${index.dtype}, expected int32; ${int32Advice("index")}`);
  if (!Number.isSafeInteger(classes) || classes < 1) {
    throw new ValueError(`oneHot: got ${classes} classes, expected a positive integer`);
  }
  checkIndexRange("oneHot", index, classes);
  return compute(() => {
    const y = Tensor.allocate([...index.shape, classes], options.dtype ?? "float32", "oneHot");
    const ones = Tensor.allocate([index.size], y.dtype, "oneHot");
    const { place } = indexedKernels(y.dtype);
    elementwiseKernels(y.dtype).fill(ones.size, 1, ones.address);
    place(index.size, classes, ones.address, contiguous(index).address, y.address);
    return y;
  });
}
