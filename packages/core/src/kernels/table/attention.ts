// Kernels of attention. ../table.ts explains all signatures.

export interface AttentionKernels {
  /**
   * `y[o,r,:] = softmax(x[o,r,:] * scale + mask)` for contiguous [outer, rows, cols]; `y` may be `x`. Masked elements
   * get weight 0, and so does a fully masked row.
   *
   * @param causal 1: row r sees only the columns 0 … r
   * @param maskKind 0: no mask; 1: elements of the dtype, which are added; 2: uint8, where 0 hides
   * @param maskOuter strides of the mask; `maskCol` is 0 or 1
   */
  maskedSoftmax(
    outer: number,
    rows: number,
    cols: number,
    scale: number,
    causal: number,
    x: number,
    maskKind: number,
    mask: number,
    maskOuter: number,
    maskRow: number,
    maskCol: number,
    y: number,
  ): void;
  /** `dx = scale * y * (dy - sum(dy * y))` in each row: the gradient of `softmax(x * scale)`; `dx` may be `dy` or `y`. */
  maskedSoftmaxGrad(rows: number, cols: number, scale: number, dy: number, y: number, dx: number): void;
}
