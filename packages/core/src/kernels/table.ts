// The table of kernels: every numeric loop of the library, by name, with its only signature. Arguments are plain
// numbers, so that a call can be recorded and replayed. Tensors are byte offsets into the heap (`x`, `y`, …; 0 means
// "absent" where allowed); sizes and strides count elements. Kernels check nothing. `reference/` has the dull
// implementation of each, `definitions/` the fast one for float32. See README.md.
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

export type { ActivationKernel, ActivationKernels, ActivationName } from "./table/activations.ts";
export type { AttentionKernels } from "./table/attention.ts";
export type { ChannelKernels } from "./table/channels.ts";
export type { ConvolutionKernels } from "./table/convolution.ts";
export type {
  BinaryKernel,
  BinaryKernels,
  ElementwiseKernels,
  TernaryKernel,
  TernaryKernels,
  UnaryKernel,
  UnaryKernels,
} from "./table/elementwise.ts";
export type { IndexedKernels } from "./table/indexed.ts";
export type { LinearKernels } from "./table/linear.ts";
export type { LossKernels } from "./table/losses.ts";
export type { MoveKernels } from "./table/move.ts";
export type { NormKernels } from "./table/norm.ts";
export type { OptimizerKernels } from "./table/optimizers.ts";
export type { PoolingKernels } from "./table/pooling.ts";
export type { RandomKernels } from "./table/random.ts";
export type { RecurrentKernels } from "./table/recurrent.ts";
export type { ReduceKernel, ReduceKernels, ReduceToValueKernels } from "./table/reduce.ts";
export type { RowGradKernel, RowKernel, SoftmaxKernels } from "./table/softmax.ts";
export type { TrainingKernels } from "./table/training.ts";

/** All kernels, by name. */
export interface Kernels
  extends ActivationKernels,
    ElementwiseKernels,
    ReduceKernels,
    AttentionKernels,
    IndexedKernels,
    LinearKernels,
    ConvolutionKernels,
    PoolingKernels,
    ChannelKernels,
    NormKernels,
    MoveKernels,
    RandomKernels,
    RecurrentKernels,
    LossKernels,
    OptimizerKernels,
    SoftmaxKernels,
    TrainingKernels {}

export type KernelName = keyof Kernels;
