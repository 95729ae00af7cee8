// Splits a set into training samples and held-out samples, by a fraction or into folds, keyed by the seed. It can keep
// the share of each class equal (`stratify`). `split` copies columns; a job's `validation` only lists rows.

import { Permutation, stream } from "@shardgrad/core";
import type { Storage } from "@shardgrad/core/engine";
import { heap, optionNames } from "@shardgrad/core/engine";
import { checkParts } from "../check-parts.ts";
import { JobError } from "../errors.ts";
import type { StoredData } from "./column-data.ts";
import type { CheckedColumn, StoredColumns } from "./columns.ts";
import { checkColumns } from "./columns.ts";
import type { Column, Columns, PerSample } from "./dataset.ts";
import { perSample, perSampleOf } from "./per-sample.ts";

/** Which samples are held out. */
export type HoldOut<Name extends string = string> =
  /** The held-out share, above 0 and below 1. */
  | number
  | { fraction: number; stratify?: PerSample<Name> }
  /** Holds out part `fold` (from 0) of `folds` parts. Their sizes differ by at most one sample. */
  | { folds: number; fold: number; stratify?: PerSample<Name> };

const parts = optionNames<{ fraction: unknown; folds: unknown; fold: unknown; stratify: unknown }>({
  fraction: true,
  folds: true,
  fold: true,
  stratify: true,
});

/** The checks that need no data. */
export function checkHoldOut(operation: string, holdOut: unknown): void {
  const problem = (reason: string) => new JobError(`${operation}: ${reason}`);
  if (typeof holdOut !== "number" && (typeof holdOut !== "object" || holdOut === null)) {
    throw problem(`got ${String(holdOut)}, expected a fraction, { fraction }, or { folds, fold }`);
  }
  const spec = typeof holdOut === "number" ? { fraction: holdOut } : holdOut;
  checkParts(operation, spec, parts);
  if ("fraction" in spec) {
    if ("folds" in spec || "fold" in spec) throw problem("got fraction and folds; give one of them");
    const { fraction } = spec as { fraction: number };
    if (!(fraction > 0 && fraction < 1)) {
      throw problem(`fraction is ${String(fraction)}, expected a number above 0 and below 1`);
    }
    return;
  }
  const { folds, fold } = spec as { folds: number; fold: number };
  if (!(Number.isInteger(folds) && folds >= 2)) {
    throw problem(`folds is ${String(folds)}, expected an integer of at least 2`);
  }
  if (!(Number.isInteger(fold) && fold >= 0 && fold < folds)) {
    throw problem(`fold is ${String(fold)}, expected an integer from 0 to ${folds - 1}`);
  }
}

/** The samples in an order keyed by the seed; class by class if they have classes. */
function* inSplitOrder(samples: number, seed: number, classes?: Float64Array): Iterable<number> {
  const order = new Permutation(samples, seed, 0, stream.split);
  if (!classes) {
    for (let place = 0; place < samples; place++) yield order.at(place);
    return;
  }
  const byClass = new Map<number, number[]>();
  for (let place = 0; place < samples; place++) {
    const row = order.at(place);
    const rows = byClass.get(classes[row]!);
    if (rows) rows.push(row);
    else byClass.set(classes[row]!, [row]);
  }
  for (const rows of byClass.values()) yield* rows;
}

/**
 * The numbers of the training samples and of the held-out ones, both ascending. The held-out samples are evenly spaced
 * in the ordered set. So the held-out share of each class differs from the overall share by less than one sample.
 *
 * @throws JobError if one of the two would be empty
 */
export function holdOutRows(
  operation: string,
  samples: number,
  holdOut: HoldOut,
  seed: number,
  classes?: Float64Array,
): { train: Int32Array; test: Int32Array } {
  const spec = typeof holdOut === "number" ? { fraction: holdOut } : holdOut;
  const isHeld = new Uint8Array(samples);
  let held = 0;
  if ("folds" in spec) {
    let place = 0;
    for (const row of inSplitOrder(samples, seed, classes)) {
      if (place++ % spec.folds !== spec.fold) continue;
      isHeld[row] = 1;
      held++;
    }
  } else {
    held = Math.round(samples * spec.fraction);
    // Bresenham's line: `held` of `samples` places, evenly spaced, in exact integers.
    let due = 0;
    for (const row of inSplitOrder(samples, seed, classes)) {
      due += held;
      if (due < samples) continue;
      due -= samples;
      isHeld[row] = 1;
    }
  }
  if (held === 0 || held === samples) {
    throw new JobError(
      `${operation}: of ${samples} samples ${held} would be held out; both parts need at least one`,
    );
  }
  const rows = { train: new Int32Array(samples - held), test: new Int32Array(held) };
  const filled = { train: 0, test: 0 };
  for (let row = 0; row < samples; row++) {
    const part = isHeld[row] ? "test" : "train";
    rows[part][filled[part]++] = row;
  }
  return rows;
}

/** What gives the classes, if their shares are to be kept. */
export function stratifyOf(holdOut: HoldOut): PerSample | undefined {
  return typeof holdOut === "number" ? undefined : holdOut.stratify;
}

/** A job's `validation`: two parts of one stored set, as lists of rows in shared memory. Copies no samples. */
export function holdOutOf(
  set: StoredColumns,
  holdOut: HoldOut,
  seed: number,
  allocate: (bytes: number) => Storage,
): { train: StoredColumns; test: StoredColumns } {
  const stratify = stratifyOf(holdOut);
  const classes =
    stratify === undefined ? undefined : perSampleOf("validation.stratify", stratify, set, "classes");
  return partsOf(set, holdOutRows("validation", set.samples, holdOut, seed, classes), allocate);
}

/** Two parts of one stored set, as lists of rows in shared memory. */
export function partsOf(
  set: StoredColumns,
  rows: { train: Int32Array; test: Int32Array },
  allocate: (bytes: number) => Storage,
): { train: StoredColumns; test: StoredColumns } {
  const part = (numbers: Int32Array): StoredColumns => {
    const { offset } = allocate(numbers.byteLength);
    heap().int32.set(numbers, offset / 4);
    return { ...set, samples: numbers.length, subset: { rows: offset, of: set.samples } };
  };
  return { train: part(rows.train), test: part(rows.test) };
}

const arrayOf = { float32: Float32Array, int32: Int32Array, uint8: Uint8Array };

function takeRows({ column, dtype, rowSize }: CheckedColumn, rows: Int32Array): StoredData {
  const taken = new arrayOf[dtype](rows.length * rowSize);
  rows.forEach((row, i) => {
    taken.set(column.data.subarray(row * rowSize, (row + 1) * rowSize), i * rowSize);
  });
  return taken;
}

/**
 * Splits columns into `{ train, test }`, which can serve as a job's dataset: `test` gets the held-out samples, in the
 * order of the set; `train` gets the others. Only the seed decides which.
 *
 * @param holdOut a fraction, as in `0.1`; or `{ fraction }` or `{ folds, fold }`. Add `stratify`, the name of a column
 * of classes (or an array, or a function of the sample number), to hold out the same share of every class.
 * @throws JobError if a column is invalid, or one of the parts would be empty
 */
export function splitColumns<C extends Columns>(
  columns: C,
  holdOut: HoldOut<keyof C & string>,
  seed = 0,
): { train: C; test: C } {
  checkHoldOut("splitColumns", holdOut);
  const checked = checkColumns("splitColumns:", columns);
  const { samples } = checked[0]!;
  const stratify = stratifyOf(holdOut);
  const classes =
    stratify === undefined
      ? undefined
      : perSample("splitColumns: stratify", stratify, samples, "classes", {
          names: checked.map(({ name }) => name),
          find: (name) => {
            const found = checked.find((candidate) => candidate.name === name);
            return found && { ...found, values: found.column.data };
          },
        });
  const rows = holdOutRows("splitColumns", samples, holdOut, seed, classes);
  const part = (numbers: Int32Array): C => {
    const taken = checked.map((column): [string, Column | StoredData] => {
      const data = takeRows(column, numbers);
      return [column.name, ArrayBuffer.isView(columns[column.name]) ? data : { ...column.column, data }];
    });
    return Object.fromEntries(taken) as unknown as C;
  };
  return { train: part(rows.train), test: part(rows.test) };
}
