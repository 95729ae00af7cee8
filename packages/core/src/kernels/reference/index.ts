// All reference kernels over one typed array: the oracle of the fast kernels, and the kernels of float64 and integer
// tensors. Plain loops, no tricks: if one of these is hard to read, it is wrong.
import type { NumericArray } from "../../dtype.ts";
import type { Heap } from "../../memory/heap.ts";
import type { Kernels } from "../table.ts";
import { activations } from "./activations.ts";
import { attention } from "./attention.ts";
import { convolution } from "./convolution.ts";
import { elementwise } from "./elementwise.ts";
import { indexed } from "./indexed.ts";
import { linear } from "./linear.ts";
import { losses } from "./losses.ts";
import { move } from "./move.ts";
import { norm } from "./norm.ts";
import { optimizers } from "./optimizers.ts";
import { pooling } from "./pooling.ts";
import { random } from "./random.ts";
import { recurrent } from "./recurrent.ts";
import { reduce } from "./reduce.ts";
import { softmax } from "./softmax.ts";
import { training } from "./training.ts";

/** The kernels for elements of the type of `F`, a view of the whole heap. */
export function referenceKernels(heap: Heap, F: NumericArray): Kernels {
  return {
    ...activations(F),
    ...elementwise(heap, F),
    ...reduce(heap, F),
    ...attention(heap, F),
    ...indexed(heap, F),
    ...linear(F),
    ...convolution(F),
    ...pooling(heap, F),
    ...norm(F),
    ...random(heap, F),
    ...recurrent(F),
    ...move(F),
    ...training(heap, F),
    ...optimizers(F),
    ...losses(heap, F),
    ...softmax(F),
  };
}
