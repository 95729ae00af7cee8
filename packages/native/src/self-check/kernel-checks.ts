// Calls of a few kernels of each family, with sizes that have whole vectors, rounds of several, and tails. What each
// writes is computed by the interpreter of the kernel language when the package is built (scripts/build-kernels.ts).

/** An argument: a number, or an array of so many elements. */
export type CheckArgument =
  | number
  /** From -1 to 1. */
  | { readonly numbers: number }
  /** Above 0, to 1. */
  | { readonly positive: number }
  /** Integers from 0 to `below` - 1. */
  | { readonly integers: number; readonly below: number }
  /** What a kernel leaves there says nothing. It must come last. */
  | { readonly workspace: number };

export interface KernelCheck {
  readonly kernel: string;
  readonly args: readonly CheckArgument[];
}

const n = 77;
const [rows, cols] = [5, 37];
const size = rows * cols;
const numbers = (count = n) => ({ numbers: count });
const positive = (count = n) => ({ positive: count });
const labels = { integers: rows, below: rows };
const ofRows = [rows, cols, numbers(size)] as const;

/** One sample of [2,9,7] to [3,7,5]: kernels of 3 × 3, moved by 1. */
const convolution = [1, 1, 2, 9, 7, 3, 3, 3, 7, 5, 1, 1, 0, 0, 1, 1] as const;
const [input, weight, output] = [numbers(2 * 9 * 7), numbers(3 * 2 * 9), numbers(3 * 7 * 5)];
const workspace = { workspace: 8192 };

const calls: Readonly<Record<string, readonly CheckArgument[]>> = {
  // elementwise, activations
  exp: [n, numbers(), numbers()],
  log: [n, positive(), numbers()],
  sin: [n, numbers(), numbers()],
  div: [rows, cols, numbers(size), cols, 1, positive(cols), 0, 1, numbers(size)],
  maximum: [1, n, numbers(), 0, 1, numbers(), 0, 1, numbers()],
  where: [1, n, { integers: n, below: 2 }, 0, 1, numbers(), 0, 1, numbers(), 0, 1, numbers()],
  relu: [n, numbers(), numbers(), 0, 0],
  tanh: [n, numbers(), numbers(), 0, 0],
  gelu: [n, numbers(), numbers()],
  geluGrad: [n, numbers(), numbers(), numbers(), numbers()],
  // optimizers, training
  sgd: [n, numbers(), numbers(), numbers(), positive(16)],
  adam: [n, numbers(), numbers(), numbers(), positive(), positive(16)],
  average: [n, 3, numbers(3 * n), { integers: 3, below: 3 }, n, positive(3), 0.5, numbers()],
  clip: [n, 0.5, numbers()],
  // convolution, pooling
  convolve: [...convolution, input, weight, numbers(3), output, workspace],
  convolveInput: [...convolution, output, weight, input, workspace],
  convolveWeight: [...convolution, input, output, weight, workspace],
  maxPool: [2, 6, 44, 2, 2, 3, 22, 2, 2, 0, 0, 1, 1, numbers(2 * 6 * 44), numbers(132), numbers(132)],
  avgPool: [2, 6, 44, 2, 2, 3, 22, 2, 2, 0, 0, 1, 0, numbers(2 * 6 * 44), numbers(132)],
  // reductions, softmax, losses, norms, channels, attention
  sum: [rows, cols, 1, numbers(size), numbers(rows)],
  max: [1, rows, cols, numbers(size), numbers(cols)],
  argmax: [rows, cols, 1, numbers(size), numbers(rows)],
  softmax: [...ofRows, numbers(size)],
  softmaxGrad: [...ofRows, numbers(size), numbers(size)],
  logSumExp: [...ofRows, numbers(rows)],
  crossEntropy: [...ofRows, labels, -100, 0.1, numbers(4 * rows)],
  crossEntropyGrad: [
    rows,
    cols,
    numbers(rows),
    1,
    numbers(size),
    labels,
    -100,
    0,
    positive(4 * rows),
    numbers(size),
  ],
  rowNorm: [rows, cols, 1e-5, 1, numbers(size), numbers(cols), numbers(cols), numbers(size)],
  rowNormGrad: [rows, cols, 1e-5, 1, numbers(size), numbers(size), numbers(cols), numbers(size)],
  channelMoments: [3, 4, 19, numbers(3 * 4 * 19), numbers(4), numbers(4), numbers(4)],
  maskedSoftmax: [1, rows, cols, 0.5, 1, numbers(size), 0, 0, 0, 0, 0, numbers(size)],
  // indexed, move, random, recurrent
  gather: [...ofRows, labels, numbers(size)],
  scatterAdd: [...ofRows, labels, numbers(size)],
  copy: [1, 1, cols, rows, numbers(size), 0, 0, 1, cols, numbers(size), 0, 0, rows, 1],
  // Every fourth byte of that mask is 0.
  dropout: [n, 2, numbers(), { integers: n, below: 2 ** 24 }, numbers()],
  dropoutMask: [n, 2 ** 23, { integers: 16, below: 2 ** 30 }, 8, numbers(n)],
  lstmCell: [3, 13, numbers(3 * 4 * 13), numbers(39), numbers(39), numbers(39)],
};

export const kernelChecks: readonly KernelCheck[] = Object.entries(calls).map(([kernel, args]) => ({
  kernel,
  args,
}));
