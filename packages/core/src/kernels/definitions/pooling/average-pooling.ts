// Average pooling and its gradient. The elements of a window are visited row by row, in the lanes (windows.ts) or one by one.
import type { Definition } from "../../language/definition.ts";
import { defineKernel } from "../../language/definition.ts";
import type { Operand } from "../../language/notes.ts";
import type { Recorder } from "../../language/recorder.ts";
import type { Value, Variable } from "../../language/values.ts";
import { bytesOf, each } from "../loops/counting.ts";
import { clear } from "../loops/elements.ts";
import type { Sizes } from "./windows.ts";
import { sizeParameters, sizesOf, windowRows } from "./windows.ts";

/** The rows or columns of a window that lie on the axis, and how many count, with up to `pad` more at the end. */
function clipped(
  k: Recorder,
  start: Variable,
  size: Variable,
  length: Variable,
  pad: Variable,
  countPad: Variable,
): { first: Variable; count: Variable; counted: Value } {
  const end = k.variable("i32", k.add(start, size));
  const first = k.variable("i32", k.max(start, 0));
  const count = k.variable("i32", k.sub(k.min(end, length), first));
  const padded = k.sub(k.min(end, k.add(length, pad)), start);
  return { first, count, counted: k.select(countPad, padded, k.read(count)) };
}

/** `divisor`, or if that is 0, the number of elements. */
function divisorOf(k: Recorder, divisor: Variable, rows: Variable, cols: Operand): Value {
  const count = k.do("v.toFloat", k.do("v.splatI", k.mul(rows, cols)));
  return k.select(k.eq(divisor, 0), count, k.read(divisor));
}

function recordAvgPool(k: Recorder, given: readonly Variable[]): void {
  const { planes, h, w, kh, kw, oh, ow, sh, sw, ph, pw } = sizesOf(given);
  const [countPad, divisor, x, y] = given.slice(sizeParameters.length) as [
    Variable,
    Variable,
    Variable,
    Variable,
  ];
  const span = k.variable("i32", k.sub(kw, 1));
  const dw = k.variable("i32", 1);
  const inWindows = windowRows(k, { w, kw, ow, sw, pw, span, dw });
  each(k, planes, () => {
    each(k, oh, (i) => {
      const row = k.variable("i32", k.sub(k.mul(i, sh), ph));
      const { first, count: rows, counted } = clipped(k, row, kh, h, ph, countPad);
      const height = k.variable("i32", counted);
      inWindows(x, {
        single(j, col) {
          const cols = clipped(k, col, kw, w, pw, countPad);
          const from = k.variable("ptr", k.add(x, bytesOf(k, k.add(k.mul(first, w), cols.first))));
          const sum = k.variable("v", 0);
          each(k, rows, () => {
            const here = k.variable("ptr", from);
            each(k, cols.count, () => {
              k.set(sum, k.add(sum, k.splat(here)));
              k.increase(here, 4);
            });
            k.increase(from, bytesOf(k, w));
          });
          const mean = k.div(sum, divisorOf(k, divisor, height, cols.counted));
          k.storeFirst(k.at(y, 0, k.do("to.ptr", j), 4), mean);
        },
        many(j, col, load, store) {
          const sum = k.variable("v", 0);
          const start = k.variable("i32", k.add(k.mul(first, w), col));
          each(k, rows, () => {
            load(start, (value) => k.set(sum, k.add(sum, value)));
            k.increase(start, w);
          });
          store(y, j, k.div(sum, divisorOf(k, divisor, height, kw)));
        },
      });
      k.increase(y, bytesOf(k, ow));
    });
    k.increase(x, bytesOf(k, k.mul(h, w)));
  });
}

/** Adds shares to windows of two columns side by side, as many as there are lanes; returns how many windows are done. */
function giveToPairs(
  k: Recorder,
  { w, ow }: Pick<Sizes, "w" | "ow">,
  { first, rows, height }: Record<"first" | "rows" | "height", Variable>,
  divisor: Variable,
  dy: Variable,
  dx: Variable,
  done: Variable,
): void {
  const whole = k.variable("i32", k.min(ow, k.div(w, 2)));
  const count = k.variable("v", divisorOf(k, divisor, height, 2));
  const give = (
    load: (at: Value, part: 0 | 1, of: "dy" | "dx") => Value,
    store: (at: Value, part: 0 | 1, value: Value) => void,
  ) => {
    const share = k.div(load(k.add(dy, bytesOf(k, done)), 0, "dy"), count);
    const shares = [k.do("v.zipLow", share, share), k.do("v.zipHigh", share, share)] as const;
    const to = k.variable("ptr", k.add(dx, bytesOf(k, k.add(k.mul(first, w), k.shl(done, 1)))));
    each(k, rows, () => {
      for (const part of [0, 1] as const) {
        const at = k.add(to, 4 * k.lanes * part);
        store(at, part, k.add(load(at, part, "dx"), shares[part]));
      }
      k.increase(to, bytesOf(k, w));
    });
  };
  k.while(
    () => k.le(k.add(done, k.lanes), whole),
    () => {
      give(
        (at) => k.load(at),
        (at, _, value) => k.store(at, value),
      );
      k.increase(done, k.lanes);
    },
  );
  const left = k.variable("i32", k.sub(whole, done));
  k.if(k.gt(left, 0), () => {
    const both = k.shl(left, 1);
    const tails = [both, k.max(k.sub(both, k.lanes), 0)].map((n) =>
      k.variable("tail", k.do("tail.first", n)),
    );
    const ofDy = k.variable("tail", k.do("tail.first", left));
    give(
      (at, part, of) => k.loadPart(of === "dy" ? ofDy : tails[part]!, at),
      (at, part, value) => k.storePart(tails[part]!, at, value),
    );
    k.set(done, whole);
  });
}

function recordAvgPoolGrad(k: Recorder, given: readonly Variable[]): void {
  const { planes, h, w, kh, kw, oh, ow, sh, sw, ph, pw } = sizesOf(given);
  const [countPad, divisor, dy, dx] = given.slice(sizeParameters.length) as [
    ...[Variable, Variable, Variable, Variable],
  ];
  const size = k.variable("i32", k.mul(h, w));
  const arePairs = k.variable("i32", k.and(k.and(k.eq(kw, 2), k.eq(sw, 2)), k.eq(pw, 0)));
  clear(k, k.mul(planes, size), dx);
  each(k, planes, () => {
    each(k, oh, (i) => {
      const row = k.variable("i32", k.sub(k.mul(i, sh), ph));
      const { first, count: rows, counted } = clipped(k, row, kh, h, ph, countPad);
      const height = k.variable("i32", counted);
      const j = k.variable("i32", 0);
      k.if(arePairs, () => giveToPairs(k, { w, ow }, { first, rows, height }, divisor, dy, dx, j));
      k.while(
        () => k.lt(j, ow),
        () => {
          const col = k.variable("i32", k.sub(k.mul(j, sw), pw));
          const cols = clipped(k, col, kw, w, pw, countPad);
          const given = k.splat(k.at(dy, 0, k.do("to.ptr", j), 4));
          const share = k.variable("v", k.div(given, divisorOf(k, divisor, height, cols.counted)));
          const to = k.variable("ptr", k.add(dx, bytesOf(k, k.add(k.mul(first, w), cols.first))));
          each(k, rows, () => {
            const here = k.variable("ptr", to);
            each(k, cols.count, () => {
              k.storeFirst(here, k.add(k.splat(here), share));
              k.increase(here, 4);
            });
            k.increase(to, bytesOf(k, w));
          });
          k.increase(j, 1);
        },
      );
      k.increase(dy, bytesOf(k, ow));
    });
    k.increase(dx, bytesOf(k, size));
  });
}

export const averagePooling: readonly Definition[] = [
  defineKernel("avgPool", [...sizeParameters, "i32", "f32", "ptr", "ptr"], (k, ...given) =>
    recordAvgPool(k, given),
  ),
  defineKernel("avgPoolGrad", [...sizeParameters, "i32", "f32", "ptr", "ptr"], (k, ...given) =>
    recordAvgPoolGrad(k, given),
  ),
];
