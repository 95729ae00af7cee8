// How often the largest logit is the right class.
import { int32Advice } from "../dtype.ts";
import { DTypeError, ShapeError } from "../errors.ts";
import { equal } from "../ops/arithmetic/compare.ts";
import { cast } from "../ops/create/cast.ts";
import { argmax } from "../ops/reductions/reduce.ts";
import { requireTensor } from "../require-tensor.ts";
import { formatShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { checkClasses, defaultIgnoreIndex } from "./labels.ts";

/**
 * 1 for each sample whose largest logit is its label, else 0: `logits [n,classes]`, `labels [n]` int32, `[n]`. The
 * label -100, which losses ignore, counts as wrong: if there are such labels, divide the sum by the number of the
 * others.
 *
 * @throws IndexError for a label that is not a class, naming it and its place; ShapeError, DTypeError
 */
export function accuracy(logits: Tensor, labels: Tensor): Tensor {
  requireTensor("accuracy", logits, "logits");
  requireTensor("accuracy", labels, "labels");
  if (logits.rank !== 2 || labels.rank !== 1 || labels.size !== logits.shape[0]) {
    throw new ShapeError(
      `accuracy: got logits ${formatShape(logits.shape)} and labels ${formatShape(labels.shape)}, expected [n,classes] and [n]`,
    );
  }
  if (logits.shape[1] === 1) {
    throw new ShapeError(
      `accuracy: got logits ${formatShape(logits.shape)}, of a single class, which would always be the largest; for one logit per sample write cast(equal(cast(greater(reshape(logits, [-1]), 0), "int32"), labels), "float32")`,
    );
  }
  if (labels.dtype !== "int32") {
    throw new DTypeError(`accuracy: labels are ${labels.dtype}, expected int32; ${int32Advice("labels")}`);
  }
  checkClasses("accuracy", labels, logits.shape[1]!, defaultIgnoreIndex);
  return cast(equal(argmax(logits), labels), "float32");
}
