// Checks the options of pooling, and computes the number of windows.
import { ShapeError, ValueError } from "../../errors.ts";
import type { PoolingSizes } from "../../kernels/table/pooling.ts";
import { formatShape, sizeOf } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import type { Axis, Pair } from "./windows.ts";
import { pairOf, spanOf, windowCounts } from "./windows.ts";

/** Number of planes: the product of all axes but the last two. */
export function planesOf(x: Tensor): number {
  return sizeOf(x.shape.slice(0, -2));
}

/** Throws if `x [n,c,h,w]` has no channel or empty planes. An empty batch is fine. */
export function checkPlanes(operation: string, x: Tensor): void {
  if (x.shape.slice(1).includes(0)) {
    throw new ShapeError(
      `${operation}: x has shape ${formatShape(x.shape)}, expected all sizes but that of the batch to be positive`,
    );
  }
}

export interface Windows {
  kernelSize: Pair;
  stride: Pair;
  padding: Pair;
  dilation: Pair;
  ceilMode: boolean;
}

/** The kernels' sizes for pooling `x [n,c,h,w]`. */
export function poolingSizes(operation: string, x: Tensor, windows: Windows): PoolingSizes {
  const size = pairOf(operation, "kernelSize", windows.kernelSize, 1);
  const stride = pairOf(operation, "stride", windows.stride, 1);
  const padding = pairOf(operation, "padding", windows.padding, 0);
  const dilation = pairOf(operation, "dilation", windows.dilation, 1);
  checkPlanes(operation, x);
  const axis = (i: 0 | 1): Axis => ({
    length: x.shape[2 + i]!,
    size: size[i],
    stride: stride[i],
    before: padding[i],
    after: padding[i],
    dilation: dilation[i],
    ceil: windows.ceilMode,
  });
  const axes: [Axis, Axis] = [axis(0), axis(1)];
  if (axes.some((one) => one.before > spanOf(one) / 2)) {
    throw new ValueError(
      `${operation}: padding ${formatShape(padding)} is more than half of the window, which spans ${formatShape(axes.map(spanOf))}; use less`,
    );
  }
  const counts = windowCounts(operation, ...axes);
  return [planesOf(x), x.shape[2]!, x.shape[3]!, ...size, ...counts, ...stride, ...padding];
}
