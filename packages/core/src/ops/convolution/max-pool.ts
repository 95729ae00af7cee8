// Max pooling: the largest element of each window. It remembers the position of each maximum; the gradient goes there.
// Scattering to these positions and gathering from them are each other's gradient.

import { defineOp } from "../../autograd/define-op.ts";
import { poolingKernels } from "../../kernels/families.ts";
import type { PoolingSizes } from "../../kernels/table/pooling.ts";
import { checkOptions, optionNames } from "../../options.ts";
import { requireFloat } from "../../require-tensor.ts";
import type { Shape } from "../../shape.ts";
import { sizeOf } from "../../shape.ts";
import { contiguous, Tensor } from "../../tensor.ts";
import { planesOf, poolingSizes } from "./pooling-sizes.ts";
import type { Pair } from "./windows.ts";
import { onImages, pairOf } from "./windows.ts";

/** Elements of a plane: the last two axes. */
function planeSize(shape: Shape): number {
  return sizeOf(shape.slice(-2));
}

const gatherPlaneOp = defineOp<[Tensor, Tensor]>({
  name: "gatherPlane",
  forward: (x, place) => {
    const y = Tensor.allocate(place.shape, x.dtype, "gatherPlane");
    poolingKernels(x.dtype).gatherPlane(
      planesOf(x),
      planeSize(x.shape),
      planeSize(place.shape),
      contiguous(x).address,
      place.address,
      y.address,
    );
    return y;
  },
  vjp: [(dy, _, x, place): Tensor => scatterPlaneOp(dy, place, x.shape), null],
});

const scatterPlaneOp = defineOp<[Tensor, Tensor], Shape>({
  name: "scatterPlane",
  forward: (dy, place, shape) => {
    const dx = Tensor.allocate(shape, dy.dtype, "scatterPlane");
    poolingKernels(dy.dtype).scatterPlane(
      planesOf(dy),
      planeSize(shape),
      planeSize(place.shape),
      contiguous(dy).address,
      place.address,
      dx.address,
    );
    return dx;
  },
  vjp: [(ddx, _, _dy, place): Tensor => gatherPlaneOp(ddx, place), null],
});

interface MaxPooling {
  sizes: PoolingSizes;
  dilation: readonly [number, number];
}

/** Writes the positions of the maxima to its second input. */
const maxPoolOp = defineOp<[Tensor, Tensor], MaxPooling>({
  name: "maxPool",
  forward: (x, place, { sizes, dilation }) => {
    const y = Tensor.allocate(place.shape, x.dtype, "maxPool");
    const from = contiguous(x).address;
    poolingKernels(x.dtype).maxPool(...sizes, ...dilation, from, y.address, place.address);
    return y;
  },
  vjp: [(dy, _, x, place) => scatterPlaneOp(dy, place, x.shape), null],
});

/** Options of `maxPool1d`. */
export interface MaxPool1dOptions {
  /** Stride between windows; default: the window size. */
  stride?: number;
  /** How far windows may extend beyond the input, at most half a window; default 0. */
  padding?: number;
  /** Distance between the elements of a window; default 1. */
  dilation?: number;
  /** Whether a last window may begin inside the input and end outside; default false. */
  ceilMode?: boolean;
}

/** Numbers for both axes, or `[rows, cols]`. */
export interface MaxPool2dOptions {
  /** Stride between windows; default: the window size. */
  stride?: Pair;
  /** How far windows may extend beyond the input, at most half a window; default 0. */
  padding?: Pair;
  /** Distance between the elements of a window; default 1. */
  dilation?: Pair;
  /** Whether a last window may begin inside the input and end outside; default false. */
  ceilMode?: boolean;
}

const maxPoolOptionNames = { stride: true, padding: true, dilation: true, ceilMode: true } as const;
const maxPoolInstead = { returnIndices: "it is not supported; leave it out" };
export const maxPool1dOptions = optionNames<MaxPool1dOptions>(maxPoolOptionNames, maxPoolInstead);
export const maxPool2dOptions = optionNames<MaxPool2dOptions>(maxPoolOptionNames, maxPoolInstead);

function maxPool(operation: string, x: Tensor, kernelSize: Pair, options: MaxPool2dOptions): Tensor {
  const dilation = pairOf(operation, "dilation", options.dilation ?? 1, 1);
  const { stride = kernelSize, padding = 0, ceilMode = false } = options;
  const sizes = poolingSizes(operation, x, { kernelSize, stride, padding, dilation, ceilMode });
  const place = Tensor.allocate([...x.shape.slice(0, -2), sizes[5], sizes[6]], "int32", operation);
  // Freed with the graph, or at once if nothing was recorded.
  place.constant = true;
  const y = maxPoolOp(x, place, { sizes, dilation });
  if (y.node === null) place.dispose();
  return y;
}

/**
 * The largest element of each window of `x [n,c,h,w]` or `[c,h,w]`; result `[n,c,oh,ow]`. The padding counts as
 * -Infinity. A NaN makes its windows NaN. The gradient goes to the first of equal elements.
 *
 * @throws ShapeError if no window fits; ValueError for an option; DTypeError for integers
 */
export function maxPool2d(x: Tensor, kernelSize: Pair, options: MaxPool2dOptions = {}): Tensor {
  requireFloat("maxPool2d", x);
  checkOptions("maxPool2d", options, maxPool2dOptions);
  return onImages("maxPool2d", 2, x, (images) => maxPool("maxPool2d", images, kernelSize, options));
}

/**
 * The largest element of each window of `x [n,c,l]` or `[c,l]`; result `[n,c,ol]`. Otherwise like `maxPool2d`.
 *
 * @throws ShapeError, ValueError, DTypeError like `maxPool2d`
 */
export function maxPool1d(x: Tensor, kernelSize: number, options: MaxPool1dOptions = {}): Tensor {
  requireFloat("maxPool1d", x);
  checkOptions("maxPool1d", options, maxPool1dOptions);
  const { stride = kernelSize, padding = 0, dilation = 1, ceilMode = false } = options;
  const flat: MaxPool2dOptions = {
    stride: [1, stride],
    padding: [0, padding],
    dilation: [1, dilation],
    ceilMode,
  };
  return onImages("maxPool1d", 1, x, (images) => maxPool("maxPool1d", images, [1, kernelSize], flat));
}
