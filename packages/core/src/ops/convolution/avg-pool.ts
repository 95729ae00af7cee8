// Average pooling: the mean of each window, of a given size, or of a given number of windows. It and its gradient are
// linear, and each other's gradient.

import { defineOp } from "../../autograd/define-op.ts";
import { ValueError } from "../../errors.ts";
import { poolingKernels } from "../../kernels/families.ts";
import type { AdaptivePoolingSizes, PoolingSizes } from "../../kernels/table/pooling.ts";
import { checkOptions, optionNames } from "../../options.ts";
import { requireFloat } from "../../require-tensor.ts";
import { contiguous, Tensor } from "../../tensor.ts";
import { mean } from "../reductions/reduce.ts";
import { checkPlanes, planesOf, poolingSizes } from "./pooling-sizes.ts";
import type { Pair } from "./windows.ts";
import { onImages, pairOf } from "./windows.ts";

interface AveragePooling {
  sizes: PoolingSizes;
  countPad: boolean;
  divisor: number;
}

const avgPoolOp = defineOp<[Tensor], AveragePooling>({
  name: "avgPool",
  forward: (x, { sizes, countPad, divisor }) => {
    const y = Tensor.allocate([...x.shape.slice(0, -2), sizes[5], sizes[6]], x.dtype, "avgPool");
    poolingKernels(x.dtype).avgPool(...sizes, countPad ? 1 : 0, divisor, contiguous(x).address, y.address);
    return y;
  },
  vjp: [(dy, _, _x, pooling): Tensor => avgPoolGradOp(dy, pooling)],
});

const avgPoolGradOp = defineOp<[Tensor], AveragePooling>({
  name: "avgPoolGrad",
  forward: (dy, { sizes, countPad, divisor }) => {
    const dx = Tensor.allocate([...dy.shape.slice(0, -2), sizes[1], sizes[2]], dy.dtype, "avgPoolGrad");
    poolingKernels(dy.dtype).avgPoolGrad(
      ...sizes,
      countPad ? 1 : 0,
      divisor,
      contiguous(dy).address,
      dx.address,
    );
    return dx;
  },
  vjp: [(ddx, _, _dy, pooling): Tensor => avgPoolOp(ddx, pooling)],
});

const adaptiveAvgPoolOp = defineOp<[Tensor], AdaptivePoolingSizes>({
  name: "adaptiveAvgPool",
  forward: (x, sizes) => {
    const y = Tensor.allocate([...x.shape.slice(0, -2), sizes[3], sizes[4]], x.dtype, "adaptiveAvgPool");
    poolingKernels(x.dtype).adaptiveAvgPool(...sizes, contiguous(x).address, y.address);
    return y;
  },
  vjp: [(dy, _, _x, sizes): Tensor => adaptiveAvgPoolGradOp(dy, sizes)],
});

const adaptiveAvgPoolGradOp = defineOp<[Tensor], AdaptivePoolingSizes>({
  name: "adaptiveAvgPoolGrad",
  forward: (dy, sizes) => {
    const dx = Tensor.allocate(
      [...dy.shape.slice(0, -2), sizes[1], sizes[2]],
      dy.dtype,
      "adaptiveAvgPoolGrad",
    );
    poolingKernels(dy.dtype).adaptiveAvgPoolGrad(...sizes, contiguous(dy).address, dx.address);
    return dx;
  },
  vjp: [(ddx, _, _dy, sizes): Tensor => adaptiveAvgPoolOp(ddx, sizes)],
});

/** Options of `avgPool1d`. */
export interface AvgPool1dOptions {
  /** Stride between windows; default: the window size. */
  stride?: number;
  /** Zeros before and after the input, at most half a window; default 0. */
  padding?: number;
  /** Whether a last window may begin inside the input and end outside; false if absent. */
  ceilMode?: boolean;
  /** Whether zeros of the padding count in the mean; true if absent. */
  countIncludePad?: boolean;
}

export const avgPool1dOptions = optionNames<AvgPool1dOptions>({
  stride: true,
  padding: true,
  ceilMode: true,
  countIncludePad: true,
});

/** Numbers for both axes, or `[rows, cols]`. */
export interface AvgPool2dOptions {
  /** Stride between windows; default: the window size. */
  stride?: Pair;
  /** Zeros around the input, at most half a window; default 0. */
  padding?: Pair;
  /** Whether a last window may begin inside the input and end outside; default false. */
  ceilMode?: boolean;
  /** Whether the mean counts zeros of the padding; default true. */
  countIncludePad?: boolean;
  /** Divides the sum of each window by this instead of the number of its elements. */
  divisorOverride?: number;
}

export const avgPool2dOptions = optionNames<AvgPool2dOptions>({
  stride: true,
  padding: true,
  ceilMode: true,
  countIncludePad: true,
  divisorOverride: true,
});

function avgPool(operation: string, x: Tensor, kernelSize: Pair, options: AvgPool2dOptions): Tensor {
  const { stride = kernelSize, padding = 0, ceilMode = false, countIncludePad = true } = options;
  const divisor = options.divisorOverride ?? 0;
  if (!Number.isSafeInteger(divisor) || (divisor === 0 && options.divisorOverride !== undefined)) {
    throw new ValueError(`${operation}: divisorOverride is ${divisor}, expected an integer other than 0`);
  }
  const sizes = poolingSizes(operation, x, { kernelSize, stride, padding, dilation: 1, ceilMode });
  return avgPoolOp(x, { sizes, countPad: countIncludePad, divisor });
}

/**
 * The mean of each window of `x [n,c,h,w]` or `[c,h,w]`; result `[n,c,oh,ow]`.
 *
 * @throws ShapeError if no window fits; ValueError for an option; DTypeError for integers
 */
export function avgPool2d(x: Tensor, kernelSize: Pair, options: AvgPool2dOptions = {}): Tensor {
  requireFloat("avgPool2d", x);
  checkOptions("avgPool2d", options, avgPool2dOptions);
  return onImages("avgPool2d", 2, x, (images) => avgPool("avgPool2d", images, kernelSize, options));
}

/**
 * The mean of each window of `x [n,c,l]` or `[c,l]`; result `[n,c,ol]`. Otherwise like `avgPool2d`.
 *
 * @throws ShapeError, ValueError, DTypeError like `avgPool2d`
 */
export function avgPool1d(x: Tensor, kernelSize: number, options: AvgPool1dOptions = {}): Tensor {
  requireFloat("avgPool1d", x);
  checkOptions("avgPool1d", options, avgPool1dOptions);
  const { stride = kernelSize, padding = 0, ceilMode = false, countIncludePad = true } = options;
  const flat: AvgPool2dOptions = { stride: [1, stride], padding: [0, padding], ceilMode, countIncludePad };
  return onImages("avgPool1d", 1, x, (images) => avgPool("avgPool1d", images, [1, kernelSize], flat));
}

/** Result sizes of adaptive pooling; null keeps the input's. */
export type AdaptiveSize = number | readonly [rows: number | null, cols: number | null];

/**
 * The means of `oh × ow` windows that divide `x [n,c,h,w]` or `[c,h,w]` as evenly as possible: window i spans rows
 * `floor(i·h/oh)` to `ceil((i+1)·h/oh)`. Result `[n,c,oh,ow]`; size 1 is the mean of the whole plane.
 *
 * @throws ShapeError for an empty plane; ValueError for a size that is not a positive integer; DTypeError for integers
 */
export function adaptiveAvgPool2d(x: Tensor, outputSize: AdaptiveSize): Tensor {
  requireFloat("adaptiveAvgPool2d", x);
  return onImages("adaptiveAvgPool2d", 2, x, (images) => {
    const [h, w] = images.shape.slice(-2) as [number, number];
    const given =
      typeof outputSize === "number" ? outputSize : ([outputSize[0] ?? h, outputSize[1] ?? w] as const);
    const [oh, ow] = pairOf("adaptiveAvgPool2d", "outputSize", given, 1);
    checkPlanes("adaptiveAvgPool2d", images);
    if (oh === 1 && ow === 1) return mean(images, [-2, -1], { keepDim: true });
    const planes = planesOf(images);
    if (h % oh !== 0 || w % ow !== 0) return adaptiveAvgPoolOp(images, [planes, h, w, oh, ow]);
    const size = [h / oh, w / ow] as const;
    const sizes: PoolingSizes = [planes, h, w, ...size, oh, ow, ...size, 0, 0];
    return avgPoolOp(images, { sizes, countPad: true, divisor: 0 });
  });
}
