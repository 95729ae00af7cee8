// Scaled dot-product attention (Vaswani et al. 2017, https://arxiv.org/abs/1706.03762). Reads and writes heads in
// place: a [batch, time, heads, dim] tensor viewed as [batch, heads, time, dim] is never copied.

import { defineOp, defineVariadicOp } from "../../autograd/define-op.ts";
import { bytesPerElement, isFloat } from "../../dtype.ts";
import { DTypeError, ShapeError, ValueError } from "../../errors.ts";
import { attentionKernels } from "../../kernels/families.ts";
import { heap } from "../../memory/heap.ts";
import { checkOptions, optionNames } from "../../options.ts";
import { commonDType, requireFloat } from "../../require-tensor.ts";
import type { Shape } from "../../shape.ts";
import { broadcastShapes, broadcastStrides, collapseAxes, formatShape } from "../../shape.ts";
import { contiguous, Tensor } from "../../tensor.ts";
import { dropout } from "../activations/dropout.ts";
import { mul, sub } from "../arithmetic/arithmetic.ts";
import { notEqual } from "../arithmetic/compare.ts";
import { cast } from "../create/cast.ts";
import { matmul, matmulLike } from "../linear-algebra/matmul.ts";
import { sum, sumTo } from "../shape/broadcast.ts";
import { transpose } from "../shape/shape.ts";

interface Masking {
  scale: number;
  causal: boolean;
}

/** A mask for scores of `shape` in the kernel's form: its kind, address, and strides of batches, rows and columns. */
type WalkedMask = readonly [kind: number, address: number, outer: number, row: number, col: number];

function walkMask(mask: Tensor | undefined, shape: Shape): WalkedMask {
  if (!mask) return [0, 0, 0, 0, 0];
  if (mask.dtype === "int32") return walkMask(cast(notEqual(mask, 0), "uint8"), shape);
  const strides = broadcastStrides(mask.shape, mask.strides, shape);
  const { operands } = collapseAxes(shape.slice(0, -2), [strides.slice(0, -2)]);
  const batches = operands[0]!;
  const [row, col] = strides.slice(-2) as [number, number];
  // More axes than the kernel walks: expand it to a full copy.
  if (batches.length > 1 || col > 1) return walkMask(contiguous(mask.view(shape, strides)), shape);
  return [mask.dtype === "uint8" ? 2 : 1, mask.address, batches[0] ?? 0, row, col];
}

/**
 * softmax(x·scale + mask) in each row, in place, since nothing else needs the scores. Inputs are the scores, and
 * optionally the mask.
 */
const attentionSoftmaxOp = defineVariadicOp<Masking>({
  name: "attentionSoftmax",
  forward: ([scores, mask], { scale, causal }) => {
    const y = scores!.view(scores!.shape, scores!.strides);
    if (y.size === 0) return y;
    const [rows, cols] = y.shape.slice(-2) as [number, number];
    const [batches, at] = [y.size / rows / cols, y.address];
    const { maskedSoftmax } = attentionKernels(y.dtype);
    maskedSoftmax(batches, rows, cols, scale, causal ? 1 : 0, at, ...walkMask(mask, y.shape), at);
    return y;
  },
  vjp: (dy, y, [, mask], { scale }, index) => {
    if (index === 0) return maskedSoftmaxGrad(dy, y, scale);
    return sumTo(maskedSoftmaxGrad(dy, y, 1), mask!.shape);
  },
});

/** `scale · y · (dy - sum(dy · y))` over rows: symmetric in dy, so it is its own gradient there. */
const maskedSoftmaxGrad = defineOp<[Tensor, Tensor], number>({
  name: "maskedSoftmaxGrad",
  forward: (dy, y, scale) => {
    const dx = Tensor.allocate(y.shape, y.dtype, "maskedSoftmaxGrad");
    const cols = y.shape.at(-1)!;
    const rows = y.size === 0 ? 0 : y.size / cols;
    const [gradient, weights] = [contiguous(dy).address, contiguous(y).address];
    attentionKernels(y.dtype).maskedSoftmaxGrad(rows, cols, scale, gradient, weights, dx.address);
    return dx;
  },
  vjp: [
    (dz, _, _dy, y, scale): Tensor => maskedSoftmaxGrad(dz, y, scale),
    (dz, _, dy, y, scale) => {
      const along = (g: Tensor) => sum(mul(g, y), -1, { keepDim: true });
      return mul(sub(mul(dz, sub(dy, along(dy))), mul(dy, along(dz))), scale);
    },
  ],
});

/** Options of `scaledDotProductAttention`. */
export interface AttentionOptions {
  /**
   * Broadcasts to [..., queries, keys]. Integers (uint8 or int32): 0 hides a key. Floats are added to the scores
   * (-Infinity hides a key). A float mask of only 0 and 1 is refused, because hardly anybody means to add it.
   */
  mask?: Tensor | null | undefined;
  /** Whether query i sees only the keys 0 … i; with a mask, both must allow a key. */
  causal?: boolean | undefined;
  /** Factor of the scores; default 1/√dim. */
  scale?: number | undefined;
  /** Probability of dropping each weight; default 0. */
  dropoutP?: number | undefined;
}

const operation = "scaledDotProductAttention";

const attentionOptions = optionNames<AttentionOptions>(
  { mask: true, causal: true, scale: true, dropoutP: true },
  { enableGqa: "it is not supported; repeat the heads of k and v" },
);

/** Throws unless the operands match; returns the shape of the scores. */
function scoresShape(q: Tensor, k: Tensor, v: Tensor): Shape {
  commonDType(operation, [q, k, v]);
  requireFloat(operation, q, "q");
  const ranksFit = [q, k, v].every((x) => x.rank >= 2);
  if (!ranksFit || q.shape.at(-1) !== k.shape.at(-1) || k.shape.at(-2) !== v.shape.at(-2)) {
    const shapes = [q, k, v].map((x) => formatShape(x.shape)).join(", ");
    throw new ShapeError(
      `${operation}: got q, k, v of shapes ${shapes}, expected […,queries,dim], […,keys,dim], […,keys,width]`,
    );
  }
  const batch = broadcastShapes(operation, q.shape.slice(0, -2), k.shape.slice(0, -2));
  return [...batch, q.shape.at(-2)!, k.shape.at(-2)!];
}

/** Whether all elements are 0 or 1, and not all 0. Reads in place, and stops as early as possible. */
function isZerosAndOnes({ address, dtype, shape, strides }: Tensor): boolean {
  const values = heap()[dtype];
  let ones = false;
  const only = (start: number, axis: number): boolean => {
    if (axis === shape.length) {
      if (values[start] === 1) ones = true;
      return values[start] === 1 || values[start] === 0;
    }
    for (let i = 0; i < shape[axis]!; i++) if (!only(start + i * strides[axis]!, axis + 1)) return false;
    return true;
  };
  return only(address / bytesPerElement[dtype], 0) && ones;
}

function checkMask(mask: Tensor, shape: Shape, q: Tensor): void {
  if (isFloat(mask.dtype) && mask.dtype !== q.dtype) {
    throw new DTypeError(
      `${operation}: mask is ${mask.dtype}, expected ${q.dtype} to be added, or uint8 or int32, of which 0 hides a key; cast it`,
    );
  }
  const lead = shape.length - mask.rank;
  if (lead < 0 || mask.shape.some((length, axis) => length !== 1 && length !== shape[lead + axis])) {
    throw new ShapeError(
      `${operation}: mask ${formatShape(mask.shape)} does not broadcast to the scores ${formatShape(shape)}; its axes must be equal or 1`,
    );
  }
  // A learned mask may pass through such values. Under compile, only recorded calls check this.
  if (isFloat(mask.dtype) && !mask.tracked && isZerosAndOnes(mask)) {
    throw new ValueError(
      `${operation}: mask is ${mask.dtype} and all 0 and 1; if 0 hides a key, write cast(mask, "uint8"); floats are added to the scores, and if that is meant, write sub(mask, 1), by which the weights are the same`,
    );
  }
}

/**
 * `softmax(q kᵀ · scale + mask) v`: `q […,queries,dim]`, `k […,keys,dim]`, `v […,keys,width]`, result
 * `[…,queries,width]`, in the memory order of `q`; leading axes (batch, heads) broadcast. A query that sees no key gets
 * 0. Like `torch.nn.functional.scaled_dot_product_attention`. Gradients flow to q, k, v, and to a float mask.
 *
 * @throws ShapeError if sizes do not match; DTypeError if dtypes differ; ValueError for a float mask of only 0 and 1
 */
export function scaledDotProductAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  options: AttentionOptions = {},
): Tensor {
  checkOptions(operation, options, attentionOptions);
  const { mask, causal = false, dropoutP = 0 } = options;
  const shape = scoresShape(q, k, v);
  if (mask) checkMask(mask, shape, q);
  const scale = options.scale ?? 1 / Math.sqrt(q.shape.at(-1)!);
  const scores = matmul(q, transpose(k));
  const weights = attentionSoftmaxOp(mask ? [scores, mask] : [scores], { scale, causal });
  return matmulLike(dropout(weights, dropoutP), v, q);
}
