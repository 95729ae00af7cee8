// Copies an operand of a matrix product into panels: `width` columns of it side by side, row after row, as a tile reads
// them. For A, whose panels consist of rows, rows and columns change places.
import { defineRoutine } from "../../language/definition.ts";
import type { Recorder } from "../../language/recorder.ts";
import type { Routine, Target, Variable } from "../../language/values.ts";
import { SteppedRows } from "../loops/stepped-rows.ts";

/** Contiguous rows are packed so many at a time: a cache line has columns of several panels, and stays until all are read. */
const rowsAtOnce = 8;

/**
 * Packs `width` columns, at most a vector, or what is left, of `rows` rows: vectors that are `toStep` bytes apart. Lanes
 * behind the last column hold anything: nobody reads their results.
 */
function partRoutine(target: Target, width: number, toStep: number): Routine {
  return defineRoutine(
    `pack ${width}`,
    ["i32", "i32", "ptr", "ptr", "ptr", "near"],
    target,
    (k, left, rows, from, minor, major, to) => {
      const columns = k.variable("i32", k.min(left, width));
      k.if(
        k.eq(minor, 4),
        () => copyRows(k, columns, rows, from, major, to, width, toStep),
        () => {
          k.if(k.and(k.eq(major, 4), k.ge(columns, width)), () =>
            transposeRows(k, rows, from, minor, to, width, toStep),
          );
          copyOneByOne(k, columns, rows, from, minor, major, to, toStep);
        },
      );
    },
  );
}

/** Rows that are contiguous, as vectors. */
function copyRows(
  k: Recorder,
  columns: Variable,
  rows: Variable,
  from: Variable,
  major: Variable,
  to: Variable,
  width: number,
  toStep: number,
): void {
  const copy = (one: () => void): void =>
    k.while(
      () => k.gt(rows, 0),
      () => {
        one();
        k.increase(from, major);
        k.increase(to, toStep);
        k.increase(rows, -1);
      },
    );
  const part = () => {
    const tail = k.variable("tail", k.do("tail.first", columns));
    copy(() => k.storePart(tail, to, k.loadPart(tail, from)));
  };
  if (width < k.lanes) part();
  else k.if(k.ge(columns, width), () => copy(() => k.store(to, k.load(from))), part);
}

/** Columns that are contiguous: as many rows at a time as a vector has lanes. Leaves the other rows. */
function transposeRows(
  k: Recorder,
  rows: Variable,
  from: Variable,
  minor: Variable,
  to: Variable,
  width: number,
  toStep: number,
): void {
  const columns = new SteppedRows(k, width, from, minor);
  const vectors = Array.from({ length: k.lanes }, () => k.variable("v"));
  k.while(
    () => k.ge(rows, k.lanes),
    () => {
      for (const [i, vector] of vectors.entries()) k.set(vector, i < width ? k.load(columns.at(i)) : 0);
      k.transpose(vectors);
      // Ascending: what a store writes behind its columns is overwritten by the next.
      for (const [i, vector] of vectors.entries()) k.store(to, vector, i * toStep);
      columns.advance(4 * k.lanes);
      k.increase(to, k.lanes * toStep);
      k.increase(from, 4 * k.lanes);
      k.increase(rows, -k.lanes);
    },
  );
}

function copyOneByOne(
  k: Recorder,
  columns: Variable,
  rows: Variable,
  from: Variable,
  minor: Variable,
  major: Variable,
  to: Variable,
  toStep: number,
): void {
  k.while(
    () => k.and(k.gt(columns, 0), k.gt(rows, 0)),
    () => {
      const source = k.variable("ptr", from);
      const destination = k.variable("near", to);
      const left = k.variable("i32", rows);
      k.loop(() => {
        k.storeFirst(destination, k.loadFirst(source));
        k.increase(source, major);
        k.increase(destination, toStep);
        k.increase(left, -1);
        return k.gt(left, 0);
      });
      k.increase(from, minor);
      k.increase(to, 4);
      k.increase(columns, -1);
    },
  );
}

/**
 * Packs `columns` columns of `rows` rows into panels of `width`. `minor` is the bytes from a column to the next, `major`
 * from a row to the next. The last panel may be followed by lanes that hold anything.
 */
export function packRoutine(target: Target, width: number): Routine {
  const { lanes } = target;
  const parts: { start: number; routine: Routine; width: number }[] = [];
  for (let start = 0; start < width; start += lanes) {
    const ofPart = Math.min(lanes, width - start);
    const routine =
      parts.find((part) => part.width === ofPart)?.routine ?? partRoutine(target, ofPart, 4 * width);
    parts.push({ start, routine, width: ofPart });
  }
  return defineRoutine(
    `panels of ${width}`,
    ["i32", "i32", "ptr", "ptr", "ptr", "near"],
    target,
    (k, columns, rows, from, minor, major, to) => {
      // Where stores write behind their columns, a panel must be complete before the next begins.
      const isWhole = width % lanes === 0;
      const atOnce = k.variable("i32", isWhole ? k.select(k.eq(minor, 4), k.int(rowsAtOnce), rows) : rows);
      const row = k.variable("i32", 0);
      k.while(
        () => k.lt(row, rows),
        () => {
          const now = k.variable("i32", k.min(k.sub(rows, row), atOnce));
          const column = k.variable("i32", 0);
          const source = k.variable("ptr", k.add(from, k.mul(k.do("to.ptr", row), major)));
          const panel = k.variable("near", k.add(to, k.mul(k.do("to.near", row), 4 * width)));
          k.while(
            () => k.lt(column, columns),
            () => {
              // Backwards, as a part that is no whole vector may write over the beginning of the next row.
              for (const { start, routine } of parts.toReversed()) {
                const left = k.variable("i32", k.sub(columns, k.add(column, start)));
                k.if(k.gt(left, 0), () =>
                  k.call(
                    routine,
                    left,
                    now,
                    k.add(source, k.mul(minor, start)),
                    minor,
                    major,
                    k.add(panel, 4 * start),
                  ),
                );
              }
              k.increase(source, k.mul(minor, width));
              k.increase(panel, k.mul(k.do("to.near", rows), 4 * width));
              k.increase(column, width);
            },
          );
          k.increase(row, atOnce);
        },
      );
    },
  );
}
