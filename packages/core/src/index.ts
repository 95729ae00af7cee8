// @shardgrad/core: the public API. engine.ts has what packages that build on core need.

export { checkpoint, isRecomputing } from "./autograd/checkpoint.ts";
export {
  type Arguments,
  defineOp,
  defineVariadicOp,
  type GradientRule,
  gradEnabled,
  noGrad,
  type OpDefinition,
  type VariadicDefinition,
} from "./autograd/define-op.ts";
export {
  type DerivativeOptions,
  hessian,
  hvp,
  jacobian,
  jvp,
  type Pullback,
  type TensorFunction,
  valueAndGrad,
  vjp,
} from "./autograd/differentiation.ts";
export { detach } from "./autograd/gradient-ops.ts";
export {
  type Graph,
  type GraphEdge,
  type GraphNode,
  type GraphOptions,
  type GraphRole,
  graphOf,
  toDot,
  toMermaid,
} from "./autograd/graph.ts";
export { type BackwardOptions, backward, type GradOptions, grad, onGradient } from "./autograd/tape.ts";
export { type Compiled, type CompileOptions, compile } from "./capture/compile.ts";
export { type Profile, type ProfileOptions, type ProfileRow, profile } from "./capture/profile.ts";
export type { DType, IntegerArray, NumericArray } from "./dtype.ts";
export * from "./errors.ts";
export * from "./gradient-free/index.ts";
export {
  type NamedTensors,
  readSafetensors,
  type Safetensors,
  type SafetensorsParts,
  safetensorsParts,
  writeSafetensors,
} from "./io/safetensors.ts";
export type { SafetensorsSource } from "./io/safetensors-header.ts";
export { type KernelChoice, type KernelSet, kernelSet, useKernels } from "./kernels/dispatch.ts";
export type { WasmBuild } from "./kernels/wasm.ts";
export { accuracy } from "./losses/accuracy.ts";
export { type BCEWithLogitsOptions, bceWithLogits } from "./losses/binary-cross-entropy.ts";
export { type CrossEntropyOptions, crossEntropy } from "./losses/cross-entropy.ts";
export { type KLDivOptions, klDiv } from "./losses/kl-div.ts";
export type { LabelLossOptions } from "./losses/labels.ts";
export { nll } from "./losses/nll.ts";
export type { LossOptions, Reduction } from "./losses/reduction.ts";
export { type HuberOptions, huber, l1, mse } from "./losses/regression.ts";
export type { Storage } from "./memory/storage.ts";
export {
  type ActivationClass,
  ELU,
  GELU,
  LeakyReLU,
  LogSoftmax,
  ReLU,
  Sigmoid,
  SiLU,
  Softmax,
  Softplus,
  Tanh,
} from "./nn/activations.ts";
export {
  type AttentionMasking,
  MultiHeadAttention,
  type MultiHeadAttentionOptions,
} from "./nn/attention.ts";
export { Conv1d, type Conv1dLayerOptions, Conv2d, type Conv2dLayerOptions } from "./nn/convolution.ts";
export { Dropout } from "./nn/dropout.ts";
export { Embedding, type EmbeddingLayerOptions } from "./nn/embedding.ts";
export { Flatten } from "./nn/flatten.ts";
export * as init from "./nn/init.ts";
export { Linear, type LinearOptions } from "./nn/linear.ts";
export { type AnyModule, buffer, Module, parameter } from "./nn/module.ts";
export {
  BatchNorm1d,
  BatchNorm2d,
  type BatchNormLayerOptions,
  GroupNorm,
  LayerNorm,
  type LayerNormLayerOptions,
  type NormLayerOptions,
  RMSNorm,
} from "./nn/normalization.ts";
export { AdaptiveAvgPool2d, AvgPool1d, AvgPool2d, MaxPool1d, MaxPool2d } from "./nn/pooling.ts";
export {
  GRU,
  LSTM,
  type LSTMState,
  type RecurrentOptions,
  RNN,
  type RNNOptions,
} from "./nn/recurrent.ts";
export { Sequential } from "./nn/sequential.ts";
export type { LoadOptions, StateDict } from "./nn/state-dict.ts";
export { TransformerBlock, type TransformerBlockOptions } from "./nn/transformer.ts";
export * from "./ops/index.ts";
export type { Cell } from "./ops/sequence-models/recurrent.ts";
export { Adagrad, type AdagradOptions } from "./optim/adagrad.ts";
export { Adam, type AdamOptions, AdamW } from "./optim/adam.ts";
export { Adamax, type AdamaxOptions } from "./optim/adamax.ts";
export { type ClipGradNormOptions, clipGradNorm, clipGradValue } from "./optim/clip.ts";
export { EMA, type EMAOptions } from "./optim/ema.ts";
export type {
  OptimizerGroup,
  OptimizerOptions,
  ParameterGroup,
  ParametersOrGroups,
} from "./optim/groups.ts";
export { Lion, type LionOptions } from "./optim/lion.ts";
export { NAdam, type NAdamOptions } from "./optim/nadam.ts";
export {
  Optimizer,
  type OptimizerRules,
  type ParameterState,
  type ParameterStretch,
} from "./optim/optimizer.ts";
export { RMSProp, type RMSPropOptions } from "./optim/rms-prop.ts";
export {
  type ConstantScheduleOptions,
  type CosineScheduleOptions,
  constantSchedule,
  cosineSchedule,
  type LinearScheduleOptions,
  linearSchedule,
  type OneCycleOptions,
  oneCycleSchedule,
  type Schedule,
  type StepScheduleOptions,
  stepSchedule,
  type WarmupCosineScheduleOptions,
  warmupCosineSchedule,
} from "./optim/schedules.ts";
export { SGD, type SGDOptions } from "./optim/sgd.ts";
export type { OptimizerStateDict, SavedGroup } from "./optim/state-dict.ts";
export {
  currentGenerator,
  Generator,
  manualSeed,
  Permutation,
  philox,
  stream,
  withGenerator,
} from "./random.ts";
export { scope } from "./scope.ts";
export type { NestedNumbers, Shape } from "./shape.ts";
export { type GradientHook, type Node, Tensor } from "./tensor.ts";
