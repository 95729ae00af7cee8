// @shardgrad/core/engine: the memory and the kernels beneath tensors, for packages that build on core, such as
// @shardgrad/parallel. Not for programs that train models: it may change in any version.

export { compileInRounds, type Rounds, type RoundsOptions, timeReplays } from "./capture/compile.ts";
export type { TimedCall } from "./capture/operands.ts";
export { bytesPerElement, isIntegerArray, toInt32 } from "./dtype.ts";
export { type StoredTensor, storedTensors } from "./io/safetensors.ts";
export { allKernels } from "./kernels/all-kernels.ts";
export { moveToLargerHeap } from "./kernels/dispatch.ts";
export * from "./kernels/families.ts";
export type { FamilyParts, KernelFamily } from "./kernels/family.ts";
export {
  type CallJoiner,
  type JoinableCall,
  type JoinedCalls,
  type KernelsOver,
  type Otherwise,
  type ProvidedKernels,
  type ProvidedName,
  provideKernels,
  provideWideKernels,
  type WideFamilies,
  type WideKernels,
} from "./kernels/provide-kernels.ts";
export { builtInKernels, resolveKernels } from "./kernels/resolve-kernels.ts";
export { scratchMemory } from "./kernels/scratch.ts";
export type * from "./kernels/table.ts";
export { blockSize, formatBytes } from "./memory/arena.ts";
export {
  Heap,
  type HeapOptions,
  heap,
  openHeap,
  type SharedMemory,
  wasmReachBytes,
  wideReachBytes,
} from "./memory/heap.ts";
export { type Allocator, allocateFrom, Storage, type Unfilled, withoutFilling } from "./memory/storage.ts";
export { type Exchange, hostStep, outsideOfCapture, type Share } from "./observer.ts";
export { checkOptions, findUnknown, nearestName, type OptionNames, optionNames } from "./options.ts";
export { foldPairwise, sumPairwise } from "./pairwise.ts";
export { drawnUnkeyed } from "./random.ts";
