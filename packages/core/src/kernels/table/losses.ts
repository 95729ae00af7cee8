// Losses against class labels (int32). A label equal to `ignored` does not count: its loss, weight and gradient are 0.
// ../table.ts explains all signatures.

export interface LossKernels {
  /** First position of a label that is neither 0 … classes-1 nor `ignored`, or -1. */
  checkLabels(n: number, classes: number, ignored: number, labels: number): number;
  /** `y[r] = weight[labels[r]]`; 1 if `weight` is 0. */
  labelWeights(n: number, ignored: number, labels: number, weight: number, y: number): void;
  /** `y[r] = -x[r, labels[r]]`; `x` contiguous [rows, cols]. */
  nll(rows: number, cols: number, x: number, labels: number, ignored: number, y: number): void;
  /** `y[r,c] = c == labels[r] ? -dy[r] : 0`, the gradient of `nll`. */
  nllGrad(rows: number, cols: number, dy: number, labels: number, ignored: number, y: number): void;
  /**
   * Four rows of [rows] each, from logits `x` contiguous [rows, cols]; `most` is the largest x[r,c] that is not NaN:
   *   y[0] = (1-s) (logSum + most - x[r, labels[r]]) + s (logSum + mean over c of (most - x[r,c])),  s = smoothing
   *   y[1] = 1, or 0 where ignored;  y[2] = most;  y[3] = logSum = log(sum over c of exp(x[r,c] - most))
   * The loss is NaN where a label is out of range.
   */
  crossEntropy(
    rows: number,
    cols: number,
    x: number,
    labels: number,
    ignored: number,
    smoothing: number,
    y: number,
  ): void;
  /**
   * `y[r,c] = dy[r*step] (exp(x[r,c] - most - logSum) - (c == labels[r] ? 1-s : 0) - s/cols)`: the gradient, from what
   * `crossEntropy` stored at `saved`. `step` is 0 or 1. A row is NaN if its label is out of range. `y` may be `x`.
   */
  crossEntropyGrad(
    rows: number,
    cols: number,
    dy: number,
    step: number,
    x: number,
    labels: number,
    ignored: number,
    smoothing: number,
    saved: number,
    y: number,
  ): void;
}
