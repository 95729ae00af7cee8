// Rows of pooling windows: which of them lie inside the plane, and how the elements of as many as there are lanes are
// loaded, where the windows are one or two columns apart.
import type { Recorder } from "../../language/recorder.ts";
import type { Value, Variable } from "../../language/values.ts";
import { bytesOf, each, firstAt } from "../loops/counting.ts";

/** Sizes of pooling, as in the table of kernels. */
const sizeNames = ["planes", "h", "w", "kh", "kw", "oh", "ow", "sh", "sw", "ph", "pw"] as const;
export type Sizes = Record<(typeof sizeNames)[number], Variable>;

export const sizesOf = (given: readonly Variable[]) =>
  Object.fromEntries(sizeNames.map((name, i) => [name, given[i]!])) as Sizes;
/** Their types as parameters. */
export const sizeParameters = Array.from({ length: sizeNames.length }, () => "i32" as const);

/** Columns of a plane and of its windows. `span` is the distance from the first to the last column of a window. */
interface Columns {
  readonly w: Variable;
  readonly kw: Variable;
  readonly ow: Variable;
  readonly sw: Variable;
  readonly pw: Variable;
  readonly span: Variable;
  readonly dw: Variable;
}

/** For each column of the windows: one element of each window, and how far it is from the window's first. */
type UseElements = (elements: Value, offset: Value | Variable) => void;

interface Uses {
  /** One window, whose first column may lie outside. */
  single(j: Variable, col: Variable): void;
  /**
   * Windows in the lanes. `load` visits one row of them, whose first element has a place in the plane; `store` writes the
   * windows of one result.
   */
  many(
    j: Variable,
    col: Variable,
    load: (start: Variable, use: UseElements) => void,
    store: (to: Variable, j: Variable, value: Value | Variable) => void,
  ): void;
}

/** Loads from an address a vector, or its part. */
type LoadRow = (at: Value, part: 0 | 1) => Value;

/** Visits one row of windows that are one column apart. */
function sideBySide(
  k: Recorder,
  { kw, dw }: Columns,
  x: Variable,
  start: Variable,
  load: LoadRow,
  use: UseElements,
): void {
  const from = k.variable("ptr", k.add(x, bytesOf(k, start)));
  const offset = k.variable("i32", 0);
  each(k, kw, () => {
    use(load(k.read(from), 0), offset);
    k.increase(from, bytesOf(k, dw));
    k.increase(offset, dw);
  });
}

/**
 * Visits one row of windows that are two columns apart, of which each has more than one. The elements between those of
 * the first column belong to the windows, and so do those in front of the others: nothing else is read.
 */
function everySecond(
  k: Recorder,
  { kw, dw }: Columns,
  x: Variable,
  start: Variable,
  load: LoadRow,
  use: UseElements,
): void {
  const pair = (from: Value) => [load(from, 0), load(k.add(from, 4 * k.lanes), 1)] as const;
  const first = k.variable("ptr", k.add(x, bytesOf(k, start)));
  const [low, high] = pair(k.read(first));
  use(k.do("v.evens", low, high), k.int(0));
  k.if(
    k.and(k.eq(kw, 2), k.eq(dw, 1)),
    () => use(k.do("v.odds", low, high), k.int(1)),
    () => {
      const offset = k.variable("i32", dw);
      each(k, k.sub(kw, 1), () => {
        const [before, behind] = pair(k.add(first, bytesOf(k, k.sub(offset, 1))));
        use(k.do("v.odds", before, behind), offset);
        k.increase(offset, dw);
      });
    },
  );
}

/** Visits a row of windows: in the lanes those that lie inside the plane, if their stride allows it, and the others. */
export function inWindows(k: Recorder, columns: Columns, x: Variable, { single, many }: Uses): void {
  const { w, kw, ow, sw, pw, span } = columns;
  const start = k.variable("i32", k.sub(0, pw));
  const last = k.variable("i32", k.add(start, span));
  const from = k.variable("i32", firstAt(k, start, sw, k.int(0), ow));
  const end = k.variable("i32", k.max(from, firstAt(k, last, sw, w, ow)));
  const isTwo = k.variable("i32", k.and(k.eq(sw, 2), k.gt(kw, 1)));
  k.if(k.eq(k.or(isTwo, k.eq(sw, 1)), 0), () => k.set(end, from));
  const j = k.variable("i32", 0);
  const col = k.variable("i32", start);
  const singles = (until: Variable) =>
    k.while(
      () => k.lt(j, until),
      () => {
        single(j, col);
        k.increase(j, 1);
        k.increase(col, sw);
      },
    );
  const visit = (load: LoadRow) => (place: Variable, use: UseElements) =>
    k.if(
      isTwo,
      () => everySecond(k, columns, x, place, load, use),
      () => sideBySide(k, columns, x, place, load, use),
    );
  const at = (to: Variable, window: Variable) => k.at(to, 0, k.do("to.ptr", window), 4);
  singles(from);
  k.while(
    () => k.le(k.add(j, k.lanes), end),
    () => {
      const load = visit((address) => k.load(address));
      many(j, col, load, (to, window, value) => k.store(at(to, window), value));
      k.increase(j, k.lanes);
      k.increase(col, k.mul(sw, k.lanes));
    },
  );
  const left = k.variable("i32", k.sub(end, j));
  k.if(k.gt(left, 0), () => {
    const stored = k.variable("tail", k.do("tail.first", left));
    const count = k.select(isTwo, k.shl(left, 1), k.read(left));
    const tails = [count, k.max(k.sub(count, k.lanes), 0)].map((n) =>
      k.variable("tail", k.do("tail.first", n)),
    );
    const load = visit((address, part) => k.loadPart(tails[part]!, address));
    many(j, col, load, (to, window, value) => k.storePart(stored, at(to, window), value));
    k.set(j, end);
    k.increase(col, k.mul(sw, left));
  });
  singles(ow);
}
