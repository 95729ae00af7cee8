// The passes of the gradient of the weight, which sums over samples: 16 at a time, one in each of 16 virtual lanes. With
// fewer lanes in a vector, 16 samples are several parts, each with a copy of its own. A sum is a chain over the pixels of a
// block for each virtual lane; then the lanes are added in one order, and the result to the sums.
import { defineRoutine } from "../../language/definition.ts";
import type { Recorder } from "../../language/recorder.ts";
import { foldLanes } from "../../language/recorder.ts";
import type { Routine, Target, Value, Variable } from "../../language/values.ts";
import { bytesOf, each } from "../loops/counting.ts";
import { eachBlock, gradientBlock, Plan, pixelBytes, tapBlock, times } from "./convolution-plan.ts";
import { dotRoutine, foldRoutine, partStep, tileWidth } from "./convolution-tiles.ts";
import { interleaveRoutine } from "./interleave.ts";

/** The bytes of packed gradient for so many channels, of one part. */
function packedBytes(k: Recorder, channels: Value | Variable): Value {
  return times(k, channels, k.int(4 * k.lanes * gradientBlock, "ptr"));
}

/** The floats of sums for so many channels. */
function sumsOf(k: Recorder, plan: Plan, channels: Value | Variable): Value {
  return k.mul(k.mul(k.div(k.add(plan.get("tapCount"), tapBlock - 1), tapBlock), tapBlock), channels);
}

/** Where channels of a part begin in the packed gradient. */
function packedAt(k: Recorder, plan: Plan, part: Variable, o: Variable): Value {
  const ofPart = k.mul(packedBytes(k, plan.get("outputs")), k.do("to.ptr", part));
  return k.add(plan.area("packed"), k.add(ofPart, packedBytes(k, o)));
}

/** Sums of zero, and of the parts that have no sample. */
export function clearRoutine(target: Target): Routine {
  return defineRoutine("clear", ["ptr", "ptr"], target, (k, from, end) => {
    k.while(
      () => k.lt(from, end),
      () => {
        k.store(from, 0);
        k.increase(from, 4 * k.lanes);
      },
    );
  });
}

/** The gradient at `count` pixels: per part, block of channels and pixel, a vector for each channel. */
export function packGradientRoutine(target: Target): Routine {
  const interleave = interleaveRoutine(target);
  return defineRoutine(
    "pack gradient",
    ["ptr", "i32", "i32", "i32", "ptr", "ptr", "ptr"],
    target,
    (k, workspace, count, parts, samples, dy, sampleStep, channelBytes) => {
      const plan = new Plan(k, workspace);
      const vector = 4 * k.lanes;
      const outputs = plan.keep("outputs");
      each(k, parts, (part) => {
        const from = k.variable("ptr", dy);
        eachBlock(k, outputs, (o, block) => {
          const to = k.variable("ptr", packedAt(k, plan, part, o));
          for (let i = 0; i < block; i++) {
            k.call(interleave, count, samples, from, sampleStep, to, vector * block);
            k.increase(from, channelBytes);
            k.increase(to, vector);
          }
        });
        k.increase(samples, -k.lanes);
        k.increase(dy, k.mul(sampleStep, k.lanes));
      });
    },
  );
}

/** Adds the products of the packed gradient and the inputs at its pixels, whose records begin at `start`, to the sums. */
export function addProductsRoutine(target: Target): Routine {
  const dots = { 4: dotRoutine(target, 4), 2: dotRoutine(target, 2), 1: dotRoutine(target, 1) };
  const fold = foldRoutine(target);
  return defineRoutine(
    "add products",
    ["ptr", "ptr", "i32", "i32"],
    target,
    (k, workspace, start, count, parts) => {
      const plan = new Plan(k, workspace);
      const vector = 4 * k.lanes;
      const end = k.variable("ptr", k.add(start, times(k, count, k.int(pixelBytes, "ptr"))));
      const [copies, tapTable] = [plan.area("padded"), plan.area("taps")];
      const [stage, sums] = [plan.area("stage"), plan.area("sums")];
      const tapCount = plan.keep("tapCount");
      eachBlock(k, plan.keep("outputs"), (o, block) => {
        const ofBlock = k.variable("ptr", k.add(sums, bytesOf(k, sumsOf(k, plan, o))));
        each(
          k,
          tapCount,
          (chunk) => {
            const taps = k.variable("i32", k.min(k.sub(tapCount, chunk), tapBlock));
            each(k, parts, (part) => {
              const copy = k.variable("ptr", k.add(copies, times(k, part, plan.bytes("paddedBytes"))));
              const dy = k.variable("ptr", packedAt(k, plan, part, o));
              const staged = k.variable("ptr", k.add(stage, times(k, part, k.int(partStep(k.lanes), "ptr"))));
              each(
                k,
                taps,
                (tap) => {
                  const entry = k.add(tapTable, bytesOf(k, k.add(chunk, tap)));
                  k.call(dots[block], copy, entry, dy, start, end, staged);
                  k.increase(staged, vector * block * tileWidth(target, block));
                },
                tileWidth(target, block),
              );
            });
            const to = k.variable("ptr", k.add(ofBlock, k.mul(bytesOf(k, chunk), block)));
            k.call(fold, stage, to, k.add(to, k.mul(bytesOf(k, taps), block)));
          },
          tapBlock,
        );
      });
    },
  );
}

/**
 * Reorders the sums to the order of weights. Before, their order is block of channels, row, column, channel of the input,
 * channel of the block.
 */
export function writeSumsRoutine(target: Target): Routine {
  return defineRoutine("write sums", ["ptr", "ptr"], target, (k, workspace, dweight) => {
    const plan = new Plan(k, workspace);
    const sums = plan.area("sums");
    const [tapRows, tapCols] = [plan.keep("tapRows"), plan.keep("tapCols")];
    const channels = plan.keep("channels");
    const ofOutput = k.variable("ptr", bytesOf(k, plan.get("tapCount")));
    eachBlock(k, plan.keep("outputs"), (o, block) => {
      const from = k.variable("ptr", k.add(sums, bytesOf(k, sumsOf(k, plan, o))));
      const to = k.variable("ptr", k.add(dweight, times(k, o, ofOutput)));
      each(k, tapRows, (a) =>
        each(k, tapCols, (b) =>
          each(k, channels, (c) => {
            const tap = k.add(k.mul(k.add(k.mul(c, tapRows), a), tapCols), b);
            const place = k.variable("ptr", k.add(to, bytesOf(k, tap)));
            for (let i = 0; i < block; i++) {
              k.storeFirst(place, k.loadFirst(from, 4 * i));
              k.increase(place, ofOutput);
            }
            k.increase(from, 4 * block);
          }),
        ),
      );
    });
  });
}

/** How many parts of 16 samples have one. */
export function partsOf(k: Recorder, samples: Variable): Variable {
  return k.variable("i32", k.div(k.add(k.min(samples, foldLanes), k.lanes - 1), k.lanes));
}
