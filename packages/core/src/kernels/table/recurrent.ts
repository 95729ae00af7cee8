// Kernels of the gated recurrent cells: one time step without its matrix product, and its gradient. ../table.ts
// explains all signatures. Everything is contiguous; h, c and their gradients are [rows, hidden].

export interface RecurrentKernels {
  /**
   * `gates` [rows, 4·hidden], preactivations in the order i, f, g, o, become sigmoid, sigmoid, tanh, sigmoid in place;
   * `c = f c0 + i g`, `h = o tanh(c)`.
   */
  lstmCell(rows: number, hidden: number, gates: number, c0: number, c: number, h: number): void;
  /** From `dh`, `dc` and the results of `lstmCell`: writes the preactivations' gradient to `dgates`, and that of `c0` to `dc`. */
  lstmCellGrad(
    rows: number,
    hidden: number,
    dh: number,
    dc: number,
    gates: number,
    c0: number,
    c: number,
    dgates: number,
  ): void;
  /**
   * `r = σ(x_r + q_r)`, `z = σ(x_z + q_z)`, `n = tanh(x_n + r q_n)`, `h = (1 - z) n + z h0`, with `x` and `q`
   * [rows, 3·hidden]; r, z, n and q_n go to `saved` [rows, 4·hidden].
   */
  gruCell(rows: number, hidden: number, x: number, q: number, h0: number, saved: number, h: number): void;
  /** From `dh` and what `gruCell` saved: the gradients of x and q; and in `dh` that of h0, except the part through q. */
  gruCellGrad(
    rows: number,
    hidden: number,
    dh: number,
    saved: number,
    h0: number,
    dx: number,
    dq: number,
  ): void;
}
