// @shardgrad/parallel/engine: the barrier and shared tables, for programs that measure or test them. Not for programs
// that train models: it may change in any version.

export { cpuQuota, usableCores } from "./plan/cpu-limit.ts";
export { Barrier, type BarrierOptions } from "./shared/barrier.ts";
export { Control, controlBytes } from "./shared/control.ts";
