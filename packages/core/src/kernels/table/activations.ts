// Activation functions, and their gradients in one pass. ../table.ts explains all signatures.

/** `y[i] = f(x[i])`, i < n; both contiguous; `y` may be `x`. p and q are 0 for functions without parameters. */
export type ActivationKernel = (n: number, x: number, y: number, p: number, q: number) => void;

/**
 * `dx[i] = dy[i] * f'`, with PyTorch's result for NaN; `s` is the output for relu, tanh and sigmoid, else the input. `dx`
 * may be `dy` or `s`.
 */
export type ActivationGradKernel = (
  n: number,
  dy: number,
  s: number,
  dx: number,
  p: number,
  q: number,
) => void;

export type ActivationName =
  /** `max(x, 0)`; NaN stays NaN. */
  | "relu"
  /** x where positive, else `p x`. */
  | "leakyRelu"
  /** x where positive, else `p (exp(x) - 1)`. */
  | "elu"
  /** `log(1 + exp(p x)) / p`, and x itself where `p x > q`. */
  | "softplus"
  | "tanh"
  /** `1 / (1 + exp(-x))` */
  | "sigmoid"
  /** `x sigmoid(x)` */
  | "silu"
  /** `x Φ(x)` with `Φ(x) ≈ (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2`. */
  | "geluTanh"
  /** The nearest number from p to q; q if p > q. The gradient is 0 at p and q, too. A NaN bound has no effect. */
  | "clamp";

export type ActivationKernels = Record<ActivationName, ActivationKernel> &
  Record<`${ActivationName}Grad`, ActivationGradKernel> &
  GeluKernels;

interface GeluKernels {
  /** `y[i] = x Φ(x)`, Φ the normal distribution; `y` may be `x`. */
  gelu(n: number, x: number, y: number): void;
  /**
   * `dx[i] = dy (Φ(x) + x φ(x))`, φ the normal density. Takes Φ from the output of `gelu`, which halves the work. `dx` may
   * be any of the others.
   */
  geluGrad(n: number, dy: number, x: number, y: number, dx: number): void;
}
