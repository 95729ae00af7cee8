// A lookup table of vectors.

import { randn } from "../ops/create/create.ts";
import { embedding, embeddingOptions } from "../ops/indexing/embedding.ts";
import { checkOptions } from "../options.ts";
import type { Tensor } from "../tensor.ts";
import { requireSizes } from "./linear.ts";
import { Module, parameter } from "./module.ts";

/** Options of `Embedding`. */
export interface EmbeddingLayerOptions {
  /** A row that starts as zeros and is not trained; negative numbers count from the end. */
  paddingIdx?: number;
}

/** Vectors by index: maps `index […]` int32 to `[…, dim]`. Initial values are normal, as in PyTorch. */
export class Embedding extends Module {
  readonly weight: Tensor;
  readonly paddingIdx: number | undefined;

  constructor(count: number, dim: number, options: EmbeddingLayerOptions = {}) {
    super();
    checkOptions("Embedding", options, embeddingOptions);
    requireSizes("Embedding", { count, dim });
    this.paddingIdx = options.paddingIdx;
    this.weight = parameter(randn([count, dim]));
    if (options.paddingIdx === undefined) return;
    const row = options.paddingIdx < 0 ? options.paddingIdx + count : options.paddingIdx;
    this.weight.data().fill(0, row * dim, (row + 1) * dim);
  }

  forward(index: Tensor): Tensor {
    return embedding(index, this.weight, { paddingIdx: this.paddingIdx });
  }
}
