// Adam and AdamW: steps scaled by running estimates of the gradient's first two moments.
import type { OptimizerKernels } from "../kernels/table/optimizers.ts";
import type { OptimizerGroup, OptimizerOptions, ParametersOrGroups } from "./groups.ts";
import { requireAtLeast, requireFraction } from "./groups.ts";
import { KernelOptimizer } from "./kernel-optimizer.ts";

/** Options of `Adam` and `AdamW`. */
export interface AdamOptions extends OptimizerOptions {
  /** Decay of the two running means; default 0.9 and 0.999. */
  betas?: readonly [number, number];
  /** Added to the denominator; default 1e-8. */
  eps?: number;
  /** Adam: L2 penalty, added to the gradient. AdamW: the share of `lr` by which weights shrink. */
  weightDecay?: number;
}

abstract class AdamFamily extends KernelOptimizer<AdamOptions> {
  constructor(
    parameters: ParametersOrGroups<AdamOptions>,
    options: AdamOptions,
    name: string,
    weightDecay: number,
  ) {
    super(parameters, options, {
      name,
      defaults: { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay },
      check({ betas, eps, weightDecay }) {
        requireFraction("betas[0]", betas[0]);
        requireFraction("betas[1]", betas[1]);
        requireAtLeast("eps", eps, 0);
        requireAtLeast("weightDecay", weightDecay, 0);
      },
      state: () => ({ m: 0, v: 0 }),
    });
  }

  /** β₁, 1-β₁, β₂, 1-β₂, lr/(1-β₁ᵗ), 1/√(1-β₂ᵗ), eps. */
  protected moments({ betas: [beta1, beta2], eps }: OptimizerGroup<AdamOptions>, lr: number): number[] {
    const step = Math.max(1, this.stepCount);
    const stepSize = lr / (1 - beta1 ** step);
    const correction = 1 / Math.sqrt(1 - beta2 ** step);
    return [beta1, 1 - beta1, beta2, 1 - beta2, stepSize, correction, eps];
  }

  protected apply(
    kernels: OptimizerKernels,
    n: number,
    w: number,
    g: number,
    [m, v]: readonly [m: number, v: number],
    cells: number,
  ): void {
    kernels.adam(n, w, g, m, v, cells);
  }
}

/**
 * Kingma and Ba, https://arxiv.org/abs/1412.6980, with PyTorch's defaults (`lr` 0.001, no weight decay) and order of
 * operations: `g ← g + weightDecay w`, `m ← β₁m + (1-β₁)g`, `v ← β₂v + (1-β₂)g²`,
 * `w ← w - lr/(1-β₁ᵗ) · m / (√v/√(1-β₂ᵗ) + eps)`. State: `m`, `v`.
 */
export class Adam extends AdamFamily {
  constructor(parameters: ParametersOrGroups<AdamOptions>, options: AdamOptions = {}) {
    super(parameters, options, "Adam", 0);
  }

  protected cellValues(group: OptimizerGroup<AdamOptions>, lr: number): number[] {
    return [...this.moments(group, lr), group.weightDecay, 1];
  }
}

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter, https://arxiv.org/abs/1711.05101): first `w ← w - lr
 * weightDecay w`, then Adam's step on the gradient alone. Default `weightDecay` 0.01.
 */
export class AdamW extends AdamFamily {
  constructor(parameters: ParametersOrGroups<AdamOptions>, options: AdamOptions = {}) {
    super(parameters, options, "AdamW", 0.01);
  }

  protected cellValues(group: OptimizerGroup<AdamOptions>, lr: number): number[] {
    return [...this.moments(group, lr), 0, 1 - lr * group.weightDecay];
  }
}
