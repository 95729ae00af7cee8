// Cross-entropy between logits and class indices, or class probabilities. The former is part of most training steps, so
// it has its own kernels: one from logits to losses, one from these to the gradient.

import { compute, defineOp } from "../autograd/define-op.ts";
import { bytesPerElement, int32Advice, isFloat } from "../dtype.ts";
import { DTypeError, ValueError } from "../errors.ts";
import { elementwiseKernels, lossKernels, reduceKernels } from "../kernels/families.ts";
import { Storage } from "../memory/storage.ts";
import { logSoftmax } from "../ops/activations/softmax.ts";
import { add, div, mul, neg, sub } from "../ops/arithmetic/arithmetic.ts";
import { exp } from "../ops/arithmetic/unary.ts";
import { where } from "../ops/arithmetic/where.ts";
import { reshape, sum } from "../ops/shape/broadcast.ts";
import { checkOptions, optionNames } from "../options.ts";
import { requireTensor } from "../require-tensor.ts";
import { contiguous, Tensor } from "../tensor.ts";
import type { LabelLossOptions } from "./labels.ts";
import { checkLabels, classAxis, classRows, defaultIgnoreIndex, labelLossOptionNames } from "./labels.ts";
import { labelWeights, nll, reduceRows } from "./nll.ts";
import type { Reduction } from "./reduction.ts";
import { checkReduction, reduceLosses, requireSameShape } from "./reduction.ts";

/** Options of `crossEntropy`. */
export interface CrossEntropyOptions extends LabelLossOptions {
  /** The share of each target to spread evenly over all classes, from 0 to 1; default 0. */
  labelSmoothing?: number;
}

const crossEntropyOptions = optionNames<CrossEntropyOptions>({
  ...labelLossOptionNames,
  labelSmoothing: true,
});

interface Attributes {
  reduction: Reduction;
  ignored: number;
  smoothing: number;
}

/**
 * Elements before the four rows that the kernel writes: the total and the count, and two to align the rows. None if the
 * result is the first row, the losses themselves.
 */
const headSize = (reduction: Reduction): number => (reduction === "none" ? 0 : 4);

/** The kernel's output follows the result in the same block, so that it lives as long as the graph needs both. */
const savedAddress = (y: Tensor, { reduction }: Attributes): number =>
  y.address + headSize(reduction) * bytesPerElement[y.dtype];

const crossEntropyOp = defineOp<[Tensor, Tensor], Attributes>({
  name: "crossEntropy",
  forward: (x, labels, { reduction, ignored, smoothing }) => {
    const [rows, cols] = x.shape as [number, number];
    const width = bytesPerElement[x.dtype];
    const head = headSize(reduction);
    const storage = Storage.allocate((head + 4 * rows) * width, "crossEntropy");
    const y = Tensor.over(storage, reduction === "none" ? [rows] : [], x.dtype);
    const saved = y.address + head * width;
    const { crossEntropy } = lossKernels(x.dtype);
    const logits = contiguous(x).address;
    crossEntropy(rows, cols, logits, contiguous(labels).address, ignored, smoothing, saved);
    if (reduction !== "none") reduceKernels(x.dtype).sum(2, rows, 1, saved, y.address);
    if (reduction === "mean")
      elementwiseKernels(x.dtype).div(1, 1, y.address, 0, 0, y.address + width, 0, 0, y.address);
    return y;
  },
  vjp: [(dy, y, x, labels, attributes): Tensor => crossEntropyGradOp(dy, x, labels, y, attributes), null],
});

/** Softmax minus target, times `dy` for each row: linear in `dy`, which is a scalar or `[rows]`. */
const crossEntropyGradOp = defineOp<[Tensor, Tensor, Tensor, Tensor], Attributes>({
  name: "crossEntropyGrad",
  forward: (dy, x, labels, y, attributes) => {
    const [rows, cols] = x.shape as [number, number];
    const dx = Tensor.allocate(x.shape, x.dtype, "crossEntropyGrad");
    const scale = attributes.reduction === "mean" ? perRow(dy, y) : contiguous(dy);
    lossKernels(x.dtype).crossEntropyGrad(
      rows,
      cols,
      scale.address,
      attributes.reduction === "none" ? 1 : 0,
      contiguous(x).address,
      contiguous(labels).address,
      attributes.ignored,
      attributes.smoothing,
      savedAddress(y, attributes),
      dx.address,
    );
    return dx;
  },
  vjp: [
    (dz, _, dy, x, labels, y, attributes): Tensor => {
      const perUnit = mul(dz, crossEntropyGradOp(onesLike(dy), x, labels, y, attributes));
      return attributes.reduction === "none" ? sum(perUnit, -1) : sum(perUnit);
    },
    // The target does not depend on x, and the softmax p has the derivative p (dz - p·dz) in each row.
    (dz, _, dy, x, labels, y, attributes) => {
      const p = exp(logSoftmax(countedRows(x, labels, attributes.ignored)));
      const weighted = mul(p, dz);
      const inner = sub(weighted, mul(p, sum(weighted, -1, { keepDim: true })));
      const scale = attributes.reduction === "none" ? reshape(dy, [x.shape[0]!, 1]) : dy;
      return mul(mul(scale, rowShares(y, x.shape[0]!, attributes)), inner);
    },
    null,
    null,
  ],
});

/** The mean's `dy`, divided by the count that is stored after the result. */
function perRow(dy: Tensor, y: Tensor): Tensor {
  const share = Tensor.allocate([], y.dtype, "crossEntropyGrad");
  const count = y.address + bytesPerElement[y.dtype];
  elementwiseKernels(y.dtype).div(1, 1, dy.address, 0, 0, count, 0, 0, share.address);
  return share;
}

/** `[rows,1]`: the weight of each row's loss in the result. No gradient flows here. */
function rowShares(y: Tensor, rows: number, { reduction }: Attributes): Tensor {
  // Stored in the result's block: after a mean, the number of labels that count; after losses, a 1 for each such label.
  const shares = compute(() => {
    const counted = y.view([rows, 1], [1, 1], headSize(reduction) + rows);
    return where(counted, reduction === "mean" ? div(1, y.view([], [], 1)) : counted, 0);
  });
  shares.constant = true;
  return shares;
}

function onesLike(x: Tensor): Tensor {
  const y = Tensor.allocate(x.shape, x.dtype, "crossEntropyGrad");
  elementwiseKernels(x.dtype).fill(x.size, 1, y.address);
  y.constant = true;
  return y;
}

/** Replaces rows with an ignored label by zeros: nothing reads them, and their gradient is 0. */
function countedRows(rows: Tensor, labels: Tensor, ignored: number): Tensor {
  const counted = reshape(labelWeights(rows, labels, ignored), [labels.size, 1]);
  return where(counted, rows, 0);
}

/** With class weights; rare enough for plain ops. */
function weightedCrossEntropy(
  logits: Tensor,
  labels: Tensor,
  weight: Tensor,
  attributes: Attributes,
): Tensor {
  const { reduction, ignored, smoothing } = attributes;
  const flat = reshape(labels, [labels.size]);
  const logs = logSoftmax(countedRows(classRows(logits), flat, ignored));
  const right = nll(logs, flat, { weight, ignoreIndex: ignored, reduction: "none" });
  const weights = labelWeights(logs, flat, ignored, weight);
  if (smoothing === 0) return reduceRows(right, weights, labels, reduction);
  const all = mul(sum(mul(logs, weight), -1), labelWeights(logs, flat, ignored));
  const losses = sub(mul(right, 1 - smoothing), mul(all, smoothing / logs.shape[1]!));
  return reduceRows(losses, weights, labels, reduction);
}

function probabilityCrossEntropy(
  logits: Tensor,
  target: Tensor,
  weight: Tensor | undefined,
  { reduction, smoothing }: Attributes,
): Tensor {
  requireSameShape("crossEntropy", logits, target);
  const logs = logSoftmax(classRows(logits));
  const even = smoothing / logs.shape[1]!;
  const rows = classRows(target);
  const smooth = smoothing === 0 ? rows : add(mul(rows, 1 - smoothing), even);
  const losses = neg(sum(mul(weight ? mul(smooth, weight) : smooth, logs), -1));
  if (reduction !== "none") return reduceLosses(losses, reduction);
  return reshape(losses, logits.shape.toSpliced(classAxis(logits), 1));
}

/**
 * Cross-entropy of `softmax(logits)` with a target, as PyTorch defines it. Logits are `[n,classes]`, `[classes]`, or
 * `[n,classes,…]`; the target is one of
 *
 * - int32 labels, of that shape without the class axis: `-log softmax(logits)[label]`;
 * - class probabilities, floats of the shape of the logits: `-sum over classes of target · log softmax(logits)`.
 *
 * The result is a scalar: the mean over all labels that are not ignored (weighted, if `weight` is given). With
 * `reduction: "none"` it has the labels' shape. The loss of labels is one fused kernel, and can be differentiated any
 * number of times.
 *
 * @throws ValueError for a label that is not a class, naming it and its place; ShapeError, DTypeError
 */
export function crossEntropy(logits: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
  requireTensor("crossEntropy", logits, "logits");
  requireTensor("crossEntropy", target, "target");
  checkOptions("crossEntropy", options, crossEntropyOptions);
  const { reduction = "mean", ignoreIndex, labelSmoothing: smoothing = 0, weight } = options;
  const attributes = { reduction, ignored: ignoreIndex ?? defaultIgnoreIndex, smoothing };
  checkReduction("crossEntropy", reduction);
  if (!(smoothing >= 0 && smoothing <= 1)) {
    throw new ValueError(`crossEntropy: labelSmoothing is ${smoothing}, expected a number from 0 to 1`);
  }
  if (isFloat(target.dtype)) {
    if (target.rank < logits.rank) {
      throw new DTypeError(
        `crossEntropy: labels are ${target.dtype}, expected int32 class indices; ${int32Advice("labels")}`,
      );
    }
    if (ignoreIndex !== undefined) {
      throw new ValueError("crossEntropy: got ignoreIndex with class probabilities; it is for labels");
    }
    return probabilityCrossEntropy(logits, target, weight, attributes);
  }
  checkLabels("crossEntropy", logits, target, { ignoreIndex: attributes.ignored, ...(weight && { weight }) });
  if (weight) return weightedCrossEntropy(logits, target, weight, attributes);
  const labels = target.rank === 1 ? target : reshape(target, [target.size]);
  const losses = crossEntropyOp(classRows(logits), labels, attributes);
  return reduction === "none" && target.rank !== 1 ? reshape(losses, target.shape) : losses;
}
