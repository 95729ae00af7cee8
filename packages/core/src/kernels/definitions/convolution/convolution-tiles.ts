// The innermost loops of direct convolution (convolution.ts): tiles of sums in registers, for 4, 2 and 1 channels of the
// result at a time. Vectors hold one sample per lane; convolution.ts knows what they mean.
import { defineRoutine } from "../../language/definition.ts";
import type { Recorder } from "../../language/recorder.ts";
import { foldLanes } from "../../language/recorder.ts";
import type { Routine, Target, Value, Variable } from "../../language/values.ts";
import type { Channels } from "./convolution-plan.ts";
import { channelBlock, pixelBytes, tapBlock } from "./convolution-plan.ts";

/** How many pixels, or taps, a tile has: as many as registers hold, besides its operands and a product. */
export function tileWidth({ registers }: Target, channels: Channels): number {
  if (channels === 1) return 8;
  if (channels === 2) return registers < 16 ? 4 : 6;
  if (registers < 16) return 2;
  return registers < 32 ? 3 : 6;
}

type Sums = readonly (readonly Variable[])[];

/** Adds the products of factors for each row and each column. Holds only the fewer of them. */
function multiply(k: Recorder, sums: Sums, row: (i: number) => Value, column: (i: number) => Value): void {
  const [rows, columns] = [sums.length, sums[0]!.length];
  const range = (count: number) => Array.from({ length: count }, (_, i) => i);
  const add = (i: number, j: number, x: Value, y: Value) => k.set(sums[i]![j]!, k.madd(x, y, sums[i]![j]!));
  if (columns <= rows) {
    const held = range(columns).map(column);
    for (const i of range(rows)) {
      const x = row(i);
      for (const [j, y] of held.entries()) add(i, j, x, y);
    }
  } else {
    const held = range(rows).map(row);
    for (const j of range(columns)) {
      const y = column(j);
      for (const [i, x] of held.entries()) add(i, j, x, y);
    }
  }
}

/** Addresses from a table of byte offsets. */
function addresses(
  k: Recorder,
  count: number,
  from: Variable,
  table: Variable,
  step: Variable | number,
): Variable[] {
  return Array.from({ length: count }, () => {
    const address = k.variable("ptr", k.add(from, k.do("to.ptr", k.loadInt(table))));
    k.increase(table, step);
    return address;
  });
}

/**
 * Sums over taps, for several pixels and channels. `weights` begins with the initial sums; then each tap has a value per
 * channel. `taps` are byte offsets from the pixels' places in `copy`. The loop skips `first` taps, then `runs` times
 * takes `length` taps and skips `gap` (all in bytes of `taps`). Results go to `to`, channels `toStep` apart. A sum of
 * zero is +0, so that a tap in the padding, whose product is a zero, changes no bit.
 */
export function sumRoutine(target: Target, channels: Channels): Routine {
  const pixels = tileWidth(target, channels);
  return defineRoutine(
    `sum ${channels} by ${pixels}`,
    ["ptr", "ptr", "ptr", "ptr", "ptr", "ptr", "i32", "ptr", "ptr", "ptr", "ptr"],
    target,
    (k, copy, record, recordStep, weights, taps, first, runs, length, gap, to, toStep) => {
      const places = addresses(k, pixels, copy, record, recordStep);
      const sums: Sums = Array.from({ length: channels }, (_, channel) => {
        const initial = k.splat(weights, 4 * channel);
        return places.map(() => k.variable("v", initial));
      });
      k.increase(weights, k.add(k.mul(first, channels), 4 * channels));
      k.increase(taps, first);
      k.while(
        () => k.gt(runs, 0),
        () => {
          const end = k.variable("ptr", k.add(taps, length));
          k.while(
            () => k.lt(taps, end),
            () => {
              const offset = k.do("to.ptr", k.loadInt(taps));
              multiply(
                k,
                sums,
                (channel) => k.splat(weights, 4 * channel),
                (pixel) => k.load(k.at(places[pixel]!, 0, offset)),
              );
              k.increase(taps, 4);
              k.increase(weights, 4 * channels);
            },
          );
          k.increase(taps, gap);
          k.increase(weights, k.mul(gap, channels));
          k.increase(runs, -1);
        },
      );
      for (const sumsOfChannel of sums) {
        for (const [pixel, sum] of sumsOfChannel.entries()) k.store(to, k.add(sum, 0), 4 * k.lanes * pixel);
        k.increase(to, toStep);
      }
    },
  );
}

/**
 * Sums over pixels, for several taps and channels. `pixels` to `end` are records that begin with a byte offset from the
 * taps' places in `copy`; `dy` has a vector per channel for each pixel. Results go to `to`, a vector per channel for
 * each tap.
 */
export function dotRoutine(target: Target, channels: Channels): Routine {
  const count = tileWidth(target, channels);
  return defineRoutine(
    `dot ${channels} by ${count}`,
    ["ptr", "ptr", "ptr", "ptr", "ptr", "ptr"],
    target,
    (k, copy, taps, dy, pixels, end, to) => {
      const vector = 4 * k.lanes;
      const places = addresses(k, count, copy, taps, 4);
      const sums: Sums = Array.from({ length: channels }, () => places.map(() => k.variable("v", 0)));
      k.while(
        () => k.lt(pixels, end),
        () => {
          const offset = k.do("to.ptr", k.loadInt(pixels));
          multiply(
            k,
            sums,
            (channel) => k.load(dy, vector * channel),
            (tap) => k.load(k.at(places[tap]!, 0, offset)),
          );
          k.increase(pixels, pixelBytes);
          k.increase(dy, vector * channels);
        },
      );
      for (const [channel, sumsOfChannel] of sums.entries())
        for (const [tap, sum] of sumsOfChannel.entries())
          k.store(to, sum, vector * (tap * channels + channel));
    },
  );
}

/** Bytes from the staged sums of a part of 16 samples to those of the next. */
export const partStep = (lanes: number) => 4 * lanes * tapBlock * channelBlock;

/**
 * Adds the 16 lanes of each staged sum to a float, as `fold` does: 8 apart, then 4, 2, 1. Takes as many sums at a time as
 * there are lanes; behind the last there may be anything.
 */
export function foldRoutine(target: Target): Routine {
  return defineRoutine("fold sums", ["ptr", "ptr", "ptr"], target, (k, staged, sums, end) => {
    const { lanes } = k;
    const halve = (values: readonly Value[]): Value =>
      values.length === 1
        ? values[0]!
        : halve(values.slice(0, values.length / 2).map((x, i) => k.add(x, values[i + values.length / 2]!)));
    const vectors = Array.from({ length: lanes }, () => k.variable("v"));
    k.while(
      () => k.lt(sums, end),
      () => {
        for (const [i, vector] of vectors.entries()) {
          const parts = Array.from({ length: foldLanes / lanes }, (_, part) =>
            k.load(staged, part * partStep(lanes) + 4 * lanes * i),
          );
          k.set(vector, halve(parts));
        }
        k.transpose(vectors);
        k.store(sums, k.add(k.load(sums), halve(vectors.map((vector) => k.read(vector)))));
        k.increase(staged, 4 * lanes * lanes);
        k.increase(sums, 4 * lanes);
      },
    );
  });
}
