// How often the largest logit is the right class.
import { cast } from "../ops/cast.ts";
import { equal } from "../ops/compare.ts";
import { argmax } from "../ops/reduce.ts";
import type { Tensor } from "../tensor.ts";

/** 1 for each sample whose largest logit is its label, else 0: `logits [n,classes]`, `labels [n]` int32, `[n]`. */
export function accuracy(logits: Tensor, labels: Tensor): Tensor {
  return cast(equal(argmax(logits), labels), "float32");
}
