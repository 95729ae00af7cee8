// Functions per channel of tensors [n, channels, …]: a scale and a shift for each, and sums over all other axes. The
// gradient of each is one of the others, so they can be differentiated any number of times.
import { defineOp, defineVariadicOp } from "../../autograd/define-op.ts";
import { channelKernels } from "../../kernels/families.ts";
import type { Shape } from "../../shape.ts";
import { sizeOf } from "../../shape.ts";
import { contiguous, Tensor } from "../../tensor.ts";
import { expand, reshape } from "../shape/broadcast.ts";
import { mul, neg } from "./arithmetic.ts";

/** [n, channels, …] as [outer, channels, inner]. */
export function channelSizes(shape: Shape): [outer: number, channels: number, inner: number] {
  return [shape[0]!, shape[1]!, sizeOf(shape.slice(2))];
}

const addressOf = (x: Tensor | null | undefined) => (x ? contiguous(x).address : 0);

/** Inputs x, scale, and then optionally shift and center. */
const affineOp = defineVariadicOp<{ shifted: boolean }>({
  name: "channelAffine",
  forward: ([x, scale, ...rest], { shifted }) => {
    const y = Tensor.allocate(x!.shape, x!.dtype, "channelAffine");
    const [input, factor] = [addressOf(x), addressOf(scale)];
    const [added, middle] = [addressOf(shifted ? rest[0] : null), addressOf(rest[shifted ? 1 : 0])];
    channelKernels(y.dtype).channelAffine(...channelSizes(y.shape), input, middle, factor, added, y.address);
    return y;
  },
  vjp: (dy, _, [x, scale, ...rest], { shifted }, index): Tensor => {
    if (index === 0) return channelAffine(dy, scale!);
    if (index === 1) return channelDot(dy, x!, rest[shifted ? 1 : 0]);
    return index === 2 && shifted ? channelSum(dy) : neg(mul(scale!, channelSum(dy)));
  },
});

/** `y = (x - center[channel]) · scale[channel] + shift[channel]` with `x [n, channels, …]`, the others `[channels]`. */
export function channelAffine(
  x: Tensor,
  scale: Tensor,
  shift?: Tensor | null,
  center?: Tensor | null,
): Tensor {
  const inputs = [x, scale, shift, center].filter((input) => input != null);
  return affineOp(inputs, { shifted: shift != null });
}

function dot(a: Tensor, b?: Tensor, center?: Tensor, rest?: Tensor): Tensor {
  const y = Tensor.allocate([a.shape[1]!], a.dtype, "channelDot");
  const [left, right] = [addressOf(a), addressOf(b)];
  const [middle, more] = [addressOf(center), addressOf(rest)];
  channelKernels(a.dtype).channelDot(...channelSizes(a.shape), left, right, middle, more, y.address);
  return y;
}

/** Inputs a and b, and optionally center. */
const dotOp = defineVariadicOp<undefined>({
  name: "channelDot",
  forward: ([a, b, center]) => dot(a!, b, center),
  vjp: (dy, _, [a, b, center], _attributes, index): Tensor => {
    if (index === 0) return channelAffine(b!, dy, null, center);
    return index === 1 ? channelAffine(a!, dy) : neg(mul(dy, channelSum(a!)));
  },
});

/** `y[channel] = sum of a (b - center[channel])`, a and b [n, channels, …]. */
export function channelDot(a: Tensor, b: Tensor, center?: Tensor): Tensor {
  return dotOp(center ? [a, b, center] : [a, b], undefined);
}

/** `y[channel] = sum of x` over all other axes. */
export const channelSum = defineOp<[Tensor]>({
  name: "channelSum",
  forward: (x) => dot(x),
  vjp: [(dy, _, x) => expand(reshape(dy, [dy.size, ...x.shape.slice(2).fill(1)]), x.shape)],
});

/** `sum of a (b - mean)`, with the mean in two parts; for gradients by kernel, not differentiable itself. */
export function centeredDot(a: Tensor, b: Tensor, { mean, rest }: Moments): Tensor {
  return dot(a, b, mean, rest);
}

/** For each channel: the mean, its rounding error, and the variance (divided by the count). */
export interface Moments {
  mean: Tensor;
  rest: Tensor;
  variance: Tensor;
}

/** Not differentiable. */
export function channelMoments(x: Tensor): Moments {
  const make = () => Tensor.allocate([x.shape[1]!], x.dtype, "channelMoments");
  const [mean, rest, variance] = [make(), make(), make()];
  const input = contiguous(x);
  channelKernels(x.dtype).channelMoments(
    ...channelSizes(x.shape),
    input.address,
    mean.address,
    rest.address,
    variance.address,
  );
  if (input !== x) input.dispose();
  return { mean, rest, variance };
}

/** `a · p + (b - center) · q + r`, where all but a and b are per channel; for gradients by kernel, not differentiable itself. */
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
  channelKernels(a.dtype).channelCombine(...channelSizes(a.shape), left, right, ...perChannel, y.address);
  return y;
}
