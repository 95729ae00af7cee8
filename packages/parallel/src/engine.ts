// @shardgrad/parallel/engine: the barrier and shared tables, for programs that measure or test them, and what a package
// that connects machines implements. Not for programs that train models: it may change in any version.

export { phases } from "./errors.ts";
export { type Launch, machinesOf } from "./machines/launcher.ts";
export type { Ticket, Transport, TransportPackage } from "./machines/transport.ts";
export { cpuQuota, usableCores } from "./plan/cpu-limit.ts";
export { Barrier, type BarrierOptions } from "./shared/words/barrier.ts";
export { Control, controlBytes } from "./shared/words/control.ts";
