// Adamax: Adam whose denominator is the largest gradient so far, decayed, in place of the root of a mean of squares.
import type { OptimizerOptions, ParametersOrGroups } from "./groups.ts";
import { requireAtLeast, requireFraction } from "./groups.ts";
import { Optimizer } from "./optimizer.ts";

/** Options of `Adamax`. */
export interface AdamaxOptions extends OptimizerOptions {
  /** Decay of the mean of the gradient and of its largest size; 0.9 and 0.999 if absent. */
  betas?: readonly [number, number];
  /** Added to the size of each gradient; 1e-8 if absent. */
  eps?: number;
  /** L2 penalty, added to the gradient; 0 if absent. */
  weightDecay?: number;
}

/**
 * Kingma and Ba, https://arxiv.org/abs/1412.6980, section 7, in PyTorch's form: `m ← β₁m + (1-β₁)g`, `u ← max(β₂u, |g| + eps)`,
 * `w ← w - lr/(1-β₁ᵗ) m/u`. `lr` is 0.002 if absent. State: `m`, `u`. A plain loop, without a kernel of its own: slower
 * than `Adam`.
 */
export class Adamax extends Optimizer<AdamaxOptions> {
  constructor(parameters: ParametersOrGroups<AdamaxOptions>, options: AdamaxOptions = {}) {
    super(parameters, options, {
      name: "Adamax",
      defaults: { lr: 2e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0 },
      check({ betas, eps, weightDecay }) {
        requireFraction("betas[0]", betas[0]);
        requireFraction("betas[1]", betas[1]);
        requireAtLeast("eps", eps, 0);
        requireAtLeast("weightDecay", weightDecay, 0);
      },
      state: () => ({ m: 0, u: 0 }),
    });
  }

  override update(index: number, from: number, to: number): void {
    const { w, g, state, group, lr } = this.stretch(index, from, to);
    const { m, u } = state as { m: typeof w; u: typeof w };
    const [beta1, beta2] = group.betas;
    const { eps, weightDecay } = group;
    const rate = lr / (1 - beta1 ** this.stepCount);
    for (let i = 0; i < w.length; i++) {
      const gradient = g[i]! + weightDecay * w[i]!;
      m[i] = beta1 * m[i]! + (1 - beta1) * gradient;
      u[i] = Math.max(beta2 * u[i]!, Math.abs(gradient) + eps);
      w[i]! -= (rate * m[i]!) / u[i]!;
    }
  }
}
