// Stochastic gradient descent, with momentum.
import type { Kernels } from "../kernels/table.ts";
import type { Tensor } from "../tensor.ts";
import { Optimizer, requireAtLeast, requireFraction } from "./optimizer.ts";

export interface SGDOptions {
  /** Learning rate. */
  lr: number;
  /** Share of the last step that is kept; 0 if absent. */
  momentum?: number;
  /** L2 penalty, added to the gradient; 0 if absent. */
  weightDecay?: number;
}

/**
 * `v ← momentum v + g`, `w ← w - lr v` (PyTorch's form; `v` starts as the first gradient). Polyak 1964.
 * Cells: lr, momentum, weight decay.
 */
export class SGD extends Optimizer {
  readonly momentum: number;
  readonly weightDecay: number;

  constructor(parameters: readonly Tensor[], options: SGDOptions) {
    const { lr, momentum = 0, weightDecay = 0 } = options;
    requireFraction("momentum", momentum);
    requireAtLeast("weightDecay", weightDecay, 0);
    super(parameters, lr, momentum > 0 ? ["velocity"] : []);
    this.momentum = momentum;
    this.weightDecay = weightDecay;
  }

  protected cellValues(): number[] {
    return [this.lr, this.momentum, this.weightDecay, 0, 0, 0, 0, 0];
  }

  protected apply(
    kernels: Kernels,
    n: number,
    w: number,
    g: number,
    [velocity = 0]: readonly number[],
    cells: number,
  ): void {
    kernels.sgd(n, w, g, velocity, cells);
  }
}
