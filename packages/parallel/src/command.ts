// @shardgrad/parallel/command: what a command over this package needs besides the public API. Not for programs that
// train models: it may change in any version.

export { checkParts } from "./check-parts.ts";
export type { CheckpointState } from "./checkpoint/state-file.ts";
export { partOf, takeRows } from "./data/fitted.ts";
export { describeThrown, oneLine } from "./errors.ts";
export { frozenCopy } from "./frozen-copy.ts";
export { jobUrlOf } from "./job/load-job.ts";
export { type KnownColumn, readWeightsInfo, type WeightsInfo } from "./job/weights-metadata.ts";
export { isFirstMachine, machinesOf } from "./machines/launcher.ts";
export type { ObservedStep, Onlooker } from "./onlooker.ts";
export { relaxedFuses } from "./plan/fused-multiply-add.ts";
export { machineMemory } from "./plan/memory-budget.ts";
export { availableKernels, chooseKernels, loadKernels, type RunKernels } from "./plan/run-kernels.ts";
export {
  checkOptions,
  checkValues,
  type OptionRow,
  type OptionRows,
  trainOptions,
} from "./plan/train-options.ts";
export { hasWideMemory } from "./plan/wide-memory.ts";
export { decodeWeights, readParts, readWeightsFile, type WeightsFile } from "./predict/weights-file.ts";
export { checkOutput, writeOutput } from "./run/output.ts";
export { isToldElsewhere } from "./run/told-errors.ts";
export { requireWritableFile, requireWritableFolder } from "./run/writable.ts";
export type { StepCalls } from "./shared/tables/kernel-calls.ts";
export { clockOffsetMs, markedSteps, type PhaseMark } from "./shared/tables/phase-marks.ts";
export { requireSurroundings } from "./surroundings.ts";
export { trainWatched } from "./train.ts";
