// Adagrad: steps scaled by the sum of all squared gradients so far.
import type { OptimizerKernels } from "../kernels/table/optimizers.ts";
import type { OptimizerGroup, OptimizerOptions, ParametersOrGroups } from "./groups.ts";
import { requireAtLeast } from "./groups.ts";
import { KernelOptimizer } from "./kernel-optimizer.ts";

/** Options of `Adagrad`. */
export interface AdagradOptions extends OptimizerOptions {
  /** Divides the learning rate of step t = 1, 2, … by `1 + (t-1) lrDecay`; default 0. */
  lrDecay?: number;
  /** L2 penalty, added to the gradient; default 0. */
  weightDecay?: number;
  /** Initial value of the sums of squares; default 0. */
  initialAccumulatorValue?: number;
  /** Added to the denominator; default 1e-10. */
  eps?: number;
}

/**
 * Duchi, Hazan and Singer, https://jmlr.org/papers/v12/duchi11a.html, in PyTorch's form: `s ← s + g²`, `w ← w -
 * lr/(1+(t-1)lrDecay) · g / (√s + eps)`. Default `lr` 0.01. State: `sum`.
 */
export class Adagrad extends KernelOptimizer<AdagradOptions> {
  constructor(parameters: ParametersOrGroups<AdagradOptions>, options: AdagradOptions = {}) {
    super(parameters, options, {
      name: "Adagrad",
      defaults: { lr: 1e-2, lrDecay: 0, weightDecay: 0, initialAccumulatorValue: 0, eps: 1e-10 },
      check({ lrDecay, weightDecay, initialAccumulatorValue, eps }) {
        requireAtLeast("lrDecay", lrDecay, 0);
        requireAtLeast("weightDecay", weightDecay, 0);
        requireAtLeast("initialAccumulatorValue", initialAccumulatorValue, 0);
        requireAtLeast("eps", eps, 0);
      },
      state: ({ initialAccumulatorValue }) => ({ sum: initialAccumulatorValue }),
    });
  }

  protected cellValues(group: OptimizerGroup<AdagradOptions>, lr: number): number[] {
    const done = Math.max(0, this.stepCount - 1);
    return [lr / (1 + done * group.lrDecay), group.eps, group.weightDecay];
  }

  protected apply(
    kernels: OptimizerKernels,
    n: number,
    w: number,
    g: number,
    [sum]: readonly [sum: number],
    cells: number,
  ): void {
    kernels.adagrad(n, w, g, sum, cells);
  }
}
