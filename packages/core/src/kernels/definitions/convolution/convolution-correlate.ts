// The pass of a direct convolution that computes results: through the tiles (convolution-tiles.ts), pixel by pixel, and out
// of the lanes.
import { defineRoutine } from "../../language/definition.ts";
import type { Recorder } from "../../language/recorder.ts";
import type { Routine, Target, Value, Variable } from "../../language/values.ts";
import { bytesOf, each } from "../loops/counting.ts";
import { eachBlock, Plan, pixelBlock, pixelBytes, spare, times } from "./convolution-plan.ts";
import { sumRoutine, tileWidth } from "./convolution-tiles.ts";
import { separateRoutine } from "./interleave.ts";

/** Moves the staged sums of one channel to the result, in rows of floats where its pixels are neighbours there. */
function writeStageRoutine(target: Target): Routine {
  const separate = separateRoutine(target);
  return defineRoutine(
    "write stage",
    ["ptr", "ptr", "i32", "ptr", "ptr", "ptr"],
    target,
    (k, start, end, samples, from, to, sampleStep) => {
      const count = k.variable("i32", k.do("to.i32", k.div(k.sub(end, start), pixelBytes)));
      const first = k.variable("i32", k.loadInt(start, 4));
      const last = k.loadInt(end, 4 - pixelBytes);
      k.if(
        k.eq(k.sub(last, first), k.shl(k.sub(count, 1), 2)),
        () => k.call(separate, count, samples, from, k.add(to, k.do("to.ptr", first)), sampleStep),
        () =>
          k.while(
            () => k.lt(start, end),
            () => {
              const place = k.variable("ptr", k.add(to, k.do("to.ptr", k.loadInt(start, 4))));
              const lane = k.variable("ptr", from);
              each(k, k.min(samples, k.lanes), () => {
                k.storeFirst(place, k.loadFirst(lane));
                k.increase(place, sampleStep);
                k.increase(lane, 4);
              });
              k.increase(from, 4 * k.lanes);
              k.increase(start, pixelBytes);
            },
          ),
      );
    },
  );
}

/** The taps that a tile sums: see convolution-tiles.ts. */
interface Taps {
  readonly first: Variable;
  readonly runs: Variable;
  readonly length: Variable;
  readonly gap: Variable;
}

/**
 * Selects the taps that lie inside the source for at least one of the pixels from `a` to `b`, which are neighbours in the
 * result. Their rows only grow; their columns restart at the end of a row.
 */
function chooseTaps(k: Recorder, plan: Plan, taps: Taps, a: Variable, b: Value): void {
  const last = k.variable("ptr", b);
  const channels = plan.get("channels");
  const tapCols = plan.keep("tapCols");
  const rowFirst = k.variable("i32", k.min(k.loadInt(a, 8), k.loadInt(last, 8)));
  const rows = k.variable("i32", k.sub(k.max(k.loadInt(a, 12), k.loadInt(last, 12)), rowFirst));
  const colFirst = k.variable("i32", k.loadInt(a, 16));
  const colEnd = k.variable("i32", k.loadInt(a, 20));
  const pixel = k.variable("ptr", a);
  k.while(
    () => k.lt(pixel, last),
    () => {
      k.increase(pixel, pixelBytes);
      k.set(colFirst, k.min(colFirst, k.loadInt(pixel, 16)));
      k.set(colEnd, k.max(colEnd, k.loadInt(pixel, 20)));
    },
  );
  const cols = k.variable("i32", k.sub(colEnd, colFirst));
  k.set(taps.first, bytesOf(k, k.mul(k.add(k.mul(rowFirst, tapCols), colFirst), channels)));
  k.if(
    k.eq(cols, tapCols),
    () => {
      k.set(taps.runs, 1);
      k.set(taps.length, bytesOf(k, k.mul(k.mul(rows, tapCols), channels)));
      k.set(taps.gap, 0);
    },
    () => {
      k.set(taps.runs, rows);
      k.set(taps.length, bytesOf(k, k.mul(cols, channels)));
      k.set(taps.gap, bytesOf(k, k.mul(k.sub(tapCols, cols), channels)));
    },
  );
}

/**
 * The sums for all pixels and channels of the samples in the copy. `skip` leaves out the taps that lie outside the source
 * for every pixel of a tile; this saves much if a large border meets many channels. For the other pixels of the tile their
 * products are zeros, which change no bit (see convolution-tiles.ts), unless a weight is not finite: then each pixel is
 * computed for itself, with the taps that are inside.
 */
export function correlateRoutine(target: Target): Routine {
  const writeStage = writeStageRoutine(target);
  const sums = { 4: sumRoutine(target, 4), 2: sumRoutine(target, 2), 1: sumRoutine(target, 1) };
  const vector = 4 * target.lanes;
  const channelStage = vector * (pixelBlock + spare);
  return defineRoutine(
    "correlate",
    ["ptr", "i32", "ptr", "ptr", "ptr", "i32"],
    target,
    (k, workspace, samples, result, sampleStep, channelBytes, skip) => {
      const plan = new Plan(k, workspace);
      const [copy, tapTable, stage] = [plan.area("padded"), plan.area("taps"), plan.area("stage")];
      const tapCount = plan.keep("tapCount");
      const taps: Taps = {
        first: k.variable("ptr", 0),
        runs: k.variable("i32", 1),
        length: k.variable("ptr", bytesOf(k, tapCount)),
        gap: k.variable("ptr", 0),
      };
      const together = k.variable("i32", k.or(k.eq(skip, 0), plan.get("isFinite")));
      const outputs = plan.keep("outputs");
      const start = plan.area("pixels");
      const end = k.variable(
        "ptr",
        k.add(start, times(k, k.mul(plan.get("rows"), plan.get("cols")), k.int(pixelBytes, "ptr"))),
      );
      k.while(
        () => k.lt(start, end),
        () => {
          const blockEnd = k.variable("ptr", k.min(end, k.add(start, pixelBlock * pixelBytes)));
          const weights = plan.area("packed");
          const to = k.variable("ptr", result);
          eachBlock(k, outputs, (_, channels) => {
            const pixels = tileWidth(target, channels);
            const atOnce = k.variable("ptr", k.select(together, k.int(pixels, "ptr"), k.int(1, "ptr")));
            const recordStep = k.variable(
              "ptr",
              k.select(together, k.int(pixelBytes, "ptr"), k.int(0, "ptr")),
            );
            const pixel = k.variable("ptr", start);
            const staged = k.variable("ptr", stage);
            k.while(
              () => k.lt(pixel, blockEnd),
              () => {
                k.if(skip, () =>
                  chooseTaps(k, plan, taps, pixel, k.add(pixel, k.mul(recordStep, pixels - 1))),
                );
                k.call(
                  sums[channels],
                  ...[copy, pixel, recordStep, weights, tapTable],
                  ...[taps.first, taps.runs, taps.length, taps.gap, staged, channelStage],
                );
                k.increase(pixel, k.mul(atOnce, pixelBytes));
                k.increase(staged, k.mul(atOnce, vector));
              },
            );
            for (let i = 0; i < channels; i++) {
              const from = k.add(stage, i * channelStage);
              k.call(writeStage, start, blockEnd, samples, from, to, sampleStep);
              k.increase(to, channelBytes);
            }
            k.increase(weights, k.mul(bytesOf(k, k.add(tapCount, 1)), channels));
          });
          k.increase(start, pixelBlock * pixelBytes);
        },
      );
    },
  );
}
