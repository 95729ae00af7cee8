// Normalization per channel: batchNorm over all samples (Ioffe, Szegedy 2015, https://arxiv.org/abs/1502.03167), and
// groupNorm over groups of channels of each sample (Wu, He 2018, https://arxiv.org/abs/1803.08494).

import { isRecomputing } from "../../autograd/checkpoint.ts";
import { compute, defineVariadicOp, fusedGradient, noGrad } from "../../autograd/define-op.ts";
import { GradientError, ShapeError, ValueError } from "../../errors.ts";
import { exchanges } from "../../observer.ts";
import { checkOptions, optionNames } from "../../options.ts";
import { commonDType, requireFloat, requireTensor } from "../../require-tensor.ts";
import { scope } from "../../scope.ts";
import { formatShape, sizeOf } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { add, div, mul, neg, sub } from "../arithmetic/arithmetic.ts";
import type { Moments } from "../arithmetic/channels.ts";
import {
  centeredDot,
  channelAffine,
  channelCombine,
  channelDot,
  channelMoments,
  channelSum,
} from "../arithmetic/channels.ts";
import { sqrt } from "../arithmetic/unary.ts";
import { ones, tensor } from "../create/create.ts";
import { reshape } from "../shape/broadcast.ts";
import { layerNorm } from "./row-norm.ts";
import { meetForMoments, meetForSums, tooFew } from "./shard-moments.ts";

interface Normalization {
  eps: number;
  weighted: boolean;
  /** Whether the moments belong to a batch of which x is one shard. */
  sharded: boolean;
}

const inverseRoot = (variance: Tensor, eps: number) => div(1, sqrt(add(variance, eps)));

/**
 * `(x - mean)·factor + bias` with factor = weight/√(variance + eps). The mean may come with its rounding error, which
 * goes into the bias: without it, a mean of 1000 would cost 3e-5 of each result.
 */
function normalizeBy(
  x: Tensor,
  { mean, rest, variance }: Pick<Moments, "mean" | "variance"> & Partial<Moments>,
  weight: Tensor | null,
  bias: Tensor | null,
  eps: number,
): Tensor {
  const inverse = inverseRoot(variance, eps);
  const factor = weight ? mul(inverse, weight) : inverse;
  if (!rest) return channelAffine(x, factor, bias, mean);
  const offset = mul(rest, factor);
  return channelAffine(x, factor, bias ? sub(bias, offset) : neg(offset), mean);
}

/** Inputs of a batchNorm by name: x and its moments as constants, then optionally weight and bias. */
function parts(inputs: readonly Tensor[], { weighted }: Normalization) {
  const [x, mean, rest, variance, ...parameters] = inputs as [Tensor, Tensor, Tensor, Tensor, ...Tensor[]];
  const weight = weighted ? parameters[0]! : null;
  return { x, moments: { mean, rest, variance }, weight, bias: parameters[weighted ? 1 : 0] ?? null };
}

/** What the gradients need, in recorded ops: moments of x that gradients flow through. */
function momentsInOps(x: Tensor, { eps, sharded }: Normalization): { distance: Tensor; inverse: Tensor } {
  if (sharded) {
    throw new GradientError(
      "batchNorm: over the shards of a batch it has no gradient of the gradient; use layerNorm or groupNorm",
    );
  }
  const count = x.size / x.shape[1]!;
  const one = ones([x.shape[1]!], { dtype: x.dtype });
  const distance = channelAffine(x, one, null, div(channelSum(x), count));
  return { distance, inverse: inverseRoot(div(channelDot(distance, distance), count), eps) };
}

/**
 * dx = (dy - mean(dy) - n mean(dy n))·factor with n = (x - mean)·inverse, factor = weight·inverse:
 * `dy·p + (x - mean)·q + r`, p = factor, q = -factor·inverse²·mean(dy (x - mean)), r = -factor·mean(dy).
 */
function inputGradient(dy: Tensor, inputs: readonly Tensor[], attributes: Normalization): Tensor {
  const { eps, sharded } = attributes;
  const { x, moments, weight } = parts(inputs, attributes);
  const count = x.size / x.shape[1]!;
  const perChannel = (inverse: Tensor, dots: Tensor, sums: Tensor) => {
    const p = weight ? mul(inverse, weight) : inverse;
    const scaled = div(neg(p), count);
    return { p, q: mul(mul(scaled, mul(inverse, inverse)), dots), r: mul(scaled, sums) };
  };
  return fusedGradient(
    () => {
      const [dots, sums] = [centeredDot(dy, x, moments), channelSum(dy)];
      if (sharded) meetForSums(dots, sums, count);
      const { p, q, r } = perChannel(inverseRoot(moments.variance, eps), dots, sums);
      return channelCombine(dy, x, moments.mean, p, q, sub(r, mul(moments.rest, q)));
    },
    () => {
      const { distance, inverse } = momentsInOps(x, attributes);
      const { p, q, r } = perChannel(inverse, channelDot(dy, distance), channelSum(dy));
      return add(channelAffine(dy, p, r), channelAffine(distance, q));
    },
  );
}

/** dw = sum of dy n */
function weightGradient(dy: Tensor, inputs: readonly Tensor[], attributes: Normalization): Tensor {
  const { x, moments } = parts(inputs, attributes);
  return fusedGradient(
    () => mul(centeredDot(dy, x, moments), inverseRoot(moments.variance, attributes.eps)),
    () => {
      const { distance, inverse } = momentsInOps(x, attributes);
      return mul(channelDot(dy, distance), inverse);
    },
  );
}

/** Normalizes by the batch's own moments. */
const batchNormOp = defineVariadicOp<Normalization>({
  name: "batchNorm",
  forward: (inputs, attributes) => {
    const { x, moments, weight, bias } = parts(inputs, attributes);
    return normalizeBy(x, moments, weight, bias, attributes.eps);
  },
  vjp: (dy, _, inputs, attributes, index) => {
    if (index === 0) return inputGradient(dy, inputs, attributes);
    if (index === 4 && attributes.weighted) return weightGradient(dy, inputs, attributes);
    return channelSum(dy);
  },
});

/** Options of `batchNorm`. */
export interface BatchNormOptions {
  /** Running estimates over earlier batches, [channels]: updated in place during training, used otherwise. */
  runningMean?: Tensor | null;
  runningVar?: Tensor | null;
  /** Scale and shift per channel, [channels]. */
  weight?: Tensor | null;
  bias?: Tensor | null;
  /** Whether to normalize by this batch's moments; without running estimates that happens always. */
  training?: boolean;
  /** Share of this batch in the running estimates; default 0.1. */
  momentum?: number | Tensor;
  /** Added to the variance before the root; default 1e-5. */
  eps?: number;
}

const batchNormOptions = optionNames<BatchNormOptions>({
  runningMean: true,
  runningVar: true,
  weight: true,
  bias: true,
  training: true,
  momentum: true,
  eps: true,
});

/** Throws unless `x` is [n, channels, …] of floats, and all others [channels] of its dtype. */
function checkChannels(operation: string, x: Tensor, others: readonly (Tensor | null | undefined)[]): void {
  requireFloat(operation, x);
  if (x.rank < 2) {
    throw new ShapeError(
      `${operation}: x has shape ${formatShape(x.shape)}, expected [n,channels,…], of rank 2 or more`,
    );
  }
  for (const other of others) {
    if (!other) continue;
    commonDType(operation, [x, other]);
    if (other.rank !== 1 || other.size !== x.shape[1]) {
      throw new ShapeError(
        `${operation}: got a parameter of shape ${formatShape(other.shape)} for x ${formatShape(x.shape)}, expected [${x.shape[1]}], one number per channel`,
      );
    }
  }
}

/** `running ← running + (value - running)·momentum` */
function follow(running: Tensor, value: Tensor, momentum: number | Tensor): void {
  const next = compute(() => add(running, mul(sub(value, running), momentum)));
  running.copyFrom(next);
  next.dispose();
}

/** Called once with the mean and the variance (divided by `count`) of a batch: updates running estimates. */
export type FollowMoments = (mean: Tensor, variance: Tensor, count: number) => void;

/** Moves running estimates, if any, towards the moments of a batch. */
export function followMoments(
  runningMean: Tensor | null | undefined,
  runningVar: Tensor | null | undefined,
  momentum: number | Tensor,
): FollowMoments {
  return (mean, variance, count) =>
    noGrad(() => {
      if (runningMean) follow(runningMean, mean, momentum);
      if (!runningVar) return;
      const unbiased = mul(variance, count / (count - 1));
      follow(runningVar, unbiased, momentum);
      unbiased.dispose();
    });
}

/**
 * `(x - mean)/√(variance + eps) · weight + bias` per channel, `x [n, channels, …]`. During training, mean and variance
 * (divided by the count) are the batch's own, and the running estimates move towards them (the variance divided by
 * count - 1). Like `torch.nn.functional.batch_norm`.
 *
 * @throws ValueError if there is only one value per channel, which has no variance; ShapeError, DTypeError
 */
export function batchNorm(x: Tensor, options: BatchNormOptions = {}): Tensor {
  requireTensor("batchNorm", x);
  checkOptions("batchNorm", options, batchNormOptions);
  const { runningMean, runningVar, weight, bias, momentum = 0.1, eps = 1e-5 } = options;
  checkChannels("batchNorm", x, [runningMean, runningVar, weight, bias]);
  if (!options.training && runningMean && runningVar) {
    return normalizeBy(x, { mean: runningMean, variance: runningVar }, weight ?? null, bias ?? null, eps);
  }
  const followed = options.training ? followMoments(runningMean, runningVar, momentum) : undefined;
  return normalizeBatch(x, options, followed);
}

/** `batchNorm` by the moments of the batch, or of all its shards if x is one of them. `followed` gets the moments. */
export function normalizeBatch(
  x: Tensor,
  { weight, bias, eps = 1e-5 }: Pick<BatchNormOptions, "weight" | "bias" | "eps">,
  followed?: FollowMoments,
): Tensor {
  checkChannels("batchNorm", x, [weight, bias]);
  const count = x.size / x.shape[1]!;
  const sharded = exchanges() !== null;
  // One value is enough for a shard if there are others.
  if (!(count > (sharded ? 0 : 1))) throw new ValueError(tooFew(formatShape(x.shape), count));
  const moments = channelMoments(x);
  const { mean, rest, variance } = moments;
  // A recomputing checkpoint has seen this batch before.
  const follow = isRecomputing() ? undefined : followed;
  if (sharded) meetForMoments(moments, count, follow && followArrays(follow));
  else follow?.(mean, variance, count);
  // Freed with the graph.
  for (const moment of [mean, rest, variance]) moment.constant = true;
  const parameters = [weight, bias].filter((parameter) => parameter != null);
  const y = batchNormOp([x, mean, rest, variance, ...parameters], { eps, weighted: weight != null, sharded });
  if (y.node === null) for (const moment of [mean, rest, variance]) moment.dispose();
  return y;
}

/** The same for moments that are not tensors. */
function followArrays(follow: FollowMoments): (moments: Float64Array, count: number) => void {
  return (moments, count) =>
    noGrad(() =>
      scope(() => {
        const channels = moments.length / 3;
        const [mean, variance] = [0, 2].map((part) =>
          moments.subarray(part * channels, (part + 1) * channels),
        );
        follow(tensor(Float32Array.from(mean!)), tensor(Float32Array.from(variance!)), count);
      }),
    );
}

/** Options of `groupNorm`. */
export interface GroupNormOptions {
  /** Scale and shift per channel, [channels]. */
  weight?: Tensor | null;
  bias?: Tensor | null;
  /** Added to the variance before the root; default 1e-5. */
  eps?: number;
}

const groupNormOptions = optionNames<GroupNormOptions>({ weight: true, bias: true, eps: true });

/**
 * `(x - mean)/√(variance + eps) · weight + bias`, with mean and variance over groups of `channels / groups` channels of
 * each sample, `x [n, channels, …]`. Like `torch.nn.functional.group_norm`.
 *
 * @throws ValueError if `groups` does not divide the channels; ShapeError, DTypeError
 */
export function groupNorm(x: Tensor, groups: number, options: GroupNormOptions = {}): Tensor {
  requireTensor("groupNorm", x);
  checkOptions("groupNorm", options, groupNormOptions);
  const { weight, bias, eps = 1e-5 } = options;
  checkChannels("groupNorm", x, [weight, bias]);
  const [samples, channels] = x.shape as [number, number];
  if (!(Number.isInteger(groups) && groups > 0 && channels % groups === 0)) {
    throw new ValueError(
      `groupNorm: ${groups} groups of ${channels} channels; expected a divisor of the channels`,
    );
  }
  const length = (channels / groups) * sizeOf(x.shape.slice(2));
  const n = reshape(layerNorm(reshape(x, [samples * groups, length]), length, { eps }), x.shape);
  if (!weight && !bias) return n;
  return channelAffine(n, weight ?? ones([channels], { dtype: x.dtype }), bias);
}
