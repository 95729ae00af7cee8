// How the elements of [outer, channels, inner] are visited channel by channel, for channel-sums.ts and channel-distances.ts.
// A channel with few elements side by side is one column for each; one with many is a row for each `outer`.
import type { Recorder } from "../../language/recorder.ts";
import type { Value, Variable } from "../../language/values.ts";
import { columnScratchBytes, columnsAtOnce } from "../loops/column-sums.ts";
import { each } from "../loops/counting.ts";
import { fillWith, overElements } from "../loops/elements.ts";
import { byteStep, copyOf } from "../loops/row-loops.ts";

/** Channels with at most so many elements side by side are columns. */
const narrow = 128;
/** Bytes of a float32 for each column; the last vector may be wider. */
const arrayBytes = 4 * (columnsAtOnce + 16);
const arrays = 3;

/** Two float64 for each column, and three float32. */
export const channelScratchBytes = 2 * columnScratchBytes + arrays * arrayBytes;

/** float64 totals of columns in scratch memory. */
export const totalsAt = (k: Recorder, i: 0 | 1) =>
  k.variable("near", k.add(k.scratch(), i * columnScratchBytes));
/** float32 for each column. */
export const arrayAt = (k: Recorder, i: 0 | 1 | 2) =>
  k.variable("near", k.add(k.scratch(), 2 * columnScratchBytes + i * arrayBytes));

export interface Layout {
  readonly outer: Variable;
  readonly channels: Variable;
  readonly inner: Variable;
  /** Bytes of a channel, and of all of them. */
  readonly size: Variable;
  readonly step: Variable;
}

export function layoutOf(k: Recorder, outer: Variable, channels: Variable, inner: Variable): Layout {
  const size = byteStep(k, inner);
  return { outer, channels, inner, size, step: k.variable("ptr", k.mul(size, k.do("to.ptr", channels))) };
}

export const isNarrow = (k: Recorder, { inner }: Layout) => k.and(k.gt(inner, 0), k.le(inner, narrow));

/** Channels that are columns together: `columns` of them, from a place of their own on. */
export interface Stripe {
  readonly count: Variable;
  readonly columns: Variable;
  /** An array with a number for each element, or for each channel. */
  ofElements(address: Variable): Variable;
  ofChannels(address: Variable): Variable;
}

export function overStripes(
  k: Recorder,
  { channels, inner, size }: Layout,
  body: (stripe: Stripe) => void,
): void {
  const most = k.variable("i32", k.div(k.int(columnsAtOnce), inner));
  each(
    k,
    channels,
    (start) => {
      const count = k.variable("i32", k.min(k.sub(channels, start), most));
      const moved = (address: Variable, bytes: Value) => k.variable("ptr", k.add(address, bytes));
      body({
        count,
        columns: k.variable("i32", k.mul(count, inner)),
        ofElements: (address) => moved(address, k.mul(k.do("to.ptr", start), size)),
        ofChannels: (address) => moved(address, k.shl(k.do("to.ptr", start), 2)),
      });
    },
    most,
  );
}

/** Each number of `from` once for each column of its channel; zeros if the address is 0. */
export function repeat(k: Recorder, { inner }: Layout, stripe: Stripe, from: Variable, to: Variable): void {
  const alike = () => {
    const [place, next] = [stripe.ofChannels(from), copyOf(k, to)];
    each(k, stripe.count, () => {
      const value = k.variable("v", k.loadFirst(place));
      each(k, inner, () => {
        k.storeFirst(next, value);
        k.increase(next, 4);
      });
      k.increase(place, 4);
    });
  };
  const copy = () =>
    overElements(k, stripe.columns, [stripe.ofChannels(from), copyOf(k, to)], ({ load, store }) =>
      store(1, load(0)),
    );
  k.if(
    k.eq(from, 0),
    () => fillWith(k, stripe.columns, to, 0),
    () => k.if(k.eq(inner, 1), copy, alike),
  );
}

/** Runs `add` for each row of a channel, with its elements in each of the arrays. */
export function overOuter(
  k: Recorder,
  { outer, size, step }: Layout,
  channel: Variable,
  of: readonly Variable[],
  add: (rows: readonly Variable[]) => void,
): void {
  const rows = of.map((array) => k.variable("ptr", k.add(array, k.mul(k.do("to.ptr", channel), size))));
  each(k, outer, () => {
    add(rows.map((row) => copyOf(k, row)));
    for (const row of rows) k.increase(row, step);
  });
}

/** A channel's number, in every lane; 0 if the address is 0. */
export function numberOf(k: Recorder, address: Variable, channel: Variable, absent = 0): Variable {
  const number = k.variable("v", absent);
  k.if(k.ne(address, 0), () => k.set(number, k.splat(k.at(address, 0, k.do("to.ptr", channel), 4))));
  return number;
}
