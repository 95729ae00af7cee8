// A pre-norm transformer block (Xiong et al. 2020, https://arxiv.org/abs/2002.04745).

import { gelu } from "../ops/activations/activations.ts";
import { add } from "../ops/arithmetic/arithmetic.ts";
import { checkOptions, optionNames } from "../options.ts";
import type { Tensor } from "../tensor.ts";
import type { AttentionMasking } from "./attention.ts";
import { attentionInstead, MultiHeadAttention, maskingOptions } from "./attention.ts";
import { Dropout } from "./dropout.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";
import { LayerNorm } from "./normalization.ts";

/** Options of `TransformerBlock`. */
export interface TransformerBlockOptions {
  /** Width of the hidden layer; default 4 · width. */
  hidden?: number;
  /** Probability of dropping attention weights, hidden units, and both outputs; default 0. */
  dropout?: number;
  /** Whether time t sees only the times 0 … t; default false. */
  causal?: boolean;
  /** Whether projections, norms and linear layers have biases; default true. */
  bias?: boolean;
}

const blockOptions = optionNames<TransformerBlockOptions>(
  { hidden: true, dropout: true, causal: true, bias: true },
  {
    ...attentionInstead,
    activation: "it is GELU; for another, write the block as a Module of its own",
    layerNormEps: "it is 1e-5; leave it out",
    normFirst: "norms always come first; for others, write the block as a Module of its own",
  },
);

/**
 * `x ← x + attention(norm(x))`, `x ← x + linear(gelu(linear(norm(x))))`, over `x [batch, time, width]`. Names, order
 * and initial values of the parameters are those of `torch.nn.TransformerEncoderLayer` with `norm_first` and GELU.
 */
export class TransformerBlock extends Module<[x: Tensor, masking?: AttentionMasking]> {
  readonly selfAttn: MultiHeadAttention;
  readonly linear1: Linear;
  readonly linear2: Linear;
  readonly norm1: LayerNorm;
  readonly norm2: LayerNorm;
  readonly dropout: Dropout;
  readonly causal: boolean;

  constructor(width: number, heads: number, options: TransformerBlockOptions = {}) {
    super();
    checkOptions("TransformerBlock", options, blockOptions);
    const { hidden = 4 * width, dropout = 0, causal = false, bias = true } = options;
    this.selfAttn = new MultiHeadAttention(width, heads, { dropout, bias });
    this.linear1 = new Linear(width, hidden, { bias });
    this.linear2 = new Linear(hidden, width, { bias });
    this.norm1 = new LayerNorm(width, { bias });
    this.norm2 = new LayerNorm(width, { bias });
    this.dropout = new Dropout(dropout);
    this.causal = causal;
  }

  /** `x [batch, time, width]` to the same shape; `masking` says which keys a query sees, besides `causal`. */
  forward(x: Tensor, masking: AttentionMasking = {}): Tensor {
    checkOptions("TransformerBlock", masking, maskingOptions);
    const drop = (value: Tensor) => this.dropout.forward(value);
    const seen = { mask: masking.mask, causal: masking.causal ?? this.causal };
    const normed = this.norm1.forward(x);
    const attended = add(x, drop(this.selfAttn.forward(normed, normed, normed, seen)));
    const hidden = drop(gelu(this.linear1.forward(this.norm2.forward(attended))));
    return add(attended, drop(this.linear2.forward(hidden)));
  }
}
