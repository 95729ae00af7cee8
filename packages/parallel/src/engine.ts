// @shardgrad/parallel/engine: what threads meet at, for programs that measure or test it. Not for programs that train
// models: what is here may change with any version.

export { usableCores } from "./plan/cpu-limit.ts";
export { Barrier, type BarrierOptions } from "./shared/barrier.ts";
export { Control, controlBytes } from "./shared/control.ts";
