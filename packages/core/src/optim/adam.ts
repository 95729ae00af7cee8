// Adam: steps scaled by running estimates of the gradient's first two moments.
import type { Kernels } from "../kernels/table.ts";
import type { Tensor } from "../tensor.ts";
import { Optimizer, requireAtLeast, requireFraction } from "./optimizer.ts";

export interface AdamOptions {
  /** Learning rate; 0.001 if absent. */
  lr?: number;
  /** Decay of the two running means; 0.9 and 0.999 if absent. */
  betas?: readonly [number, number];
  /** Added to the denominator; 1e-8 if absent. */
  eps?: number;
  /** L2 penalty, added to the gradient; 0 if absent. */
  weightDecay?: number;
}

/**
 * Kingma and Ba, https://arxiv.org/abs/1412.6980, with PyTorch's defaults and order of operations:
 * `m ← β₁m + (1-β₁)g`, `v ← β₂v + (1-β₂)g²`, `w ← w - lr/(1-β₁ᵗ) · m / (√v/√(1-β₂ᵗ) + eps)`.
 * Cells: β₁, 1-β₁, β₂, 1-β₂, lr/(1-β₁ᵗ), 1/√(1-β₂ᵗ), eps, weight decay.
 */
export class Adam extends Optimizer {
  readonly betas: readonly [number, number];
  readonly eps: number;
  readonly weightDecay: number;

  constructor(parameters: readonly Tensor[], options: AdamOptions = {}) {
    const { lr = 1e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0 } = options;
    requireFraction("betas[0]", betas[0]);
    requireFraction("betas[1]", betas[1]);
    requireAtLeast("eps", eps, 0);
    requireAtLeast("weightDecay", weightDecay, 0);
    super(parameters, lr, ["m", "v"]);
    this.betas = betas;
    this.eps = eps;
    this.weightDecay = weightDecay;
  }

  protected cellValues(): number[] {
    const [beta1, beta2] = this.betas;
    const stepSize = this.lr / (1 - beta1 ** this.stepCount);
    const correction = 1 / Math.sqrt(1 - beta2 ** this.stepCount);
    return [beta1, 1 - beta1, beta2, 1 - beta2, stepSize, correction, this.eps, this.weightDecay];
  }

  protected apply(
    kernels: Kernels,
    n: number,
    w: number,
    g: number,
    state: readonly number[],
    cells: number,
  ): void {
    kernels.adam(n, w, g, state[0]!, state[1]!, cells);
  }
}
