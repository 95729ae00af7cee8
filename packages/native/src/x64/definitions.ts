// The kernels that are compiled for x86-64.
import type { Definition } from "@shardgrad/core/kernels";
import { kernelDefinitions } from "@shardgrad/core/kernels";

/** Kernels with an operation that this backend does not have: `addUp`, `v.index`, bytes, one float64, an `f64` parameter. */
const without: ReadonlySet<string> = new Set([
  ...["addSquares", "sum", "spread", "softmax", "logSoftmax", "logSumExp", "softmaxGrad", "logSoftmaxGrad"],
  ...["crossEntropy", "crossEntropyGrad", "rowNorm", "rowNormGrad", "rowNormGradWeight"],
  ...["maskedSoftmax", "maskedSoftmaxGrad", "gatherUint8", "dropoutMask", "dropout"],
]);

export const definitions: readonly Definition[] = Object.values(kernelDefinitions)
  .flat()
  .filter(({ name }) => !without.has(name));
