// The families of kernels, which ops call: `elementwiseKernels(dtype).add(…)`. A program carries those that it imports.
// table.ts explains the signatures; a family has the same name in table/, reference/ and definitions/.
import { kernelFamily } from "./dispatch.ts";
import { activations } from "./reference/activations.ts";
import { attention } from "./reference/attention.ts";
import { channels } from "./reference/channels.ts";
import { convolution } from "./reference/convolution.ts";
import { elementwise } from "./reference/elementwise.ts";
import { indexed } from "./reference/indexed.ts";
import { linear } from "./reference/linear.ts";
import { losses } from "./reference/losses.ts";
import { move } from "./reference/move.ts";
import { norm } from "./reference/norm.ts";
import { optimizers } from "./reference/optimizers.ts";
import { pooling } from "./reference/pooling.ts";
import { random } from "./reference/random.ts";
import { recurrent } from "./reference/recurrent.ts";
import { reduce } from "./reference/reduce.ts";
import { softmax } from "./reference/softmax.ts";
import { training } from "./reference/training.ts";
import type { ActivationKernels } from "./table/activations.ts";
import type { AttentionKernels } from "./table/attention.ts";
import type { ChannelKernels } from "./table/channels.ts";
import type { ConvolutionKernels } from "./table/convolution.ts";
import type { ElementwiseKernels } from "./table/elementwise.ts";
import type { IndexedKernels } from "./table/indexed.ts";
import type { LinearKernels } from "./table/linear.ts";
import type { LossKernels } from "./table/losses.ts";
import type { MoveKernels } from "./table/move.ts";
import type { NormKernels } from "./table/norm.ts";
import type { OptimizerKernels } from "./table/optimizers.ts";
import type { PoolingKernels } from "./table/pooling.ts";
import type { RandomKernels } from "./table/random.ts";
import type { RecurrentKernels } from "./table/recurrent.ts";
import type { ReduceKernels } from "./table/reduce.ts";
import type { SoftmaxKernels } from "./table/softmax.ts";
import type { TrainingKernels } from "./table/training.ts";
import * as modules from "./wasm-modules.generated.ts";

/** Activation functions and their gradients. */
export const activationKernels = kernelFamily<ActivationKernels>({
  reference: activations,
  modules: modules.activations,
});
/** Softmax with scale and mask. */
export const attentionKernels = kernelFamily<AttentionKernels>({
  reference: attention,
  modules: modules.attention,
});
/** Normalizations per channel. */
export const channelKernels = kernelFamily<ChannelKernels>({
  reference: channels,
  modules: modules.channels,
});
/** Convolution and im2col. */
export const convolutionKernels = kernelFamily<ConvolutionKernels>({
  reference: convolution,
  modules: modules.convolution,
});
/** What fills and casts, and functions of one to three elements. */
export const elementwiseKernels = kernelFamily<ElementwiseKernels>({
  reference: elementwise,
  modules: modules.elementwise,
});
/** What reads and writes at indices. */
export const indexedKernels = kernelFamily<IndexedKernels>({ reference: indexed, modules: modules.indexed });
/** The matrix product. */
export const linearKernels = kernelFamily<LinearKernels>({ reference: linear, modules: modules.linear });
/** Losses of rows with labels. */
export const lossKernels = kernelFamily<LossKernels>({ reference: losses, modules: modules.losses });
/** What moves elements without looking at them; ranges. */
export const moveKernels = kernelFamily<MoveKernels>({ reference: move, modules: modules.move });
/** Normalizations over rows. */
export const normKernels = kernelFamily<NormKernels>({ reference: norm, modules: modules.norm });
/** Updates of weights. */
export const optimizerKernels = kernelFamily<OptimizerKernels>({
  reference: optimizers,
  modules: modules.optimizers,
});
/** Max and average pooling. */
export const poolingKernels = kernelFamily<PoolingKernels>({ reference: pooling, modules: modules.pooling });
/** Random numbers and masks. */
export const randomKernels = kernelFamily<RandomKernels>({ reference: random, modules: modules.random });
/** Gated recurrent cells. */
export const recurrentKernels = kernelFamily<RecurrentKernels>({
  reference: recurrent,
  modules: modules.recurrent,
});
/** Reductions and scans along an axis. */
export const reduceKernels = kernelFamily<ReduceKernels>({ reference: reduce, modules: modules.reduce });
/** Softmax and its kin over rows. */
export const softmaxKernels = kernelFamily<SoftmaxKernels>({ reference: softmax, modules: modules.softmax });
/** Averages and clipping of gradients, averages of weights. */
export const trainingKernels = kernelFamily<TrainingKernels>({
  reference: training,
  modules: modules.training,
});
