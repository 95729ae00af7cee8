// Multi-head attention (Vaswani et al. 2017, https://arxiv.org/abs/1706.03762) over [batch, time, width].

import { ShapeError, ValueError } from "../errors.ts";
import { zeros } from "../ops/create/create.ts";
import { narrow } from "../ops/indexing/slice.ts";
import { linear } from "../ops/linear-algebra/matmul.ts";
import type { AttentionOptions } from "../ops/sequence-models/attention.ts";
import { scaledDotProductAttention } from "../ops/sequence-models/attention.ts";
import { reshape } from "../ops/shape/broadcast.ts";
import { permute } from "../ops/shape/shape.ts";
import { checkOptions, optionNames } from "../options.ts";
import { formatShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { requireProbability } from "./dropout.ts";
import * as init from "./init.ts";
import { Linear, layerInstead, requireSizes } from "./linear.ts";
import { Module, parameter } from "./module.ts";

/** Options of `MultiHeadAttention`. */
export interface MultiHeadAttentionOptions {
  /** Whether the projections have biases; default true. */
  bias?: boolean;
  /** Probability of dropping an attention weight during training; default 0. */
  dropout?: number;
}

/** Which keys a query sees. */
export type AttentionMasking = Pick<AttentionOptions, "mask" | "causal">;

/** Options of PyTorch's attention that this one does not have. */
export const attentionInstead = {
  ...layerInstead,
  addBiasKv: "it is not supported; leave it out",
  addZeroAttn: "it is not supported; leave it out",
  batchFirst: "batches always come first; leave it out",
};

const attentionLayerOptions = optionNames<MultiHeadAttentionOptions>(
  { bias: true, dropout: true },
  {
    ...attentionInstead,
    kdim: "key and value have the width of the query; put a Linear before it",
    vdim: "key and value have the width of the query; put a Linear before it",
  },
);

export const maskingOptions = optionNames<AttentionMasking>(
  { mask: true, causal: true },
  { needWeights: "weights are not returned; leave it out" },
);

/**
 * Attention with `heads` heads of size width / heads: `softmax(q kᵀ/√size) v` of the projected query, key and value,
 * then another projection. `query [batch, queries, width]`; `key` and `value [batch, keys, width]`, by default the
 * query.
 *
 * Parameters and their initial values are those of `torch.nn.MultiheadAttention`: `inProjWeight [3·width, width]` holds
 * the projections of query, key and value. Masks are as for `scaledDotProductAttention`, broadcast to [batch, heads,
 * queries, keys]. In an integer mask 0 hides a key (in PyTorch's module, true hides it); a float mask is added.
 */
export class MultiHeadAttention extends Module<
  [query: Tensor, key?: Tensor, value?: Tensor, masking?: AttentionMasking]
> {
  readonly inProjWeight: Tensor;
  readonly inProjBias: Tensor | null;
  readonly outProj: Linear;
  readonly width: number;
  readonly heads: number;
  readonly dropout: number;

  constructor(width: number, heads: number, options: MultiHeadAttentionOptions = {}) {
    super();
    checkOptions("MultiHeadAttention", options, attentionLayerOptions);
    requireSizes("MultiHeadAttention", { width, heads });
    if (width % heads !== 0) {
      throw new ValueError(
        `MultiHeadAttention: width ${width} and ${heads} heads, expected a multiple of the heads`,
      );
    }
    const { bias = true, dropout = 0 } = options;
    this.width = width;
    this.heads = heads;
    this.dropout = requireProbability("MultiHeadAttention", "dropout", dropout);
    this.inProjWeight = init.xavierUniform(parameter(zeros([3 * width, width])));
    this.inProjBias = bias ? parameter(zeros([3 * width])) : null;
    this.outProj = new Linear(width, width, { bias });
    if (this.outProj.bias) init.zeros(this.outProj.bias);
  }

  forward(query: Tensor, key = query, value = key, masking: AttentionMasking = {}): Tensor {
    checkOptions("MultiHeadAttention", masking, maskingOptions);
    const [q, k, v] = [query, key, value].map((x, part) => this.#project(x, part)) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    const dropoutP = this.training ? this.dropout : 0;
    const mixed = scaledDotProductAttention(q, k, v, { ...masking, dropoutP });
    // In memory the result is [batch, queries, heads, size], so merging the heads copies nothing.
    return this.outProj.forward(reshape(permute(mixed, [0, 2, 1, 3]), query.shape));
  }

  /** The projection of `x [batch, time, width]` as query (0), key (1) or value (2): `[batch, heads, time, size]`. */
  #project(x: Tensor, part: number): Tensor {
    const { width, heads, inProjBias } = this;
    if (x.rank !== 3 || x.shape[2] !== width) {
      throw new ShapeError(
        `MultiHeadAttention: got shape ${formatShape(x.shape)}, expected [batch,time,${width}]`,
      );
    }
    const weight = narrow(this.inProjWeight, 0, part * width, width);
    const y = linear(x, weight, inProjBias && narrow(inProjBias, 0, part * width, width));
    const [batch, time] = x.shape as [number, number];
    return permute(reshape(y, [batch, time, heads, width / heads]), [0, 2, 1, 3]);
  }
}
