// How losses over classes reshape their arguments: logits to [rows, classes], labels to [rows], wherever the class axis
// is.

import { int32Advice } from "../dtype.ts";
import { DTypeError, IndexError, ShapeError, ValueError } from "../errors.ts";
import { lossKernels } from "../kernels/families.ts";
import { heap } from "../memory/heap.ts";
import { hostStep } from "../observer.ts";
import { reshape } from "../ops/shape/broadcast.ts";
import { permute } from "../ops/shape/shape.ts";
import { commonDType, requireFloat, requireTensor } from "../require-tensor.ts";
import { scope } from "../scope.ts";
import { formatShape, sameShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { contiguous } from "../tensor.ts";
import type { LossOptions } from "./reduction.ts";

/** Options of the losses over classes. */
export interface LabelLossOptions extends LossOptions {
  /** A factor for each class, `[classes]`; the mean is then weighted. Gets no gradient. */
  weight?: Tensor;
  /** A label that does not count; default -100. */
  ignoreIndex?: number;
}

/** Names of the options of losses over classes. */
export const labelLossOptionNames = { reduction: true, weight: true, ignoreIndex: true } as const;

/** PyTorch's value, so that nobody ignores labels by accident. */
export const defaultIgnoreIndex = -100;

/** The class axis of logits `[classes]`, `[n,classes]` or `[n,classes,…]`. */
export function classAxis({ rank }: Tensor): number {
  return rank === 1 ? 0 : 1;
}

/** `x` with the class axis last and all others merged: `[rows,classes]`. */
export function classRows(x: Tensor): Tensor {
  const axis = classAxis(x);
  if (x.rank === 2) return x;
  const others = x.shape.map((_, i) => i).filter((i) => i !== axis);
  return reshape(permute(x, [...others, axis]), [-1, x.shape[axis]!]);
}

/**
 * Checks logits and labels against each other, and every label.
 *
 * @throws ShapeError, DTypeError; ValueError for a label that is neither a class nor ignored
 */
export function checkLabels(
  operation: string,
  logits: Tensor,
  labels: Tensor,
  options: { weight?: Tensor; ignoreIndex: number },
): void {
  const { weight, ignoreIndex } = options;
  requireFloat(operation, logits, "input");
  requireTensor(operation, labels, "labels");
  if (labels.dtype !== "int32") {
    throw new DTypeError(
      `${operation}: labels are ${labels.dtype}, expected int32; ${int32Advice("labels")}`,
    );
  }
  if (logits.rank === 0 || !sameShape(logits.shape.toSpliced(classAxis(logits), 1), labels.shape)) {
    throw new ShapeError(
      `${operation}: got input ${formatShape(logits.shape)} and labels ${formatShape(labels.shape)}, expected [n,classes] and [n], or [n,classes,…] and [n,…]`,
    );
  }
  const classes = logits.shape[classAxis(logits)]!;
  if (weight) {
    requireTensor(operation, weight, "weight");
    commonDType(operation, [logits, weight]);
    if (!sameShape(weight.shape, [classes])) {
      throw new ShapeError(
        `${operation}: weight has shape ${formatShape(weight.shape)}, expected [${classes}]`,
      );
    }
  }
  if (!Number.isInteger(ignoreIndex)) {
    throw new ValueError(`${operation}: ignoreIndex is ${ignoreIndex}, expected an integer`);
  }
  checkClasses(operation, labels, classes, ignoreIndex);
}

/**
 * Checks that every int32 label is a class or the ignored one. Names the first that is not.
 *
 * @throws IndexError
 */
export function checkClasses(operation: string, labels: Tensor, classes: number, ignoreIndex: number): void {
  scope(() => {
    const { address } = contiguous(labels);
    const { size, shape } = labels;
    hostStep(`check the labels of ${operation}`, () => {
      const bad = lossKernels("int32").checkLabels(size, classes, ignoreIndex, address);
      if (bad < 0) return;
      const value = heap().int32[address / 4 + bad]!;
      const expected = `0 to ${classes - 1} (or ${ignoreIndex} to be ignored); check the labels against the number of classes`;
      throw new IndexError(operation, { value, place: bad, shape }, expected);
    });
  });
}
