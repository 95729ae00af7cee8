// Sums over everything but the channels of [outer, channels, inner], for channels.ts. Columns are added up as in
// column-sums.ts, then those of a channel; rows as in sums.ts. Sizes alone decide, and with them the order of additions.
import type { Recorder } from "../../language/recorder.ts";
import type { Value, Variable } from "../../language/values.ts";
import { sumStripe } from "../loops/column-sums.ts";
import { each } from "../loops/counting.ts";
import { overElements } from "../loops/elements.ts";
import { copyOf } from "../loops/row-loops.ts";
import { sumOverRow } from "../loops/sums.ts";
import type { Layout } from "./channel-layout.ts";
import { arrayAt, isNarrow, numberOf, overOuter, overStripes, repeat } from "./channel-layout.ts";

/** What is summed: a, or a·((b - center) - rest), where `center` and `rest` may be 0. */
export type Terms =
  | readonly [a: Variable]
  | readonly [a: Variable, b: Variable, center: Variable, rest: Variable];

const dot = (k: Recorder, a: Value, b: Value, center: Value, rest: Value) =>
  k.mul(a, k.sub(k.sub(b, center), rest));

function narrowSums(k: Recorder, layout: Layout, terms: Terms, y: Variable): void {
  const { outer, inner, step } = layout;
  const [a, b, center, rest] = terms;
  const sums = arrayAt(k, 0);
  const constants = b ? [arrayAt(k, 1), arrayAt(k, 2)] : [];
  overStripes(k, layout, (stripe) => {
    for (const [i, from] of [center, rest].entries())
      if (from) repeat(k, layout, stripe, from, constants[i]!);
    sumStripe(
      k,
      {
        ...{ rows: outer, columns: stripe.columns, step, perColumn: constants, y: sums },
        matrices: b ? [stripe.ofElements(a), stripe.ofElements(b)] : [stripe.ofElements(a)],
      },
      ([p, q], [c, r]) => (q ? dot(k, p!, q, c!, r!) : p!),
      k.scratch(),
    );
    const to = stripe.ofChannels(y);
    const addUp = () => {
      const from = copyOf(k, sums);
      each(k, stripe.count, () => {
        const total = k.variable("d", 0);
        each(k, inner, () => {
          k.increase(total, k.do("d.splat", k.splat(from)));
          k.increase(from, 4);
        });
        k.storeFirst(to, k.do("v.round", total));
        k.increase(to, 4);
      });
    };
    k.if(
      k.eq(inner, 1),
      () => overElements(k, stripe.columns, [copyOf(k, sums), to], ({ load, store }) => store(1, load(0))),
      addUp,
    );
  });
}

function wideSums(k: Recorder, layout: Layout, terms: Terms, y: Variable): void {
  const [a, b, center, rest] = terms;
  each(k, layout.channels, (channel) => {
    const total = k.variable("d", 0);
    const [c, r] = b ? [numberOf(k, center!, channel), numberOf(k, rest!, channel)] : [];
    overOuter(k, layout, channel, b ? [a, b] : [a], (rows) => {
      const [sum] = sumOverRow(
        k,
        layout.inner,
        rows,
        1,
        ({ load, present }) => [b ? present(dot(k, load(0), load(1), k.read(c!), k.read(r!))) : load(0)],
        { isUnrolled: true },
      );
      k.increase(total, sum!);
    });
    k.storeFirst(k.at(y, 0, k.do("to.ptr", channel), 4), k.do("v.round", total));
  });
}

/** y[channel] = the sum of the terms. Uses `channelScratchBytes` of scratch memory. */
export function channelSums(k: Recorder, layout: Layout, terms: Terms, y: Variable): void {
  k.if(
    isNarrow(k, layout),
    () => narrowSums(k, layout, terms, y),
    () => wideSums(k, layout, terms, y),
  );
}
