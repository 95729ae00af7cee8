// Stochastic gradient descent, with momentum.
import { ValueError } from "../errors.ts";
import type { OptimizerKernels } from "../kernels/table/optimizers.ts";
import type { OptimizerGroup, OptimizerOptions, ParametersOrGroups } from "./groups.ts";
import { requireAtLeast } from "./groups.ts";
import { KernelOptimizer } from "./kernel-optimizer.ts";

/** Options of `SGD`. */
export interface SGDOptions extends OptimizerOptions {
  /** The share of the last step to keep; default 0. */
  momentum?: number;
  /** The share of the gradient that the momentum leaves out from the second step on; default 0. */
  dampening?: number;
  /** L2 penalty, added to the gradient; default 0. */
  weightDecay?: number;
  /** Looks one step of momentum ahead (Sutskever et al., https://proceedings.mlr.press/v28/sutskever13.html). */
  nesterov?: boolean;
}

/**
 * `v ← momentum v + (1 - dampening) g`, `w ← w - lr v`, or `w ← w - lr (g + momentum v)` with `nesterov`: PyTorch's
 * form, where `v` starts as the first gradient. Polyak 1964. Default `lr` 0.001. State: `velocity`, with momentum.
 */
export class SGD extends KernelOptimizer<SGDOptions> {
  constructor(parameters: ParametersOrGroups<SGDOptions>, options: SGDOptions = {}) {
    super(parameters, options, {
      name: "SGD",
      defaults: { lr: 1e-3, momentum: 0, dampening: 0, weightDecay: 0, nesterov: false },
      check({ momentum, dampening, weightDecay, nesterov }) {
        requireAtLeast("momentum", momentum, 0);
        requireAtLeast("weightDecay", weightDecay, 0);
        if (!Number.isFinite(dampening)) {
          throw new ValueError(`optimizer: dampening is ${dampening}, expected a number`);
        }
        if (nesterov && (momentum === 0 || dampening !== 0)) {
          throw new ValueError(
            `optimizer: nesterov with momentum ${momentum} and dampening ${dampening}; expected a momentum, and dampening 0`,
          );
        }
      },
      state: ({ momentum }) => ({ velocity: momentum > 0 ? 0 : null }),
    });
  }

  protected cellValues(group: OptimizerGroup<SGDOptions>, lr: number): number[] {
    const { momentum, dampening, weightDecay, nesterov } = group;
    const rest = this.stepCount <= 1 ? 1 : 1 - dampening;
    return [lr, momentum, rest, weightDecay, nesterov ? 1 : 0];
  }

  protected apply(
    kernels: OptimizerKernels,
    n: number,
    w: number,
    g: number,
    [velocity]: readonly [velocity: number],
    cells: number,
  ): void {
    kernels.sgd(n, w, g, velocity, cells);
  }
}
