// im2col and col2im: a convolution over many channels as a matrix product, a block of output rows at a time.
import type { Definition } from "../../language/definition.ts";
import { defineKernel } from "../../language/definition.ts";
import type { Recorder } from "../../language/recorder.ts";
import type { Value, Variable } from "../../language/values.ts";
import { bytesOf, each, firstAt } from "../loops/counting.ts";
import { fillWith, overElements, overFreeElements } from "../loops/elements.ts";

/** One row of the columns: `count` elements from `from` on come from x at `place`, `stride` apart; the others are zeros. */
interface ColumnRow {
  readonly cols: Variable;
  readonly from: Variable;
  readonly count: Variable;
  readonly place: Variable;
  readonly stride: Variable;
  readonly column: Variable;
}

/** Runs `inside` for each row of the columns that meets x, and `outside` for the others. */
function eachColumnRow(
  k: Recorder,
  given: readonly Variable[],
  start: Variable,
  columns: Variable,
  inside: (row: ColumnRow) => void,
  outside: (row: Pick<ColumnRow, "cols" | "column">) => void,
): void {
  const [c, h, w, kh, kw, row, rows] = given as Seven;
  const [cols, sh, sw, ph, pw, dh, dw] = given.slice(7) as Seven;
  const plane = k.variable("ptr", start);
  const column = k.variable("ptr", columns);
  each(k, c, () => {
    each(k, kh, (a) =>
      each(k, kw, (b) => {
        const left = k.variable("i32", k.sub(k.mul(b, dw), pw));
        const from = k.variable("i32", firstAt(k, left, sw, k.int(0), cols));
        const count = k.variable("i32", k.sub(firstAt(k, left, sw, w, cols), from));
        const y = k.variable("i32", k.add(k.sub(k.mul(row, sh), ph), k.mul(a, dh)));
        each(k, rows, () => {
          k.if(
            k.and(k.and(k.ge(y, 0), k.lt(y, h)), k.gt(count, 0)),
            () => {
              const first = k.add(k.add(k.mul(y, w), left), k.mul(from, sw));
              const place = k.variable("ptr", k.add(plane, bytesOf(k, first)));
              inside({ cols, from, count, place, stride: sw, column });
            },
            () => outside({ cols, column }),
          );
          k.increase(y, sh);
          k.increase(column, bytesOf(k, cols));
        });
      }),
    );
    k.increase(plane, bytesOf(k, k.mul(h, w)));
  });
}

type Seven = [Variable, Variable, Variable, Variable, Variable, Variable, Variable];

/** Runs `body` for elements that are `step` bytes apart at `place`, and side by side at `other`. */
function oneByOne(
  k: Recorder,
  count: Variable,
  place: Variable,
  step: Value,
  other: Variable,
  body: () => void,
): void {
  each(k, count, () => {
    body();
    k.increase(place, step);
    k.increase(other, 4);
  });
}

/** columns[(c, a, b), (i, j)] = x[c, (row+i)·sh - ph + a·dh, j·sw - pw + b·dw], zero outside; i < rows, j < ow. */
function gatherRow(k: Recorder, { cols, from, count, place, stride, column }: ColumnRow): void {
  const to = k.variable("ptr", k.add(column, bytesOf(k, from)));
  fillWith(k, from, column, 0);
  k.if(
    k.eq(stride, 1),
    () =>
      overFreeElements(
        k,
        count,
        [place, k.variable("ptr", to)],
        ({ load, store }) => store(1, load(0)),
        true,
      ),
    () => {
      const next = k.variable("ptr", to);
      oneByOne(k, count, place, bytesOf(k, stride), next, () => k.storeFirst(next, k.loadFirst(place)));
    },
  );
  fillWith(k, k.sub(cols, k.add(from, count)), k.add(to, bytesOf(k, count)), 0);
}

/** Adds each element of a row of the columns to the element of x that im2col reads for it. */
function scatterRow(k: Recorder, { from, count, place, stride, column }: ColumnRow): void {
  const source = k.variable("ptr", k.add(column, bytesOf(k, from)));
  k.if(
    k.eq(stride, 1),
    () => overElements(k, count, [source, place], ({ load, store }) => store(1, k.add(load(1), load(0)))),
    () =>
      oneByOne(k, count, place, bytesOf(k, stride), source, () =>
        k.storeFirst(place, k.add(k.loadFirst(place), k.loadFirst(source))),
      ),
  );
}

const parameters = [...Array.from({ length: 14 }, () => "i32" as const), "ptr", "ptr"] as const;

export const columns: readonly Definition[] = [
  defineKernel("im2col", parameters, (k, ...given) => {
    const [x, to] = given.slice(14) as [Variable, Variable];
    eachColumnRow(
      k,
      given,
      x,
      to,
      (row) => gatherRow(k, row),
      ({ cols, column }) => fillWith(k, cols, column, 0),
    );
  }),
  defineKernel("col2im", parameters, (k, ...given) => {
    const [from, x] = given.slice(14) as [Variable, Variable];
    eachColumnRow(
      k,
      given,
      x,
      from,
      (row) => scatterRow(k, row),
      () => undefined,
    );
  }),
];
