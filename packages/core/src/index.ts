// @shardgrad/core: everything that is public, by layer.

export { checkpoint, isRecomputing } from "./checkpoint.ts";
export { defineOp, defineVariadicOp, gradEnabled, noGrad } from "./define-op.ts";
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
} from "./differentiation.ts";
export type { DType, NumericArray } from "./dtype.ts";
export * from "./errors.ts";
export {
  type Graph,
  type GraphEdge,
  type GraphNode,
  type GraphOptions,
  type GraphRole,
  graphOf,
  toDot,
  toMermaid,
} from "./graph.ts";
export { readSafetensors, type Safetensors, writeSafetensors } from "./io/safetensors.ts";
export { type KernelSet, kernelSet, kernelsFor, useKernels } from "./kernels/dispatch.ts";
export type { Kernels } from "./kernels/table.ts";
export { accuracy } from "./losses/accuracy.ts";
export { crossEntropy } from "./losses/cross-entropy.ts";
export { Heap, type HeapOptions, heap, openHeap } from "./memory/heap.ts";
export { Storage } from "./memory/storage.ts";
export { ReLU } from "./nn/activations.ts";
export { Linear, type LinearOptions } from "./nn/linear.ts";
export { Module } from "./nn/module.ts";
export { Sequential } from "./nn/sequential.ts";
export * from "./ops/index.ts";
export { Adam, type AdamOptions } from "./optim/adam.ts";
export { Optimizer } from "./optim/optimizer.ts";
export { SGD, type SGDOptions } from "./optim/sgd.ts";
export { currentGenerator, Generator, Permutation, philox, stream } from "./random.ts";
export { scope } from "./scope.ts";
export type { Shape } from "./shape.ts";
export { detach } from "./tape/gradient-ops.ts";
export { type BackwardOptions, backward, grad, onGradient } from "./tape.ts";
export { type GradientHook, type Node, Tensor } from "./tensor.ts";
