// Optimizer updates of `n` elements of a weight `w` from its gradient `g`, in place. Elements are independent, and
// every operation rounds separately (no fused multiply-add), so an update may be split anywhere. `cells` are
// consecutive numbers of the weight's dtype that hold everything that changes from step to step, so the call itself
// stays the same. An absent state has address 0.

export interface OptimizerKernels {
  /** Cells: lr, momentum, 1-dampening, weight decay, whether Nesterov (1 or 0). `velocity` may be 0. */
  sgd(n: number, w: number, g: number, velocity: number, cells: number): void;
  /** Cells: β₁, 1-β₁, β₂, 1-β₂, lr/(1-β₁ᵗ), 1/√(1-β₂ᵗ), eps, weight decay (L2), 1 - lr·weight decay (decoupled). */
  adam(n: number, w: number, g: number, m: number, v: number, cells: number): void;
  /** Cells: lr, α, 1-α, eps, momentum, weight decay. `average` (centred) and `velocity` (momentum) may be 0. */
  rmsProp(
    n: number,
    w: number,
    g: number,
    square: number,
    average: number,
    velocity: number,
    cells: number,
  ): void;
  /** Cells: lr/(1+(t-1)·decay), eps, weight decay. */
  adagrad(n: number, w: number, g: number, sum: number, cells: number): void;
  /** Cells: lr, β₁, 1-β₁, β₂, 1-β₂, 1 - lr·weight decay. */
  lion(n: number, w: number, g: number, m: number, cells: number): void;
}
