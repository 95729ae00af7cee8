// Normalization layers. ops/normalization/ has the formulas; defaults are PyTorch's.

import { noGrad } from "../autograd/define-op.ts";
import { ShapeError } from "../errors.ts";
import { add, div } from "../ops/arithmetic/arithmetic.ts";
import { cast } from "../ops/create/cast.ts";
import { ones, tensor, zeros } from "../ops/create/create.ts";
import { batchNorm, followMoments, groupNorm, normalizeBatch } from "../ops/normalization/batch-norm.ts";
import { layerNorm, rmsNorm } from "../ops/normalization/row-norm.ts";
import { checkOptions, optionNames } from "../options.ts";
import { scope } from "../scope.ts";
import type { Shape } from "../shape.ts";
import { formatShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { layerInstead, requireSizes } from "./linear.ts";
import { buffer, Module, parameter } from "./module.ts";

/** Options of `RMSNorm` and `GroupNorm`. */
export interface NormLayerOptions {
  /** Added to the variance before the root; default 1e-5. */
  eps?: number;
  /** Whether to learn a scale and a shift per element or channel; default true. */
  affine?: boolean;
}

const normLayerNames = { eps: true, affine: true } as const;
const normLayerOptions = optionNames<NormLayerOptions>(normLayerNames, {
  ...layerInstead,
  bias: "there is one if affine, in GroupNorm, and none in RMSNorm",
});

/** Options of `BatchNorm1d` and `BatchNorm2d`. */
export interface BatchNormLayerOptions extends NormLayerOptions {
  /** Share of a new batch in the running estimates; default 0.1. null averages all batches equally. */
  momentum?: number | null;
  /** Whether to keep running estimates for evaluation; default true. */
  trackRunningStats?: boolean;
}

const batchNormLayerOptions = optionNames<BatchNormLayerOptions>(
  { ...normLayerNames, momentum: true, trackRunningStats: true },
  layerInstead,
);

/** What BatchNorm1d and BatchNorm2d share. */
abstract class BatchNorm extends Module {
  readonly weight: Tensor | null;
  readonly bias: Tensor | null;
  readonly runningMean: Tensor | null;
  readonly runningVar: Tensor | null;
  /** Training batches seen, an int32. */
  readonly numBatchesTracked: Tensor | null;
  readonly eps: number;
  readonly momentum: number | null;
  /** The accepted ranks of inputs, with their meaning. */
  protected abstract readonly takes: { ranks: readonly number[]; shapes: string };

  constructor(channels: number, options: BatchNormLayerOptions = {}) {
    super();
    checkOptions(new.target.name, options, batchNormLayerOptions);
    requireSizes(new.target.name, { channels });
    const { eps = 1e-5, momentum = 0.1, affine = true, trackRunningStats = true } = options;
    this.eps = eps;
    this.momentum = momentum;
    this.weight = affine ? parameter(ones([channels])) : null;
    this.bias = affine ? parameter(zeros([channels])) : null;
    this.runningMean = trackRunningStats ? buffer(zeros([channels])) : null;
    this.runningVar = trackRunningStats ? buffer(ones([channels])) : null;
    this.numBatchesTracked = trackRunningStats ? buffer(tensor(0, { dtype: "int32" })) : null;
  }

  /** `x [n, channels, …]`; updates the running estimates during training. */
  forward(x: Tensor): Tensor {
    const { weight, bias, runningMean, runningVar, training, eps } = this;
    if (!this.takes.ranks.includes(x.rank)) {
      throw new ShapeError(
        `${this.constructor.name}: x has shape ${formatShape(x.shape)}, expected ${this.takes.shapes}`,
      );
    }
    if (!training) return batchNorm(x, { weight, bias, runningMean, runningVar, eps });
    return normalizeBatch(x, { weight, bias, eps }, (mean, variance, count) => {
      const momentum = this.#countBatch();
      followMoments(runningMean, runningVar, momentum)(mean, variance, count);
      if (typeof momentum !== "number") momentum.dispose();
    });
  }

  /** Counts one more batch, and returns its share in the running estimates. */
  #countBatch(): number | Tensor {
    const count = this.numBatchesTracked;
    if (count) noGrad(() => scope(() => void count.copyFrom(add(count, 1))));
    if (this.momentum !== null || !count) return this.momentum ?? 0;
    const dtype = this.runningMean!.dtype;
    return noGrad(() => scope(() => div(1, cast(count, dtype))));
  }
}

/** Normalizes each channel over the batch (and the length): `x [n, channels]` or `[n, channels, length]`. */
export class BatchNorm1d extends BatchNorm {
  protected readonly takes = { ranks: [2, 3], shapes: "[n,channels] or [n,channels,length]" };
}

/** Normalizes each channel over the batch and both image axes: `x [n, channels, height, width]`. */
export class BatchNorm2d extends BatchNorm {
  protected readonly takes = { ranks: [4], shapes: "[n,channels,height,width]" };
}

/** Options of `LayerNorm`. */
export interface LayerNormLayerOptions extends NormLayerOptions {
  /** Whether to learn a shift besides the scale; default true. */
  bias?: boolean;
}

const layerNormLayerOptions = optionNames<LayerNormLayerOptions>(
  { ...normLayerNames, bias: true },
  layerInstead,
);

/** Normalizes over the last axes, whose sizes are given: `x […, ...shape]`. */
export class LayerNorm extends Module {
  readonly weight: Tensor | null;
  readonly bias: Tensor | null;
  readonly shape: Shape;
  readonly eps: number;

  constructor(shape: number | Shape, options: LayerNormLayerOptions = {}) {
    super();
    checkOptions("LayerNorm", options, layerNormLayerOptions);
    const { eps = 1e-5, affine = true, bias = true } = options;
    this.shape = typeof shape === "number" ? [shape] : shape;
    this.eps = eps;
    this.weight = affine ? parameter(ones(this.shape)) : null;
    this.bias = affine && bias ? parameter(zeros(this.shape)) : null;
  }

  forward(x: Tensor): Tensor {
    const { weight, bias, eps } = this;
    return layerNorm(x, this.shape, { weight, bias, eps });
  }
}

/** Divides by the root of the mean square over the last axes, whose sizes are given: `x […, ...shape]`. */
export class RMSNorm extends Module {
  readonly weight: Tensor | null;
  readonly shape: Shape;
  readonly eps: number | undefined;

  /** Default `eps`: the dtype's epsilon. */
  constructor(shape: number | Shape, options: NormLayerOptions = {}) {
    super();
    checkOptions("RMSNorm", options, normLayerOptions);
    this.shape = typeof shape === "number" ? [shape] : shape;
    this.eps = options.eps;
    this.weight = options.affine === false ? null : parameter(ones(this.shape));
  }

  forward(x: Tensor): Tensor {
    const { weight, eps } = this;
    return rmsNorm(x, this.shape, eps === undefined ? { weight } : { weight, eps });
  }
}

/** Normalizes groups of channels of each sample: `x [n, channels, …]`. */
export class GroupNorm extends Module {
  readonly weight: Tensor | null;
  readonly bias: Tensor | null;
  readonly groups: number;
  readonly eps: number;

  constructor(groups: number, channels: number, options: NormLayerOptions = {}) {
    super();
    checkOptions("GroupNorm", options, normLayerOptions);
    requireSizes("GroupNorm", { groups, channels });
    const { eps = 1e-5, affine = true } = options;
    this.groups = groups;
    this.eps = eps;
    this.weight = affine ? parameter(ones([channels])) : null;
    this.bias = affine ? parameter(zeros([channels])) : null;
  }

  forward(x: Tensor): Tensor {
    const { weight, bias, eps } = this;
    return groupNorm(x, this.groups, { weight, bias, eps });
  }
}
