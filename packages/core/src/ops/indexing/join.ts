// Joins tensors along an axis, and splits them.

import { kindOf, requireList } from "../../arguments.ts";
import { defineVariadicOp } from "../../autograd/define-op.ts";
import { ShapeError, ValueError } from "../../errors.ts";
import { commonDType, requireTensor } from "../../require-tensor.ts";
import { contiguousStrides, formatShape, normalizeAxis } from "../../shape.ts";
import { copyStrided } from "../../strided-copy.ts";
import { Tensor } from "../../tensor.ts";
import { unsqueeze } from "../shape/shape.ts";
import { narrow } from "./slice.ts";

interface Joint {
  axis: number;
  /** The offset of each input along the axis, and finally the length of the result. */
  starts: readonly number[];
}

const catOp = defineVariadicOp<Joint>({
  name: "cat",
  forward: (inputs, { axis, starts }) => {
    const first = inputs[0]!;
    const y = Tensor.allocate(first.shape.with(axis, starts.at(-1)!), first.dtype, "cat");
    const strides = contiguousStrides(y.shape);
    inputs.forEach((x, i) => {
      copyStrided(x, y.view(x.shape, strides, starts[i]! * strides[axis]!));
    });
    return y;
  },
  vjp: (dy, _, inputs, { axis, starts }, index) =>
    narrow(dy, axis, starts[index]!, inputs[index]!.shape[axis]!),
});

function requireSome(operation: string, tensors: readonly Tensor[]): void {
  if (!Array.isArray(tensors)) {
    throw new ValueError(
      `${operation}: got ${kindOf(tensors)}, expected an array of tensors; write ${operation}([a, b])`,
    );
  }
  tensors.forEach((x: unknown, i) => {
    if (!(x instanceof Tensor))
      throw new ValueError(`${operation}: tensor ${i} is ${kindOf(x)}, expected a tensor`);
  });
  if (tensors.length === 0) throw new ValueError(`${operation}: got no tensors, expected at least one`);
}

/**
 * Concatenates tensors along `axis`; along all other axes they must have the same length.
 *
 * @throws ShapeError if they do not, or the axis does not exist; DTypeError if the dtypes differ; ValueError if there
 * are none, or one is not a tensor
 */
export function cat(tensors: readonly Tensor[], axis = 0): Tensor {
  requireSome("cat", tensors);
  commonDType("cat", tensors);
  const first = tensors[0]!;
  const along = normalizeAxis("cat", axis, first.rank);
  const starts = [0];
  tensors.forEach((x, i) => {
    if (x.rank !== first.rank || x.shape.some((length, a) => a !== along && length !== first.shape[a])) {
      throw new ShapeError(
        `cat: tensor 0 has shape ${formatShape(first.shape)}, tensor ${i} ${formatShape(x.shape)}; they may differ along axis ${axis} only`,
      );
    }
    starts.push(starts[i]! + x.shape[along]!);
  });
  return catOp(tensors, { axis: along, starts });
}

/**
 * Stacks tensors of one shape along a new axis: n tensors `[a,b]` at axis 0 give `[n,a,b]`.
 *
 * @throws ShapeError if the shapes differ; DTypeError if the dtypes differ; ValueError if there are none, or one is not
 * a tensor
 */
export function stack(tensors: readonly Tensor[], axis = 0): Tensor {
  requireSome("stack", tensors);
  const first = tensors[0]!;
  const along = normalizeAxis("stack", axis, first.rank + 1);
  tensors.forEach((x, i) => {
    if (formatShape(x.shape) !== formatShape(first.shape)) {
      throw new ShapeError(
        `stack: tensor 0 has shape ${formatShape(first.shape)}, tensor ${i} ${formatShape(x.shape)}; they must be equal`,
      );
    }
  });
  return cat(
    tensors.map((x) => unsqueeze(x, along)),
    along,
  );
}

/**
 * Splits `x` into consecutive views along `axis`: of `sizes` elements each, the last one possibly shorter, or of the
 * listed sizes.
 *
 * @throws ValueError if listed sizes do not add up to the length of the axis, or a size is not a positive integer
 */
export function split(x: Tensor, sizes: number | readonly number[], axis = 0): Tensor[] {
  requireTensor("split", x);
  const along = normalizeAxis("split", axis, x.rank);
  const length = x.shape[along]!;
  if (typeof sizes !== "number") requireList("split", "sizes", sizes, "[2, 1]");
  const list = typeof sizes === "number" ? evenSizes(length, sizes) : sizes;
  const total = list.reduce((sum, size) => sum + size, 0);
  if (total !== length || !list.every((size) => Number.isSafeInteger(size) && size >= 0)) {
    throw new ValueError(
      `split: got sizes ${formatShape(list)} for axis ${axis} of ${formatShape(x.shape)}, expected non-negative integers that add up to ${length}`,
    );
  }
  let start = 0;
  return list.map((size) => {
    const part = narrow(x, along, start, size);
    start += size;
    return part;
  });
}

function evenSizes(length: number, size: number): number[] {
  if (!Number.isSafeInteger(size) || size < 1) {
    throw new ValueError(`split: size is ${size}, expected a positive integer or a list of sizes`);
  }
  const count = Math.max(1, Math.ceil(length / size));
  return Array.from({ length: count }, (_, i) => Math.min(size, length - i * size));
}

/**
 * Splits `x` into at most `chunks` consecutive views along `axis`, all of one size except the last. As in PyTorch there
 * may be fewer: 6 elements in 4 chunks are 2 + 2 + 2.
 *
 * @throws ValueError unless `chunks` is a positive integer; ShapeError if the axis does not exist
 */
export function chunk(x: Tensor, chunks: number, axis = 0): Tensor[] {
  requireTensor("chunk", x);
  if (!Number.isSafeInteger(chunks) || chunks < 1) {
    throw new ValueError(`chunk: got ${chunks} chunks, expected a positive integer`);
  }
  const length = x.shape[normalizeAxis("chunk", axis, x.rank)]!;
  if (length === 0) return split(x, new Array<number>(chunks).fill(0), axis);
  return split(x, Math.ceil(length / chunks), axis);
}
