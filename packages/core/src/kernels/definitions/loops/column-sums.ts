// Sums and other reductions down the columns of a matrix, eight rows at a time. Columns do not meet, so their bits depend
// on no vector. Many columns are taken in stripes, so that what is added up stays in the first-level cache.
import type { Recorder } from "../../language/recorder.ts";
import type { Place, Value, Variable } from "../../language/values.ts";
import type { Elements } from "./elements.ts";
import { fillWith, overElements } from "./elements.ts";
import { copyOf } from "./row-loops.ts";

/** How many columns are added up together. */
export const columnsAtOnce = 1024;
/** How many rows are added up in float32, eight at a time. */
export const rowsInFloat32 = 128;

/** Bytes of scratch memory that `sumColumns` needs, at its beginning; the last vector may be wider than the columns. */
export const columnScratchBytes = 8 * (columnsAtOnce + 16);

/** Rows of one or two matrices that lie `step` bytes apart, and arrays with a number for each column. */
export interface Columns {
  readonly rows: Value | Variable;
  readonly columns: Value | Variable;
  readonly matrices: readonly Variable[];
  readonly step: Variable;
  readonly perColumn: readonly Variable[];
  readonly y: Variable;
}

/** What an element of each matrix adds to the sum of its column. */
export type ColumnTerm = (elements: readonly Value[], perColumn: readonly Value[]) => Value;

/** Cuts the columns into stripes. `body` gets copies of all addresses, which it may move. */
export function overStripes(k: Recorder, whole: Columns, body: (part: Columns) => void): void {
  const start = k.variable("i32", 0);
  k.while(
    () => k.lt(start, whole.columns),
    () => {
      const at = k.shl(k.do("to.ptr", start), 2);
      const from = (address: Variable) => k.variable("ptr", k.add(address, at));
      body({
        rows: whole.rows,
        columns: k.variable("i32", k.min(k.sub(whole.columns, start), columnsAtOnce)),
        matrices: whole.matrices.map(from),
        step: whole.step,
        perColumn: whole.perColumn.map(from),
        y: from(whole.y),
      });
      k.increase(start, columnsAtOnce);
    },
  );
}

/** Where the elements of the row `index` of eight are, of which an array is the first: `step` bytes apart. */
export function eightRows(
  k: Recorder,
  step: Variable,
): (elements: Elements, array: number, index: number) => Place {
  const odd = [1, 3, 5, 7].map((count) => k.variable("ptr", k.mul(step, count)));
  return ({ place }, array, index) => {
    if (index === 0) return place(array);
    const times = ([4, 2, 1] as const).find((power) => index % power === 0)!;
    return place(array, odd[(index / times - 1) / 2]!, times);
  };
}

/** Eight rows: y = combine(y, of the eight in pairs). Moves the matrices. */
function addEight(
  k: Recorder,
  part: Columns,
  term: ColumnTerm,
  combine: (a: Value, b: Value) => Value,
): void {
  const { matrices, step, perColumn, y, columns } = part;
  const rowAt = eightRows(k, step);
  const starts = matrices.map((matrix) => copyOf(k, matrix));
  const constants = perColumn.map((array) => copyOf(k, array));
  overElements(k, columns, [copyOf(k, y), ...starts, ...constants], (elements) => {
    const { load, store, loadAt } = elements;
    const ofColumn = constants.map((_, i) => load(1 + starts.length + i));
    const row = (index: number) =>
      term(
        matrices.map((_, i) => loadAt(rowAt(elements, 1 + i, index))),
        ofColumn,
      );
    const pair = (first: number) => combine(row(first), row(first + 1));
    const four = (first: number) => combine(pair(first), pair(first + 2));
    store(0, combine(load(0), combine(four(0), four(4))));
  });
  for (const matrix of matrices) k.increase(matrix, k.shl(step, 3));
}

/** Fewer than eight: y += their sum, one after the other. Moves the matrices. */
function addFew(k: Recorder, part: Columns, rows: Variable, term: ColumnTerm): void {
  const { matrices, step, perColumn, y, columns } = part;
  const starts = matrices.map((matrix) => copyOf(k, matrix));
  const constants = perColumn.map((array) => copyOf(k, array));
  overElements(k, columns, [copyOf(k, y), ...starts, ...constants], ({ load, store, loadAt, place }) => {
    const ofColumn = constants.map((_, i) => load(1 + starts.length + i));
    const sum = k.variable(
      "v",
      term(
        starts.map((_, i) => load(1 + i)),
        ofColumn,
      ),
    );
    const left = k.variable("i32", k.sub(rows, 1));
    const rest = starts.map((_, i) => addressOf(k, place(1 + i)));
    k.while(
      () => k.gt(left, 0),
      () => {
        for (const address of rest) k.increase(address, step);
        k.set(
          sum,
          k.add(
            sum,
            term(
              rest.map((address) => loadAt(address)),
              ofColumn,
            ),
          ),
        );
        k.increase(left, -1);
      },
    );
    store(0, k.add(load(0), sum));
  });
  for (const matrix of matrices) k.increase(matrix, k.mul(step, k.do("to.ptr", rows)));
}

/** A variable with the address of a place without an index. */
export function addressOf(k: Recorder, { base, offset }: { base: Value; offset: number }): Variable {
  return k.variable("ptr", offset === 0 ? base : k.add(base, offset));
}

/** Zeros for the float64 totals of so many columns. */
export function clearTotals(k: Recorder, n: Value | Variable, totals: Value | Variable): void {
  const zero = k.kWide(0);
  overElements(k, n, [], ({ storeWide }) => storeWide(0, [zero, zero]), [k.variable("near", totals)]);
}

/** totals += sums; clears the sums. */
export function moveToTotals(
  k: Recorder,
  n: Value | Variable,
  sums: Variable,
  totals: Value | Variable,
): void {
  overElements(
    k,
    n,
    [copyOf(k, sums)],
    ({ load, store, loadWide, storeWide }) => {
      const x = load(0);
      const [low, high] = loadWide(0);
      storeWide(0, [k.add(low, k.do("d.low", x)), k.add(high, k.do("d.high", x))]);
      store(0, k.k(0));
    },
    [k.variable("near", totals)],
  );
}

/** y = totals, rounded. */
export function writeTotals(k: Recorder, n: Value | Variable, totals: Value | Variable, y: Variable): void {
  overElements(k, n, [copyOf(k, y)], ({ store, loadWide }) => store(0, k.do("v.narrow", ...loadWide(0))), [
    k.variable("near", totals),
  ]);
}

/** y[c] = the sum of the terms of column c, for a stripe of columns. The numbers for columns may be in scratch memory. */
export function sumStripe(k: Recorder, part: Columns, term: ColumnTerm, totals: Value): void {
  const { rows, columns, y } = part;
  const isLong = k.variable("i32", k.gt(rows, rowsInFloat32));
  fillWith(k, columns, y, 0);
  k.if(isLong, () => clearTotals(k, columns, totals));
  const left = k.variable("i32", rows);
  const add = (a: Value, b: Value) => k.add(a, b);
  k.while(
    () => k.gt(left, 0),
    () => {
      const now = k.variable("i32", k.min(left, rowsInFloat32));
      k.set(left, k.sub(left, now));
      k.while(
        () => k.ge(now, 8),
        () => {
          addEight(k, part, term, add);
          k.increase(now, -8);
        },
      );
      k.if(k.gt(now, 0), () => addFew(k, part, now, term));
      k.if(isLong, () => moveToTotals(k, columns, y, totals));
    },
  );
  k.if(isLong, () => writeTotals(k, columns, totals, y));
}

/** y[c] = the sum of the terms of column c. Uses `columnScratchBytes` of scratch memory at `totals`. */
export function sumColumns(k: Recorder, whole: Columns, term: ColumnTerm, totals: Value): void {
  overStripes(k, whole, (part) => sumStripe(k, part, term, totals));
}

/** y[c] = the elements of column c combined; a neutral one changes nothing. */
export function foldColumns(
  k: Recorder,
  whole: Columns,
  neutral: number,
  combine: (a: Value, b: Value) => Value,
): void {
  overStripes(k, whole, (part) => {
    const { rows, columns, y, matrices, step } = part;
    fillWith(k, columns, y, neutral);
    const left = k.variable("i32", rows);
    k.while(
      () => k.ge(left, 8),
      () => {
        addEight(k, part, ([x]) => x!, combine);
        k.increase(left, -8);
      },
    );
    k.while(
      () => k.gt(left, 0),
      () => {
        overElements(k, columns, [copyOf(k, y), copyOf(k, matrices[0]!)], ({ load, store }: Elements) =>
          store(0, combine(load(0), load(1))),
        );
        k.increase(matrices[0]!, step);
        k.increase(left, -1);
      },
    );
  });
}
