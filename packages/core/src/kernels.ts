// The kernel language and the kernels that are defined in it, for those who make machine code of them
// (`@shardgrad/native`). See kernels/language/README.md.
export type { KernelFamily } from "./kernels/definitions/index.ts";
export { kernelDefinitions } from "./kernels/definitions/index.ts";
export type { Definition, ParameterType } from "./kernels/language/definition.ts";
export { defineKernel, defineRoutine } from "./kernels/language/definition.ts";
export { bitsOf, fromBits } from "./kernels/language/float-bits.ts";
export type { InterpretedMemory } from "./kernels/language/interpret.ts";
export { interpret } from "./kernels/language/interpret.ts";
export type { Operand, PlaceOperand } from "./kernels/language/notes.ts";
export { foldLanes, Recorder } from "./kernels/language/recorder.ts";
export type {
  FoldName,
  LoadKind,
  Making,
  Operation,
  Place,
  Routine,
  Statement,
  StoreKind,
  Target,
  Value,
  ValueType,
  Variable,
} from "./kernels/language/values.ts";
export { operations } from "./kernels/language/values.ts";
export { build32, build64, emitModule } from "./kernels/wasm/module.ts";
export type { Build } from "./kernels/wasm/site.ts";
