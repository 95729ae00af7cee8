// What rank 0 tells about a step: one record of float64 in a table in shared memory. There are two: of every step, if a script
// wants to know, written before the word `step` is raised; and of the last step of each epoch, written before `epochs` is. So
// a reader that sees the word sees the record.
import type { Optimizer } from "@shardgrad/core";
import { heap } from "@shardgrad/core/engine";

export interface StepRecord {
  /** Mean loss over the step's samples, before the update. */
  loss: number;
  /** The norm of the averaged gradient, before clipping; NaN if the step was left out before that was known. */
  gradNorm: number;
  /** True if it was not finite and left out. */
  skipped: boolean;
  /** Of the update: that of each group of parameters. */
  lrs: readonly number[];
}

/** The same as scripts are told it. */
export interface ToldRates {
  /** The learning rate of the step's update: of the first group of parameters. */
  lr: number;
  /** That of each group, if there are several. */
  lrs?: readonly number[];
}

export interface StepTable {
  address: number;
  /** Groups of parameters. */
  groups: number;
}

const fixedFields = 3;

/** Float64 values that one record takes. */
export function stepRecordSize(groups: number): number {
  return fixedFields + groups;
}

/** Writes record number `index`, counted from 0. */
export function writeStepRecord(
  { address, groups }: StepTable,
  index: number,
  { loss, gradNorm, skipped, lrs }: StepRecord,
): void {
  const at = address / 8 + index * stepRecordSize(groups);
  heap().float64.set([loss, gradNorm, Number(skipped), ...lrs], at);
}

export function readStepRecord({ address, groups }: StepTable, index: number): StepRecord {
  const at = address / 8 + index * stepRecordSize(groups);
  const [loss, gradNorm, skipped, ...lrs] = heap().float64.subarray(at, at + stepRecordSize(groups));
  return { loss: loss!, gradNorm: gradNorm!, skipped: skipped === 1, lrs };
}

/** The learning rate of each group of parameters in the update that comes next. */
export function nextLearningRates({ paramGroups, stepCount }: Optimizer): number[] {
  return paramGroups.map(({ lr }) => (typeof lr === "function" ? lr(stepCount) : lr));
}

export function toldRates(lrs: readonly number[]): ToldRates {
  return { lr: lrs[0]!, ...(lrs.length > 1 && { lrs }) };
}
