// Negative log-likelihood: minus the logarithm of the probability of the right class.

import { compute, defineOp } from "../autograd/define-op.ts";
import { lossKernels } from "../kernels/families.ts";
import { div, mul } from "../ops/arithmetic/arithmetic.ts";
import { reshape, sum } from "../ops/shape/broadcast.ts";
import { checkOptions, optionNames } from "../options.ts";
import { contiguous, Tensor } from "../tensor.ts";
import type { LabelLossOptions } from "./labels.ts";
import { checkLabels, classRows, defaultIgnoreIndex, labelLossOptionNames } from "./labels.ts";
import type { Reduction } from "./reduction.ts";
import { checkReduction } from "./reduction.ts";

const nllOp = defineOp<[Tensor, Tensor], number>({
  name: "nll",
  forward: (x, labels, ignored) => {
    const [rows, cols] = x.shape as [number, number];
    const y = Tensor.allocate([rows], x.dtype, "nll");
    const { nll } = lossKernels(x.dtype);
    nll(rows, cols, contiguous(x).address, contiguous(labels).address, ignored, y.address);
    return y;
  },
  vjp: [(dy, _, x, labels, ignored): Tensor => nllGradOp(dy, labels, { cols: x.shape[1]!, ignored }), null],
});

const nllGradOp = defineOp<[Tensor, Tensor], { cols: number; ignored: number }>({
  name: "nllGrad",
  forward: (dy, labels, { cols, ignored }) => {
    const y = Tensor.allocate([dy.size, cols], dy.dtype, "nllGrad");
    const { nllGrad } = lossKernels(dy.dtype);
    nllGrad(dy.size, cols, contiguous(dy).address, contiguous(labels).address, ignored, y.address);
    return y;
  },
  vjp: [(dz, _, _dy, labels, { ignored }): Tensor => nllOp(dz, labels, ignored), null],
});

/** The weight of each label's class, or 1; 0 for ignored labels. */
export function labelWeights(x: Tensor, labels: Tensor, ignored: number, weight?: Tensor): Tensor {
  return compute(() => {
    const y = Tensor.allocate(labels.shape, x.dtype, "labelWeights");
    const factors = weight ? contiguous(weight).address : 0;
    lossKernels(x.dtype).labelWeights(labels.size, ignored, contiguous(labels).address, factors, y.address);
    return y;
  });
}

/** Divides a weighted sum by the sum of the weights; reshapes unreduced losses to the labels' shape. */
export function reduceRows(losses: Tensor, weights: Tensor, labels: Tensor, reduction: Reduction): Tensor {
  if (reduction === "none") return reshape(losses, labels.shape);
  const total = sum(losses);
  return reduction === "sum" ? total : div(total, sum(weights));
}

const nllOptions = optionNames<LabelLossOptions>(labelLossOptionNames);

/**
 * `-weight[label] x[…,label,…]` from log-probabilities `x` and int32 `labels`, in the shapes of `crossEntropy`. The
 * mean is over the labels that are not ignored, weighted by their class.
 *
 * @throws ValueError for a label that is not a class; ShapeError, DTypeError
 */
export function nll(x: Tensor, labels: Tensor, options: LabelLossOptions = {}): Tensor {
  checkOptions("nll", options, nllOptions);
  const { reduction = "mean", ignoreIndex = defaultIgnoreIndex, weight } = options;
  checkReduction("nll", reduction);
  checkLabels("nll", x, labels, { ignoreIndex, ...(weight && { weight }) });
  const rows = classRows(x);
  const flat = labels.rank === 1 ? labels : reshape(labels, [labels.size]);
  const weights = labelWeights(x, flat, ignoreIndex, weight);
  const losses = nllOp(rows, flat, ignoreIndex);
  return reduceRows(weight ? mul(losses, weights) : losses, weights, labels, reduction);
}
