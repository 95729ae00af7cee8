// Cross-entropy between logits and class indices.
import { ShapeError } from "../errors.ts";
import { neg } from "../ops/arithmetic.ts";
import { pick } from "../ops/indexing.ts";
import { mean } from "../ops/reduce.ts";
import { logSoftmax } from "../ops/softmax.ts";
import { formatShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/**
 * Mean over the rows of `-log softmax(logits)[label]`: `logits [n,classes]`, `labels [n]` int32, result a scalar.
 *
 * @throws ValueError if a label is not 0 … classes-1; ShapeError, DTypeError
 */
export function crossEntropy(logits: Tensor, labels: Tensor): Tensor {
  if (logits.rank !== 2 || labels.rank !== 1 || labels.size !== logits.shape[0]) {
    throw new ShapeError(
      `crossEntropy: got logits ${formatShape(logits.shape)} and labels ${formatShape(labels.shape)}, expected [n,classes] and [n]`,
    );
  }
  return neg(mean(pick(logSoftmax(logits), labels)));
}
