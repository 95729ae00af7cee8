// Averaging and clipping of gradients, averaging of weights. ../table.ts explains all signatures.

export interface TrainingKernels {
  /**
   * `y[i] = scale * sum over s of weights[s] * x[slots[s]*stride + i]`: the average of `shards` gradients. The sum has
   * the order of pairwise.ts. Shards of weight 0 keep their place in it, but are not read. Each product and sum rounds
   * separately, so slicing does not change a bit.
   */
  average(
    n: number,
    shards: number,
    x: number,
    slots: number,
    stride: number,
    weights: number,
    scale: number,
    y: number,
  ): void;
  /** `average[i] = decay average[i] + rest w[i]`; cells: decay, rest. */
  ema(n: number, w: number, average: number, cells: number): void;
  /** Adds `sum of x[i]²` to the float64 at `total`. */
  addSquares(n: number, x: number, total: number): void;
  /** Adds `sum of |x[i]|^p` to the float64 at `total`; for p = Infinity, makes it `max(total, |x[i]|)`. */
  addPowers(n: number, p: number, x: number, total: number): void;
  /**
   * From the sum of powers at float64 `total`: `y[0] = total^(1/p)` (`total` itself for p = Infinity), the norm,
   * and `y[1] = min(1, maxNorm / (y[0] + 1e-6))`, both float64.
   */
  normAndScale(p: number, maxNorm: number, total: number, y: number): void;
  /** `x[i] = min(max(x[i], -limit), limit)`, in place; NaN stays NaN. */
  clip(n: number, limit: number, x: number): void;
}
