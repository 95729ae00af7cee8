// Functions per channel of tensors [n, channels, …]: a factor and a summand for each, and sums over all the rest.
// The gradient of each is one of the others, so they can be differentiated any number of times.
import { defineOp, defineVariadicOp } from "../define-op.ts";
import { kernelsFor } from "../kernels/dispatch.ts";
import type { Shape } from "../shape.ts";
import { sizeOf } from "../shape.ts";
import { contiguous, Tensor } from "../tensor.ts";
import { expand, reshape } from "./broadcast.ts";

/** [n, channels, …] as [outer, channels, inner]. */
export function channelSizes(shape: Shape): [outer: number, channels: number, inner: number] {
  return [shape[0]!, shape[1]!, sizeOf(shape.slice(2))];
}

/** `x · scale[channel] + shift[channel]`; inputs x, scale, and shift if there is one. */
const affineOp = defineVariadicOp<undefined>({
  name: "channelAffine",
  forward: ([x, scale, shift]) => {
    const y = Tensor.allocate(x!.shape, x!.dtype, "channelAffine");
    const added = shift ? contiguous(shift).address : 0;
    const [input, factor] = [contiguous(x!).address, contiguous(scale!).address];
    kernelsFor(y.dtype).channelAffine(...channelSizes(y.shape), input, factor, added, y.address);
    return y;
  },
  vjp: (dy, _, [x, scale], _attributes, index): Tensor => {
    if (index === 0) return channelAffine(dy, scale!);
    return index === 1 ? channelDot(dy, x!) : channelSum(dy);
  },
});

/** `y = x · scale[channel] + shift[channel]` with `x [n, channels, …]`, `scale` and `shift [channels]`. */
export function channelAffine(x: Tensor, scale: Tensor, shift?: Tensor | null): Tensor {
  return affineOp(shift ? [x, scale, shift] : [x, scale], undefined);
}

function dot(a: Tensor, b: Tensor | null, center: Tensor | null): Tensor {
  const y = Tensor.allocate([a.shape[1]!], a.dtype, "channelDot");
  const [left, right, middle] = [a, b, center].map((x) => (x ? contiguous(x).address : 0));
  kernelsFor(a.dtype).channelDot(...channelSizes(a.shape), left!, right!, middle!, y.address);
  return y;
}

/** `y[channel] = sum of a b`, both [n, channels, …]. */
export const channelDot = defineOp<[Tensor, Tensor]>({
  name: "channelDot",
  forward: (a, b) => dot(a, b, null),
  vjp: [(dy, _, _a, b): Tensor => channelAffine(b, dy), (dy, _, a): Tensor => channelAffine(a, dy)],
});

/** `y[channel] = sum of x` over all other axes. */
export const channelSum = defineOp<[Tensor]>({
  name: "channelSum",
  forward: (x) => dot(x, null, null),
  vjp: [(dy, _, x) => expand(reshape(dy, [dy.size, ...x.shape.slice(2).fill(1)]), x.shape)],
});

/** `sum of a (b - center[channel])`; for gradients by kernel, not differentiable itself. */
export function centeredDot(a: Tensor, b: Tensor, center: Tensor): Tensor {
  return dot(a, b, center);
}

/** Mean and variance (divided by the count) per channel; not differentiable. */
export function channelMoments(x: Tensor): { mean: Tensor; variance: Tensor } {
  const moments = [x.shape[1]!];
  const mean = Tensor.allocate(moments, x.dtype, "channelMoments");
  const variance = Tensor.allocate(moments, x.dtype, "channelMoments");
  const input = contiguous(x);
  kernelsFor(x.dtype).channelMoments(...channelSizes(x.shape), input.address, mean.address, variance.address);
  if (input !== x) input.dispose();
  return { mean, variance };
}

/** `a · p + (b - center) · q + r`, all but a and b per channel; for gradients by kernel, not differentiable itself. */
export function channelCombine(
  a: Tensor,
  b: Tensor,
  center: Tensor,
  p: Tensor,
  q: Tensor,
  r: Tensor,
): Tensor {
  const y = Tensor.allocate(a.shape, a.dtype, "channelCombine");
  const [left, right] = [contiguous(a).address, contiguous(b).address];
  const perChannel = [center.address, p.address, q.address, r.address] as const;
  kernelsFor(a.dtype).channelCombine(...channelSizes(a.shape), left, right, ...perChannel, y.address);
  return y;
}
