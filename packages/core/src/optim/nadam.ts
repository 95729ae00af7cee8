// NAdam: Adam with a step that looks ahead along the momentum, like Nesterov's.
import type { OptimizerGroup, OptimizerOptions, ParametersOrGroups } from "./groups.ts";
import { requireAtLeast, requireFraction } from "./groups.ts";
import { Optimizer } from "./optimizer.ts";

/** Options of `NAdam`. */
export interface NAdamOptions extends OptimizerOptions {
  /** Decay of the running means of the gradient and of its square; default 0.9 and 0.999. */
  betas?: readonly [number, number];
  /** Added to the denominator; default 1e-8. */
  eps?: number;
  /** L2 penalty, added to the gradient; default 0. */
  weightDecay?: number;
  /** How fast the momentum grows to β₁; default 0.004. */
  momentumDecay?: number;
}

/** The momentum of step t = 1, 2, …: half of β₁ at first, and β₁ in the end. */
const momentumAt = (t: number, { betas, momentumDecay }: OptimizerGroup<NAdamOptions>) =>
  betas[0] * (1 - 0.5 * 0.96 ** (t * momentumDecay));

/**
 * Dozat, https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ, in PyTorch's form: `m ← β₁m + (1-β₁)g`, `v ← β₂v +
 * (1-β₂)g²`, `w ← w - lr ((1-μₜ)/(1-∏μ) g + μₜ₊₁/(1-μₜ₊₁∏μ) m) / (√(v/(1-β₂ᵗ)) + eps)`. Default `lr` 0.002. State: `m`,
 * `v`. A plain loop without its own kernel: slower than `Adam`.
 */
export class NAdam extends Optimizer<NAdamOptions> {
  /** ∏μ of each group up to a step. Follows from the number of steps; kept so that no step starts from 1 again. */
  readonly #products = new Map<object, { step: number; product: number }>();

  constructor(parameters: ParametersOrGroups<NAdamOptions>, options: NAdamOptions = {}) {
    super(parameters, options, {
      name: "NAdam",
      defaults: { lr: 2e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, momentumDecay: 4e-3 },
      check({ betas, eps, weightDecay, momentumDecay }) {
        requireFraction("betas[0]", betas[0]);
        requireFraction("betas[1]", betas[1]);
        requireAtLeast("eps", eps, 0);
        requireAtLeast("weightDecay", weightDecay, 0);
        requireAtLeast("momentumDecay", momentumDecay, 0);
      },
      state: () => ({ m: 0, v: 0 }),
    });
  }

  override update(index: number, from: number, to: number): void {
    const { w, g, state, group, lr } = this.stretch(index, from, to);
    const { m, v } = state as { m: typeof w; v: typeof w };
    const [beta1, beta2] = group.betas;
    const { eps, weightDecay } = group;
    const product = this.#productOf(group);
    const next = momentumAt(this.stepCount + 1, group);
    const ofGradient = (lr * (1 - momentumAt(this.stepCount, group))) / (1 - product);
    const ofMomentum = (lr * next) / (1 - product * next);
    const unbias = 1 / (1 - beta2 ** this.stepCount);
    for (let i = 0; i < w.length; i++) {
      const gradient = g[i]! + weightDecay * w[i]!;
      m[i] = beta1 * m[i]! + (1 - beta1) * gradient;
      v[i] = beta2 * v[i]! + (1 - beta2) * gradient * gradient;
      w[i]! -= (ofGradient * gradient + ofMomentum * m[i]!) / (Math.sqrt(v[i]! * unbias) + eps);
    }
  }

  #productOf(group: OptimizerGroup<NAdamOptions>): number {
    let { step, product } = this.#products.get(group) ?? { step: 0, product: 1 };
    if (step > this.stepCount) [step, product] = [0, 1];
    while (step < this.stepCount) product *= momentumAt(++step, group);
    this.#products.set(group, { step, product });
    return product;
  }
}
