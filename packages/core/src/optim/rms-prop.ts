// RMSProp: steps scaled by a running mean of the squared gradient.
import type { OptimizerKernels } from "../kernels/table/optimizers.ts";
import type { OptimizerGroup, OptimizerOptions, ParametersOrGroups } from "./groups.ts";
import { requireAtLeast, requireFraction } from "./groups.ts";
import { KernelOptimizer } from "./kernel-optimizer.ts";

/** Options of `RMSProp`. */
export interface RMSPropOptions extends OptimizerOptions {
  /** Decay of the running mean of squares; default 0.99. */
  alpha?: number;
  /** Added to the denominator; default 1e-8. */
  eps?: number;
  /** L2 penalty, added to the gradient; default 0. */
  weightDecay?: number;
  /** The share of the last step to keep; default 0. */
  momentum?: number;
  /** Scales by an estimate of the variance instead of the mean square (Graves, https://arxiv.org/abs/1308.0850). */
  centered?: boolean;
}

/**
 * Tieleman and Hinton, https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf, in PyTorch's form: `s
 * ← αs + (1-α)g²`, `a ← a + (1-α)(g - a)`, `step = g / (√s + eps)`, or `g / (√(s - a²) + eps)` if centred, `w ← w - lr
 * step`; with momentum `b ← momentum b + step`, `w ← w - lr b`. Default `lr` 0.01. State: `square`; `average`, if
 * centred; `velocity`, with momentum. If rounding makes `s - a²` negative, 0 replaces it (PyTorch gives NaN).
 */
export class RMSProp extends KernelOptimizer<RMSPropOptions> {
  constructor(parameters: ParametersOrGroups<RMSPropOptions>, options: RMSPropOptions = {}) {
    super(parameters, options, {
      name: "RMSProp",
      defaults: { lr: 1e-2, alpha: 0.99, eps: 1e-8, weightDecay: 0, momentum: 0, centered: false },
      check({ alpha, eps, weightDecay, momentum }) {
        requireFraction("alpha", alpha);
        requireAtLeast("eps", eps, 0);
        requireAtLeast("weightDecay", weightDecay, 0);
        requireAtLeast("momentum", momentum, 0);
      },
      state: ({ centered, momentum }) => ({
        square: 0,
        average: centered ? 0 : null,
        velocity: momentum > 0 ? 0 : null,
      }),
    });
  }

  protected cellValues(group: OptimizerGroup<RMSPropOptions>, lr: number): number[] {
    const { alpha, eps, momentum, weightDecay } = group;
    return [lr, alpha, 1 - alpha, eps, momentum, weightDecay];
  }

  protected apply(
    kernels: OptimizerKernels,
    n: number,
    w: number,
    g: number,
    [square, average, velocity]: readonly [square: number, average: number, velocity: number],
    cells: number,
  ): void {
    kernels.rmsProp(n, w, g, square, average, velocity, cells);
  }
}
