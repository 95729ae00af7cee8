// What rank 0 reports about a step: one row of a table in shared memory. There are two tables. One has every step, on
// request, and is written before the word `step` is raised. The other has the last step of each epoch, and is written
// before `epochs` is raised. So a reader that sees the word sees the record.
import type { Optimizer } from "@shardgrad/core";
import type { Float64Table } from "./float64-table.ts";
import { readCell, writeCell } from "./float64-table.ts";

export interface StepRecord {
  /** Mean loss over the step's samples, before the update. */
  loss: number;
  /** The norm of the averaged gradient, before clipping; NaN if the step was skipped before that was known. */
  gradNorm: number;
  /** True if it was not finite, and skipped. */
  skipped: boolean;
  /** The learning rate of each parameter group in the update. */
  lrs: readonly number[];
}

/** The form that scripts get. */
export interface ToldRates {
  /** The learning rate of the first parameter group. */
  lr: number;
  /** The learning rate of each group, if there are several. */
  lrs?: readonly number[];
}

const fixedColumns = 3;

/** Columns of the table, for so many parameter groups. */
export function stepColumns(groups: number): number {
  return fixedColumns + groups;
}

/** Writes record number `index`, counted from 0. */
export function writeStepRecord(
  table: Float64Table,
  index: number,
  { loss, gradNorm, skipped, lrs }: StepRecord,
): void {
  writeCell(table, index, 0, loss);
  writeCell(table, index, 1, gradNorm);
  writeCell(table, index, 2, Number(skipped));
  for (let group = 0; group < lrs.length; group++) writeCell(table, index, fixedColumns + group, lrs[group]!);
}

export function readStepRecord(table: Float64Table, index: number): StepRecord {
  const at = (column: number) => readCell(table, index, column);
  const lrs: number[] = [];
  for (let column = fixedColumns; column < table.columns; column++) lrs.push(at(column));
  return { loss: at(0), gradNorm: at(1), skipped: at(2) === 1, lrs };
}

/** The learning rate of each parameter group in the next update. */
export function nextLearningRates({ paramGroups, stepCount }: Optimizer): number[] {
  return paramGroups.map(({ lr }) => (typeof lr === "function" ? lr(stepCount) : lr));
}

export function toldRates(lrs: readonly number[]): ToldRates {
  return { lr: lrs[0]!, ...(lrs.length > 1 && { lrs }) };
}
