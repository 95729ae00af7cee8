// Max pooling, and reading and writing at the places that it found. Windows that lie inside the plane by their columns are
// computed in the lanes, a row of them at a time, if they are one or two columns apart. The elements of a window are visited
// row by row, so lanes and single windows have the same bits.
import type { Definition } from "../../language/definition.ts";
import { defineKernel } from "../../language/definition.ts";
import type { Recorder } from "../../language/recorder.ts";
import type { Value, Variable } from "../../language/values.ts";
import { bytesOf, each, firstAt } from "../loops/counting.ts";
import { clear } from "../loops/elements.ts";
import { sizeParameters, sizesOf, windowRows } from "./windows.ts";

/** A NaN ranks above any number and above an earlier NaN. */
const isMore = (k: Recorder, value: Value, most: Variable) => k.or(k.gt(value, most), k.ne(value, value));

/** The largest elements of windows, one or in the lanes, and where they are in the plane. */
interface Largest {
  readonly most: Variable;
  readonly place: Variable;
}

/** What of a row of windows lies inside the plane: `rows` rows, the first of which is `row`. */
interface Rows {
  readonly row: Variable;
  readonly rows: Variable;
  /** From one row of a window to the next, in elements. */
  readonly step: Variable;
}

/** One window: `cols` columns from `col` on. */
function maxOfOne(
  k: Recorder,
  { row, rows, step }: Rows,
  col: Variable,
  cols: Variable,
  { w, dw, x }: { w: Variable; dw: Variable; x: Variable },
): Largest {
  const most = k.variable("v", Number.NEGATIVE_INFINITY);
  const start = k.variable("i32", k.add(k.mul(row, w), col));
  const isEmpty = k.or(k.le(rows, 0), k.le(cols, 0));
  const place = k.variable("i32", k.select(isEmpty, k.int(-1), start));
  each(k, rows, () => {
    const here = k.variable("i32", start);
    each(k, cols, () => {
      const value = k.variable("v", k.splat(k.at(x, 0, k.do("to.ptr", here), 4)));
      k.if(k.do("mask.any", isMore(k, k.read(value), most)), () => {
        k.set(most, value);
        k.set(place, here);
      });
      k.increase(here, dw);
    });
    k.increase(start, step);
  });
  return { most, place };
}

function recordMaxPool(k: Recorder, given: readonly Variable[]): void {
  const { planes, h, w, kh, kw, oh, ow, sh, sw, ph, pw } = sizesOf(given);
  const [dh, dw, x, y, place] = given.slice(sizeParameters.length) as [
    ...[Variable, Variable, Variable, Variable, Variable],
  ];
  const lanePlaces = k.variable("v", k.do("v.mulI", k.do("v.index"), k.do("v.splatI", sw)));
  const one = k.variable("v", k.do("v.splatI", k.int(1)));
  const rowStep = k.variable("v", k.do("v.splatI", k.mul(dh, w)));
  const span = k.variable("i32", k.mul(k.sub(kw, 1), dw));
  const inWindows = windowRows(k, { w, kw, ow, sw, pw, span, dw });
  each(k, planes, () => {
    each(k, oh, (i) => {
      const first = k.variable("i32", k.sub(k.mul(i, sh), ph));
      const a = firstAt(k, first, dh, k.int(0), kh);
      const rows: Rows = {
        row: k.variable("i32", k.add(first, k.mul(a, dh))),
        rows: k.variable("i32", k.sub(firstAt(k, first, dh, h, kh), a)),
        step: k.variable("i32", k.mul(dh, w)),
      };
      inWindows(x, {
        single(j, col) {
          const b = k.variable("i32", firstAt(k, col, dw, k.int(0), kw));
          const cols = k.variable("i32", k.sub(firstAt(k, col, dw, w, kw), b));
          const start = k.variable("i32", k.add(col, k.mul(b, dw)));
          const one = maxOfOne(k, rows, start, cols, { w, dw, x });
          const at = k.do("to.ptr", j);
          k.storeFirst(k.at(y, 0, at, 4), one.most);
          k.storeInt(k.at(place, 0, at, 4), one.place);
        },
        many(j, col, load, store, arePairs) {
          const [most, best] = [k.variable("v"), k.variable("v")];
          const start = k.variable("i32", k.add(k.mul(rows.row, w), col));
          const placeOf = (element: Value | Variable) =>
            k.do("v.addI", lanePlaces, k.do("v.splatI", element));
          const compare = (value: Value, places: Value) => {
            const wins = isMore(k, value, most);
            k.set(most, k.select(wins, value, most));
            k.set(best, k.select(wins, places, best));
          };
          const anyRows = () => {
            k.set(most, Number.NEGATIVE_INFINITY);
            k.set(best, placeOf(start));
            k.if(k.le(rows.rows, 0), () => k.set(best, k.do("v.splatI", k.int(-1))));
            each(k, rows.rows, () => {
              load(start, (value, offset) => compare(value, placeOf(k.add(start, offset))));
              k.increase(start, rows.step);
            });
          };
          // The first of a window's four elements needs no comparison.
          const twoRows = () => {
            let count = 0;
            const here = k.variable("v", placeOf(start));
            for (let row = 0; row < 2; row++) {
              load(start, (value) => {
                if (count++ > 0) return compare(value, count % 2 ? k.read(here) : k.do("v.addI", here, one));
                k.set(most, value);
                k.set(best, here);
              });
              k.increase(start, rows.step);
              k.set(here, k.do("v.addI", here, rowStep));
            }
          };
          if (arePairs) k.if(k.eq(rows.rows, 2), twoRows, anyRows);
          else anyRows();
          store(y, j, most);
          store(place, j, best);
        },
      });
      k.increase(y, bytesOf(k, ow));
      k.increase(place, bytesOf(k, ow));
    });
    k.increase(x, bytesOf(k, k.mul(h, w)));
  });
}

/** Runs `use` with the place in the plane of each element, `missing` where it is -1. Advances `place` and `other`. */
function eachPlace(
  k: Recorder,
  { planes, size, outSize }: Record<"planes" | "size" | "outSize", Variable>,
  place: Variable,
  plane: Variable,
  other: Variable,
  use: (at: Value) => void,
  missing: () => void,
): void {
  each(k, planes, () => {
    each(k, outSize, () => {
      const at = k.variable("i32", k.loadInt(place));
      k.if(k.lt(at, 0), missing, () => use(k.add(plane, bytesOf(k, at))));
      k.increase(place, 4);
      k.increase(other, 4);
    });
    k.increase(plane, bytesOf(k, size));
  });
}

export const maxPooling: readonly Definition[] = [
  defineKernel("maxPool", [...sizeParameters, "i32", "i32", "ptr", "ptr", "ptr"], (k, ...given) =>
    recordMaxPool(k, given),
  ),
  defineKernel(
    "gatherPlane",
    ["i32", "i32", "i32", "ptr", "ptr", "ptr"],
    (k, planes, size, outSize, x, place, y) =>
      eachPlace(
        k,
        ...([{ planes, size, outSize }, place, x, y] as const),
        (at) => k.storeFirst(y, k.loadFirst(at)),
        () => k.storeInt(y, 0),
      ),
  ),
  defineKernel(
    "scatterPlane",
    ["i32", "i32", "i32", "ptr", "ptr", "ptr"],
    (k, planes, size, outSize, dy, place, dx) => {
      clear(k, k.mul(planes, size), dx);
      eachPlace(
        k,
        ...([{ planes, size, outSize }, place, dx, dy] as const),
        (at) => k.storeFirst(at, k.add(k.loadFirst(at), k.loadFirst(dy))),
        () => undefined,
      );
    },
  ),
];
