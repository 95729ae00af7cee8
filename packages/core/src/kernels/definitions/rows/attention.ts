// Softmax with scale and mask, and its gradient. A row stays in the first-level cache during its passes.
import type { Definition } from "../../language/definition.ts";
import { defineKernel } from "../../language/definition.ts";
import type { Recorder } from "../../language/recorder.ts";
import type { Value, Variable } from "../../language/values.ts";
import { fillWith, overElements } from "../loops/elements.ts";
import { byteStep, copyOf, overRows } from "../loops/row-loops.ts";
import { largestOfRow, sumOverRow } from "../loops/sums.ts";
import { sumOfExp } from "./softmax.ts";

const lowest = Number.NEGATIVE_INFINITY;
/** The kinds of masks, as in the table of kernels. */
const kinds = { none: 0, added: 1 };

interface Row {
  /** How many elements it sees, the first of `cols`. */
  readonly n: Variable;
  readonly cols: Variable;
  readonly x: Variable;
  readonly y: Variable;
  readonly mask: Variable;
  readonly maskCol: Variable;
  readonly scale: Variable;
}

/** x·scale + added. If `added` is -Infinity, so is the result, whatever x is. */
function score(k: Recorder, x: Value, scale: Variable, added: Value): Value {
  return k.select(k.eq(added, lowest), added, k.add(k.mul(x, scale), added));
}

/** Writes the scores of a row without a mask to y. */
function scaleRow(k: Recorder, { n, x, y, scale }: Row): void {
  overElements(k, n, [copyOf(k, x), copyOf(k, y)], ({ load, store }) => store(1, k.mul(load(0), scale)));
}

/** Writes the scores of a row to y. */
function scoreRow(k: Recorder, row: Row, maskKind: Variable): void {
  const { n, x, y, mask, maskCol, scale } = row;
  const arrays = () => [copyOf(k, x), copyOf(k, y)];
  const oneForAll = (added: Variable) =>
    overElements(k, n, arrays(), ({ load, store }) => store(1, score(k, load(0), scale, k.read(added))));
  const added = () =>
    k.if(
      maskCol,
      () =>
        overElements(k, n, [...arrays(), copyOf(k, mask)], ({ load, store }) =>
          store(1, score(k, load(0), scale, load(2))),
        ),
      () => oneForAll(k.variable("v", k.splat(mask))),
    );
  const hidden = (byte: Value) => k.do("v.keep", lowest, k.do("v.eqI", byte, 0));
  const bytes = () =>
    k.if(
      maskCol,
      () => scoreByBytes(k, n, arrays(), copyOf(k, mask), (v, byte) => score(k, v, scale, hidden(byte))),
      () => oneForAll(k.variable("v", hidden(k.do("v.splatI", k.loadByte(mask))))),
    );
  k.if(
    k.eq(maskKind, kinds.none),
    () => scaleRow(k, row),
    () => k.if(k.eq(maskKind, kinds.added), added, bytes),
  );
}

/** y = f(x, bytes), of which each lane has one; the last few elements one by one. */
function scoreByBytes(
  k: Recorder,
  n: Variable,
  [x, y]: readonly Variable[],
  bytes: Variable,
  f: (x: Value, byte: Value) => Value,
): void {
  const left = k.variable("i32", n);
  k.while(
    () => k.ge(left, k.lanes),
    () => {
      k.store(y!, f(k.load(x!), k.loadBytes(bytes)));
      for (const array of [x!, y!]) k.increase(array, 4 * k.lanes);
      k.increase(bytes, k.lanes);
      k.increase(left, -k.lanes);
    },
  );
  k.while(
    () => k.gt(left, 0),
    () => {
      k.storeFirst(y!, f(k.loadFirst(x!), k.do("v.splatI", k.loadByte(bytes))));
      for (const array of [x!, y!]) k.increase(array, 4);
      k.increase(bytes, 1);
      k.increase(left, -1);
    },
  );
}

/** The softmax of a row, whose terms lie at y, and zeros up to its end; `total` is their sum. */
function normalizeRow(k: Recorder, { n, cols, y }: Row, total: Variable): void {
  const share = k.variable("v", k.do("v.round", k.div(1, total)));
  const seen = k.variable("v", k.do("v.splatI", n));
  const width = k.variable("v", k.do("v.splatI", k.int(k.lanes)));
  const columns = k.variable("v", k.do("v.index"));
  overElements(k, cols, [copyOf(k, y)], ({ load, store }) => {
    // What lies behind the seen elements may be anything.
    store(0, k.do("v.keep", k.mul(load(0), share), k.do("v.ltI", columns, seen)));
    k.set(columns, k.do("v.addI", columns, width));
  });
}

/** A row that sees nothing gives zeros, unless it has a NaN: then those are NaN. */
function clearRow(k: Recorder, { n, cols, y }: Row): void {
  const isNumber = k.variable("v", 0);
  overElements(k, n, [copyOf(k, y)], ({ load }) => {
    const v = load(0);
    k.set(isNumber, k.or(isNumber, k.do("v.keep", 1, k.ne(v, v))));
  });
  k.if(
    k.do("mask.any", k.ne(isNumber, 0)),
    () => fillWith(k, n, y, Number.NaN),
    () => fillWith(k, n, y, 0),
  );
  fillWith(k, k.sub(cols, n), k.add(y, k.shl(k.do("to.ptr", n), 2)), 0);
}

/** A row without a mask. A factor above 0 does not change which score is the largest, so that no pass writes the scores. */
function plainRow(k: Recorder, row: Row): void {
  const { n, x, y, scale } = row;
  const most = k.variable("v", k.add(k.mul(largestOfRow(k, n, copyOf(k, x)), scale), 0));
  k.if(
    k.do("mask.any", k.eq(most, lowest)),
    () => {
      scaleRow(k, row);
      clearRow(k, row);
    },
    () => normalizeRow(k, row, sumOfExp(k, n, x, most, y, scale)),
  );
}

function maskedRow(k: Recorder, row: Row, maskKind: Variable): void {
  const { n, y } = row;
  scoreRow(k, row, maskKind);
  const most = k.variable("v", largestOfRow(k, n, copyOf(k, y)));
  k.if(
    k.do("mask.any", k.eq(most, lowest)),
    () => clearRow(k, row),
    () => normalizeRow(k, row, sumOfExp(k, n, y, most, y)),
  );
}

const maskedParameters = [
  ...(["i32", "i32", "i32", "f32", "i32", "ptr"] as const),
  ...(["i32", "ptr", "i32", "i32", "i32", "ptr"] as const),
];

function recordMasked(k: Recorder, given: readonly Variable[]): void {
  type Six = [Variable, Variable, Variable, Variable, Variable, Variable];
  const [outer, rows, cols, scale, causal, x] = given.slice(0, 6) as Six;
  const [maskKind, mask, maskOuter, maskRow, maskCol, y] = given.slice(6) as Six;
  const step = byteStep(k, cols);
  const strideOf = (elements: Variable) => {
    const stride = k.variable("ptr", k.do("to.ptr", elements));
    k.if(k.eq(maskKind, kinds.added), () => k.set(stride, k.shl(stride, 2)));
    return stride;
  };
  const isPositive = k.and(
    k.do("mask.any", k.gt(scale, 0)),
    k.do("mask.any", k.lt(scale, Number.POSITIVE_INFINITY)),
  );
  const isPlain = k.variable("i32", k.and(k.eq(maskKind, kinds.none), isPositive));
  const [outerStep, rowStep] = [strideOf(maskOuter), strideOf(maskRow)];
  overRows(k, outer, [[mask, outerStep]], () => {
    const ofRow = copyOf(k, mask);
    overRows(
      k,
      rows,
      [
        [x, step],
        [y, step],
        [ofRow, rowStep],
      ],
      (r) => {
        const n = k.variable("i32", cols);
        k.if(causal, () => k.set(n, k.min(cols, k.add(r, 1))));
        const row = { n, cols, x, y, mask: ofRow, maskCol, scale };
        k.if(
          isPlain,
          () => plainRow(k, row),
          () => maskedRow(k, row, maskKind),
        );
      },
    );
  });
}

function recordGradient(
  k: Recorder,
  rows: Variable,
  cols: Variable,
  scale: Variable,
  dy: Variable,
  y: Variable,
  dx: Variable,
): void {
  const step = byteStep(k, cols);
  const moving = [dy, y, dx].map((address) => [address, step] as const);
  overRows(k, rows, moving, () => {
    const inputs = () => [dy, y].map((address) => copyOf(k, address));
    const [total] = sumOverRow(k, cols, inputs(), 1, ({ load }) => [k.mul(load(0), load(1))], {
      isUnrolled: true,
    });
    const sum = k.variable("v", k.do("v.round", total!));
    overElements(k, cols, [...inputs(), copyOf(k, dx)], ({ load, store }) =>
      store(2, k.mul(k.mul(scale, load(1)), k.sub(load(0), sum))),
    );
  });
}

export const attention: readonly Definition[] = [
  defineKernel("maskedSoftmax", maskedParameters, (k, ...given) => recordMasked(k, given)),
  defineKernel("maskedSoftmaxGrad", ["i32", "i32", "f32", "ptr", "ptr", "ptr"], recordGradient),
];
