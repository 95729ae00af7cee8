// Lion: steps of equal size, in the direction of the sign of an interpolated momentum.
import type { OptimizerKernels } from "../kernels/table/optimizers.ts";
import type { OptimizerGroup, OptimizerOptions, ParametersOrGroups } from "./groups.ts";
import { requireAtLeast, requireFraction } from "./groups.ts";
import { KernelOptimizer } from "./kernel-optimizer.ts";

/** Options of `Lion`. */
export interface LionOptions extends OptimizerOptions {
  /** Weight of the momentum in the step, and its decay; default 0.9 and 0.99. */
  betas?: readonly [number, number];
  /** The share of `lr` by which weights shrink; default 0. */
  weightDecay?: number;
}

/**
 * Chen et al., https://arxiv.org/abs/2302.06675, in the order of its published program: `w ← w - lr weightDecay w`, `w
 * ← w - lr sign(β₁m + (1-β₁)g)`, `m ← β₂m + (1-β₂)g`. Default `lr` 0.0001. State: `m`.
 */
export class Lion extends KernelOptimizer<LionOptions> {
  constructor(parameters: ParametersOrGroups<LionOptions>, options: LionOptions = {}) {
    super(parameters, options, {
      name: "Lion",
      defaults: { lr: 1e-4, betas: [0.9, 0.99], weightDecay: 0 },
      check({ betas, weightDecay }) {
        requireFraction("betas[0]", betas[0]);
        requireFraction("betas[1]", betas[1]);
        requireAtLeast("weightDecay", weightDecay, 0);
      },
      state: () => ({ m: 0 }),
    });
  }

  protected cellValues(group: OptimizerGroup<LionOptions>, lr: number): number[] {
    const [beta1, beta2] = group.betas;
    return [lr, beta1, 1 - beta1, beta2, 1 - beta2, 1 - lr * group.weightDecay];
  }

  protected apply(
    kernels: OptimizerKernels,
    n: number,
    w: number,
    g: number,
    [m]: readonly [m: number],
    cells: number,
  ): void {
    kernels.lion(n, w, g, m, cells);
  }
}
