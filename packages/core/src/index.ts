// @shardgrad/core: everything that is public, by layer.

export { defineOp, defineVariadicOp, gradEnabled, noGrad } from "./define-op.ts";
export type { DType, NumericArray } from "./dtype.ts";
export * from "./errors.ts";
export { writeSafetensors } from "./io/safetensors.ts";
export { type KernelSet, kernelSet, kernelsFor, useKernels } from "./kernels/dispatch.ts";
export type { Kernels } from "./kernels/table.ts";
export { accuracy } from "./losses/accuracy.ts";
export { crossEntropy } from "./losses/cross-entropy.ts";
export { Heap, type HeapOptions, heap, openHeap } from "./memory/heap.ts";
export { Storage } from "./memory/storage.ts";
export { ReLU } from "./nn/activations.ts";
export { Conv1d, type Conv1dLayerOptions, Conv2d, type Conv2dLayerOptions } from "./nn/convolution.ts";
export { Flatten } from "./nn/flatten.ts";
export { Linear, type LinearOptions } from "./nn/linear.ts";
export { Module } from "./nn/module.ts";
export { AdaptiveAvgPool2d, AvgPool1d, AvgPool2d, MaxPool1d, MaxPool2d } from "./nn/pooling.ts";
export { Sequential } from "./nn/sequential.ts";
export * from "./ops/index.ts";
export { Adam, type AdamOptions } from "./optim/adam.ts";
export { Optimizer } from "./optim/optimizer.ts";
export { SGD, type SGDOptions } from "./optim/sgd.ts";
export { Generator, Permutation, philox, stream } from "./random.ts";
export { scope } from "./scope.ts";
export type { Shape } from "./shape.ts";
export { type BackwardOptions, backward, grad } from "./tape.ts";
export { type Node, Tensor } from "./tensor.ts";
