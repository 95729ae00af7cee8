// Sums of distances from a number of each channel, and of their squares, for the moments of channels.ts: both in one pass.
import type { Recorder } from "../../language/recorder.ts";
import type { Value, Variable } from "../../language/values.ts";
import { addressOf, clearTotals, eightRows, moveToTotals, rowsInFloat32 } from "../loops/column-sums.ts";
import { each } from "../loops/counting.ts";
import type { Elements } from "../loops/elements.ts";
import { fillWith, overElements } from "../loops/elements.ts";
import { copyOf } from "../loops/row-loops.ts";
import { sumOverRow } from "../loops/sums.ts";
import type { Layout } from "./channel-layout.ts";
import { arrayAt, isNarrow, numberOf, overOuter, overStripes, repeat, totalsAt } from "./channel-layout.ts";

/** For up to 8 rows, adds x - center and its square to two rows of sums. */
function addDistances(
  k: Recorder,
  rows: Variable,
  columns: Variable,
  x: Variable,
  step: Variable,
  [center, sums, squares]: readonly [Variable, Variable, Variable],
): void {
  const rowAt = eightRows(k, step);
  const over = (each: (elements: Elements, add: (x: Value) => void) => void) =>
    overElements(
      k,
      columns,
      [center, sums, squares, x].map((address) => copyOf(k, address)),
      (elements) => {
        const { load, store } = elements;
        const [s, q] = [k.variable("v", 0), k.variable("v", 0)];
        const middle = load(0);
        each(elements, (value) => {
          const distance = k.sub(value, middle);
          k.set(s, k.add(s, distance));
          k.set(q, k.add(q, k.mul(distance, distance)));
        });
        store(1, k.add(load(1), s));
        store(2, k.add(load(2), q));
      },
    );
  const eight = () =>
    over((elements, add) => {
      for (let i = 0; i < 8; i++) add(elements.loadAt(rowAt(elements, 3, i)));
    });
  const fewer = () =>
    over(({ loadAt, place }, add) => {
      const row = addressOf(k, place(3));
      each(k, rows, () => {
        add(loadAt(row));
        k.increase(row, step);
      });
    });
  k.if(k.eq(rows, 8), eight, fewer);
}

/** The distances from its number and their squares, added up; in the first lane. */
type Use = (channel: Variable, distances: Variable, squares: Variable) => void;

function narrowDistances(k: Recorder, layout: Layout, x: Variable, center: Variable, use: Use): void {
  const { outer, inner, step } = layout;
  const [middle, sums, squares] = [arrayAt(k, 0), arrayAt(k, 1), arrayAt(k, 2)];
  const [totals, squareTotals] = [totalsAt(k, 0), totalsAt(k, 1)];
  const channel = k.variable("i32", 0);
  overStripes(k, layout, (stripe) => {
    const { columns } = stripe;
    repeat(k, layout, stripe, center, middle);
    for (const array of [sums, squares]) fillWith(k, columns, array, 0);
    for (const array of [totals, squareTotals]) clearTotals(k, columns, array);
    const row = stripe.ofElements(x);
    each(
      k,
      outer,
      (first) => {
        const rows = k.variable("i32", k.min(k.sub(outer, first), 8));
        addDistances(k, rows, columns, row, step, [middle, sums, squares]);
        k.increase(row, k.shl(step, 3));
        const done = k.add(first, 8);
        const isFull = k.eq(k.and(done, rowsInFloat32 - 1), 0);
        k.if(k.or(isFull, k.ge(done, outer)), () => {
          moveToTotals(k, columns, sums, totals);
          moveToTotals(k, columns, squares, squareTotals);
        });
      },
      8,
    );
    const places = [copyOf(k, totals), copyOf(k, squareTotals)] as const;
    each(k, stripe.count, () => {
      const [distances, ofSquares] = [k.variable("d", 0), k.variable("d", 0)];
      each(k, inner, () => {
        for (const [i, total] of [distances, ofSquares].entries()) {
          k.increase(total, k.splatWide(places[i]!));
          k.increase(places[i]!, 8);
        }
      });
      use(channel, distances, ofSquares);
      k.increase(channel, 1);
    });
  });
}

function wideDistances(k: Recorder, layout: Layout, x: Variable, center: Variable, use: Use): void {
  each(k, layout.channels, (channel) => {
    const [distances, squares] = [k.variable("d", 0), k.variable("d", 0)];
    const middle = numberOf(k, center, channel);
    overOuter(k, layout, channel, [x], (rows) => {
      const [sum, ofSquares] = sumOverRow(
        k,
        layout.inner,
        rows,
        2,
        ({ load, present }) => {
          const distance = present(k.sub(load(0), middle));
          return [distance, k.mul(distance, distance)];
        },
        { isUnrolled: true },
      );
      k.increase(distances, sum!);
      k.increase(squares, ofSquares!);
    });
    use(channel, distances, squares);
  });
}

/** Hands the distances of each channel's elements from its number in `center`, and their squares, to `use`. */
export function channelDistances(k: Recorder, layout: Layout, x: Variable, center: Variable, use: Use): void {
  k.if(
    isNarrow(k, layout),
    () => narrowDistances(k, layout, x, center, use),
    () => wideDistances(k, layout, x, center, use),
  );
}
