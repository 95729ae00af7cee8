// What the backward pass itself does to gradients: pass them on, copy them, add them up. These are ordinary ops, so
// that a backward pass can be recorded. Must not know any op of ops/.

import { elementwiseKernels } from "../kernels/families.ts";
import { requireTensor } from "../require-tensor.ts";
import { copyStrided } from "../strided-copy.ts";
import { contiguous, Tensor } from "../tensor.ts";
import { defineOp } from "./define-op.ts";

/** The same elements, detached from the graph: no gradient flows through. */
export function detach(x: Tensor): Tensor {
  requireTensor("detach", x);
  return x.view(x.shape, x.strides);
}

/** The same elements under a new handle. */
export const alias = defineOp<[Tensor]>({
  name: "alias",
  forward: detach,
  vjp: [(dy) => dy],
});

/** The same elements in a new contiguous block. */
export const copy = defineOp<[Tensor]>({
  name: "copy",
  forward: (x) => {
    const y = Tensor.allocate(x.shape, x.dtype, "gradient");
    copyStrided(x, y);
    return y;
  },
  vjp: [(dy) => dy],
});

/** The sum of two gradients of one tensor. */
export const accumulate = defineOp<[Tensor, Tensor]>({
  name: "accumulate",
  forward: (a, b) => {
    const y = Tensor.allocate(a.shape, a.dtype, "gradient");
    addInto(a, b, y);
    return y;
  },
  vjp: [(dy) => dy, (dy) => dy],
});

/** `y = a + b`; `y`, which may be `a`, is contiguous. */
export function addInto(a: Tensor, b: Tensor, y: Tensor): void {
  const left = contiguous(a);
  const right = contiguous(b);
  elementwiseKernels(y.dtype).add(1, y.size, left.address, 0, 1, right.address, 0, 1, y.address);
  if (left !== a) left.dispose();
  if (right !== b) right.dispose();
}

/** A tensor like `x` whose elements are all `value`. */
export function filledLike(x: Tensor, value: number): Tensor {
  const y = Tensor.allocate(x.shape, x.dtype, "gradient");
  elementwiseKernels(x.dtype).fill(x.size, value, y.address);
  return y;
}
