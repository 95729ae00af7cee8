// Normalizations per channel of [outer, channels, inner]: sums and moments (channel-sums.ts), and their use. Each operation
// is rounded.
import type { Definition } from "../../language/definition.ts";
import { defineKernel } from "../../language/definition.ts";
import type { Recorder } from "../../language/recorder.ts";
import type { Value, Variable } from "../../language/values.ts";
import { each } from "../loops/counting.ts";
import type { Elements } from "../loops/elements.ts";
import { overElements } from "../loops/elements.ts";
import { copyOf, overRows } from "../loops/row-loops.ts";
import { channelDistances } from "./channel-distances.ts";
import type { Layout } from "./channel-layout.ts";
import { channelScratchBytes, layoutOf, numberOf } from "./channel-layout.ts";
import { channelSums } from "./channel-sums.ts";

const sizes = ["i32", "i32", "i32"] as const;

/** The exact mean and the variance, from an approximate mean and the small distances from it. */
function recordMoments(
  k: Recorder,
  layout: Layout,
  x: Variable,
  mean: Variable,
  rest: Variable,
  variance: Variable,
): void {
  const { outer, channels, inner } = layout;
  const count = k.variable("d", k.mul(k.do("d.splatI", outer), k.do("d.splatI", inner)));
  channelSums(k, layout, [x], mean);
  each(k, channels, (channel) => {
    const place = k.at(mean, 0, k.do("to.ptr", channel), 4);
    k.storeFirst(place, k.do("v.round", k.div(k.do("d.splat", k.splat(place)), count)));
  });
  channelDistances(k, layout, x, mean, (channel, distances, squares) => {
    const at = (array: Variable) => k.at(array, 0, k.do("to.ptr", channel), 4);
    const off = k.variable("d", k.div(distances, count));
    const ofSquares = k.sub(k.div(squares, count), k.mul(off, off));
    const spread = k.variable("v", k.do("v.round", k.do("d.pmax", ofSquares, 0)));
    // Distances from an infinite mean do not exist.
    const rounded = k.do("v.round", off);
    k.if(k.do("mask.any", k.ne(rounded, rounded)), () => k.set(off, 0));
    const middle = k.variable("d", k.add(k.do("d.splat", k.splat(at(mean))), off));
    const first = k.variable("v", k.do("v.round", middle));
    k.storeFirst(at(mean), first);
    k.storeFirst(at(rest), k.do("v.round", k.sub(middle, k.do("d.splat", first))));
    k.storeFirst(at(variance), spread);
  });
}

/** A channel's numbers, and what stands for one that is absent. */
interface Numbers {
  readonly address: Variable;
  readonly absent: number;
}

/**
 * y = combine(arrays, numbers of the channel), for each element. Channels of one element are read as rows, as many
 * elements at a time as there are lanes.
 */
function recordCombine(
  k: Recorder,
  layout: Layout,
  arrays: readonly Variable[],
  numbers: readonly Numbers[],
  y: Variable,
  combine: (elements: readonly Value[], numbers: readonly Value[]) => Value,
): void {
  const { outer, channels, inner, size, step } = layout;
  const all = [...arrays, y];
  const use = ({ load, store }: Elements, ofChannel: readonly Value[]) =>
    store(
      arrays.length,
      combine(
        arrays.map((_, i) => load(i)),
        ofChannel,
      ),
    );
  const moving = all.map((address) => [address, step] as const);
  const overChannels = (numbersOf: (elements: Elements) => readonly Value[]) =>
    overRows(k, outer, moving, () => {
      const copies = [...all, ...numbers.map(({ address }) => address)].map((address) => copyOf(k, address));
      overElements(k, channels, copies, (elements) => use(elements, numbersOf(elements)));
    });
  const someAbsent = () => {
    const current = numbers.map(({ absent }) => k.variable("v", absent));
    overChannels((elements) => {
      for (const [i, { address }] of numbers.entries())
        k.if(k.ne(address, 0), () => k.set(current[i]!, elements.load(all.length + i)));
      return current.map((number) => k.read(number));
    });
  };
  const sideBySide = () =>
    k.if(
      numbers.map(({ address }) => k.ne(address, 0)).reduce((a, b) => k.and(a, b)),
      () => overChannels(({ load }) => numbers.map((_, i) => load(all.length + i))),
      someAbsent,
    );
  const oneByOne = () =>
    each(k, outer, () =>
      each(k, channels, (channel) => {
        const current = numbers.map(({ address, absent }) => numberOf(k, address, channel, absent));
        overElements(
          k,
          inner,
          all.map((address) => copyOf(k, address)),
          (elements) =>
            use(
              elements,
              current.map((number) => k.read(number)),
            ),
        );
        for (const address of all) k.increase(address, size);
      }),
    );
  k.if(k.eq(inner, 1), sideBySide, oneByOne);
}

export const channels: readonly Definition[] = [
  defineKernel(
    "channelMoments",
    [...sizes, "ptr", "ptr", "ptr", "ptr"],
    (k, outer, count, inner, x, mean, rest, variance) =>
      recordMoments(k, layoutOf(k, outer, count, inner), x, mean, rest, variance),
    () => channelScratchBytes,
  ),
  defineKernel(
    "channelDot",
    [...sizes, "ptr", "ptr", "ptr", "ptr", "ptr"],
    (k, ...given) => {
      const [outer, count, inner, a, b, center, rest, y] = given as [
        ...[Variable, Variable, Variable, Variable],
        ...[Variable, Variable, Variable, Variable],
      ];
      const layout = layoutOf(k, outer, count, inner);
      k.if(
        k.ne(b, 0),
        () => channelSums(k, layout, [a, b, center, rest], y),
        () => channelSums(k, layout, [a], y),
      );
    },
    () => channelScratchBytes,
  ),
  // Adding -0 and subtracting 0 change nothing, not even the sign of a zero.
  defineKernel(
    "channelAffine",
    [...sizes, "ptr", "ptr", "ptr", "ptr", "ptr"],
    (k, outer, count, inner, x, ...rest) => {
      const [center, scale, shift, y] = rest as [Variable, Variable, Variable, Variable];
      const numbers = [
        { address: center, absent: 0 },
        { address: scale, absent: 1 },
        { address: shift, absent: -0 },
      ];
      recordCombine(k, layoutOf(k, outer, count, inner), [x], numbers, y, ([v], [c, f, s]) =>
        k.add(k.mul(k.sub(v!, c!), f!), s!),
      );
    },
  ),
  defineKernel(
    "channelCombine",
    [...sizes, "ptr", "ptr", "ptr", "ptr", "ptr", "ptr", "ptr"],
    (k, outer, count, inner, a, b, ...rest) => {
      const [center, p, q, r, y] = rest as [Variable, Variable, Variable, Variable, Variable];
      const numbers = [center, p, q, r].map((address) => ({ address, absent: 0 }));
      recordCombine(k, layoutOf(k, outer, count, inner), [a, b], numbers, y, ([v, w], [c, f, g, s]) =>
        k.add(k.add(k.mul(v!, f!), k.mul(k.sub(w!, c!), g!)), s!),
      );
    },
  ),
];
