// @shardgrad/core/engine: the memory and the kernels beneath tensors, for packages that build on core, such as
// @shardgrad/parallel. Not for programs that train models: what is here may change with any version.
export { hostStep, outsideOfCapture } from "./capture/observer.ts";
export { kernelsFor } from "./kernels/dispatch.ts";
export type { Kernels } from "./kernels/table.ts";
export { Heap, type HeapOptions, heap, openHeap } from "./memory/heap.ts";
export { Storage } from "./memory/storage.ts";
