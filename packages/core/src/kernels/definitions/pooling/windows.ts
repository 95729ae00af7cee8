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
   * windows of one result. With `arePairs`, a row has two elements, which `load` records one after the other.
   */
  many(
    j: Variable,
    col: Variable,
    load: (start: Variable, use: UseElements) => void,
    store: (to: Variable, j: Variable, value: Value | Variable) => void,
    arePairs: boolean,
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

/** Two vectors, whose elements belong to windows that are two columns apart. */
function pairAt(k: Recorder, from: Value, load: LoadRow): readonly [Value, Value] {
  return [load(from, 0), load(k.add(from, 4 * k.lanes), 1)];
}

/** Visits one row of windows of two columns that are two columns apart. */
function pairs(k: Recorder, x: Variable, start: Variable, load: LoadRow, use: UseElements): void {
  const [low, high] = pairAt(k, k.add(x, bytesOf(k, start)), load);
  use(k.do("v.evens", low, high), k.int(0));
  use(k.do("v.odds", low, high), k.int(1));
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
  const first = k.variable("ptr", k.add(x, bytesOf(k, start)));
  use(k.do("v.evens", ...pairAt(k, k.read(first), load)), k.int(0));
  const offset = k.variable("i32", dw);
  each(k, k.sub(kw, 1), () => {
    const before = k.add(first, bytesOf(k, k.sub(offset, 1)));
    use(k.do("v.odds", ...pairAt(k, before, load)), offset);
    k.increase(offset, dw);
  });
}

/** Finds out which windows of a row lie inside the plane; then visits rows of them, whose plane begins at `x`. */
export function windowRows(k: Recorder, columns: Columns): (x: Variable, uses: Uses) => void {
  const { w, kw, ow, sw, pw, span } = columns;
  const start = k.variable("i32", k.sub(0, pw));
  const last = k.variable("i32", k.add(start, span));
  const from = k.variable("i32", firstAt(k, start, sw, k.int(0), ow));
  const end = k.variable("i32", k.max(from, firstAt(k, last, sw, w, ow)));
  const isTwo = k.variable("i32", k.and(k.eq(sw, 2), k.gt(kw, 1)));
  k.if(k.eq(k.or(isTwo, k.eq(sw, 1)), 0), () => k.set(end, from));
  return (x, uses) => inWindows(k, columns, x, { start, from, end, isTwo }, uses);
}

/** The column of a row's first window, which windows the lanes compute, and whether these are two columns apart. */
type Inside = Readonly<Record<"start" | "from" | "end" | "isTwo", Variable>>;

/** Visits a row of windows: in the lanes those that lie inside the plane, if their stride allows it, and the others. */
function inWindows(
  k: Recorder,
  columns: Columns,
  x: Variable,
  { start, from, end, isTwo }: Inside,
  { single, many }: Uses,
): void {
  const { kw, ow, sw } = columns;
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
  /** Visits a row of windows, of which some way to load is given. */
  type Visit = (load: LoadRow) => (place: Variable, use: UseElements) => void;
  const any: Visit = (load) => (place, use) =>
    k.if(
      isTwo,
      () => everySecond(k, columns, x, place, load, use),
      () => sideBySide(k, columns, x, place, load, use),
    );
  const pair: Visit = (load) => (place, use) => pairs(k, x, place, load, use);
  const at = (to: Variable, window: Variable) => k.at(to, 0, k.do("to.ptr", window), 4);
  const whole = (visit: Visit) => {
    const load = visit((address) => k.load(address));
    many(j, col, load, (to, window, value) => k.store(at(to, window), value), visit === pair);
    k.increase(j, k.lanes);
    k.increase(col, k.mul(sw, k.lanes));
  };
  const part = () => {
    const left = k.variable("i32", k.sub(end, j));
    const stored = k.variable("tail", k.do("tail.first", left));
    const count = k.select(isTwo, k.shl(left, 1), k.read(left));
    const tails = [count, k.max(k.sub(count, k.lanes), 0)].map((n) =>
      k.variable("tail", k.do("tail.first", n)),
    );
    const load = any((address, half) => k.loadPart(tails[half]!, address));
    many(j, col, load, (to, window, value) => k.storePart(stored, at(to, window), value), false);
    k.set(j, end);
    k.increase(col, k.mul(sw, left));
  };
  const wholes = (visit: Visit) => {
    k.while(
      () => k.le(k.add(j, k.lanes), end),
      () => whole(visit),
    );
    if (k.target.masks) return;
    // The last windows overlap those before, and get the same.
    k.if(k.and(k.lt(j, end), k.ge(k.sub(end, from), k.lanes)), () => {
      const back = k.sub(k.sub(end, j), k.lanes);
      k.increase(j, back);
      k.increase(col, k.mul(sw, back));
      whole(visit);
    });
  };
  singles(from);
  k.if(
    k.and(isTwo, k.and(k.eq(kw, 2), k.eq(columns.dw, 1))),
    () => wholes(pair),
    () => wholes(any),
  );
  k.if(k.lt(j, end), part);
  singles(ow);
}
