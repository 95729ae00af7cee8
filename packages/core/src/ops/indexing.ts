// Reading at places given by integer tensors.
import { defineOp } from "../define-op.ts";
import { DTypeError, ShapeError, ValueError } from "../errors.ts";
import { kernelsFor } from "../kernels/dispatch.ts";
import { scope } from "../scope.ts";
import { formatShape } from "../shape.ts";
import { contiguous, Tensor } from "../tensor.ts";

/** Throws unless every element of the int32 `index` lies in 0 … limit-1. */
export function checkIndexRange(operation: string, index: Tensor, limit: number): void {
  scope(() => {
    const places = contiguous(index);
    const bad = kernelsFor("int32").checkIndex(index.size, limit, places.address);
    if (bad >= 0) {
      throw new ValueError(
        `${operation}: index ${places.data()[bad]} at position ${bad}, expected 0 to ${limit - 1}; check the labels against the number of classes`,
      );
    }
  });
}

const pickOp = defineOp<[Tensor, Tensor]>({
  name: "pick",
  forward: (x, index) => {
    const [rows, cols] = x.shape as [number, number];
    const y = Tensor.allocate([rows], x.dtype, "pick");
    kernelsFor(x.dtype).pick(rows, cols, contiguous(x).address, contiguous(index).address, y.address);
    return y;
  },
  vjp: [(dy, _, x, index): Tensor => placeOp(dy, index, x.shape[1]!), null],
});

const placeOp = defineOp<[Tensor, Tensor], number>({
  name: "place",
  forward: (dy, index, cols) => {
    const y = Tensor.allocate([dy.size, cols], dy.dtype, "place");
    kernelsFor(dy.dtype).place(dy.size, cols, contiguous(dy).address, contiguous(index).address, y.address);
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
  if (index.dtype !== "int32") throw new DTypeError(`pick: index is ${index.dtype}, expected int32; cast it`);
  if (x.rank !== 2 || index.rank !== 1 || index.size !== x.shape[0]) {
    throw new ShapeError(
      `pick: got x ${formatShape(x.shape)} and index ${formatShape(index.shape)}, expected [rows,cols] and [rows]`,
    );
  }
  checkIndexRange("pick", index, x.shape[1]!);
  return pickOp(x, index);
}
