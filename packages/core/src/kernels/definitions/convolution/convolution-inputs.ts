// What goes into a direct convolution: weights in the order of its tiles, and samples in the lanes of its copies. Their
// layout is in convolution-plan.ts.
import { defineRoutine } from "../../language/definition.ts";
import type { Routine, Target, Value } from "../../language/values.ts";
import { bytesOf, each } from "../loops/counting.ts";
import { eachBlock, Plan, times } from "./convolution-plan.ts";
import { interleaveRoutine } from "./interleave.ts";

/**
 * Copies weights (and initial sums, zero without bias) in the order in which tiles read them, and notes whether all
 * weights are finite. Strides are in bytes; rows and columns may be taken backwards.
 */
export function packWeightsRoutine(target: Target): Routine {
  return defineRoutine(
    "pack weights",
    ["ptr", "ptr", "ptr", "ptr", "ptr", "ptr", "ptr", "i32"],
    target,
    (k, workspace, weight, bias, outputStep, channelStep, rowStep, colStep, backwards) => {
      const plan = new Plan(k, workspace);
      const to = plan.area("packed");
      const [tapRows, tapCols, channels] = [
        plan.keep("tapRows"),
        plan.keep("tapCols"),
        plan.keep("channels"),
      ];
      const allFinite = k.variable("i32", 1);
      const infinity = 0x7f800000;
      const one = (word: Value) => {
        k.storeInt(to, word);
        k.increase(to, 4);
      };
      eachBlock(k, plan.keep("outputs"), (o, block) => {
        for (let i = 0; i < block; i++)
          k.if(
            k.ne(bias, 0),
            () => one(k.loadInt(k.at(bias, 4 * i, k.do("to.ptr", o), 4))),
            () => one(k.int(0)),
          );
        const first = k.variable("ptr", k.add(weight, times(k, o, outputStep)));
        each(k, tapRows, (a) =>
          each(k, tapCols, (b) => {
            const along = k.variable("ptr", k.add(times(k, a, rowStep), times(k, b, colStep)));
            const from = k.variable("ptr", first);
            k.if(
              backwards,
              () => k.set(from, k.sub(first, along)),
              () => k.increase(from, along),
            );
            each(k, channels, () => {
              const place = k.variable("ptr", from);
              for (let i = 0; i < block; i++) {
                const word = k.loadInt(place);
                k.set(allFinite, k.and(allFinite, k.ne(k.and(word, infinity), infinity)));
                one(word);
                k.increase(place, outputStep);
              }
              k.increase(from, channelStep);
            });
          }),
        );
      });
      plan.set("isFinite", allFinite);
    },
  );
}

/** Copies samples, `sampleStep` bytes apart, into the lanes of the copy that begins at `copy`. Zeroes lanes without one. */
export function fillRoutine(target: Target): Routine {
  const interleave = interleaveRoutine(target);
  return defineRoutine(
    "fill copy",
    ["ptr", "ptr", "i32", "ptr", "ptr"],
    target,
    (k, workspace, copy, samples, source, sampleStep) => {
      const plan = new Plan(k, workspace);
      const vector = 4 * k.lanes;
      const [top, left, paddedCols] = [plan.keep("top"), plan.keep("left"), plan.keep("paddedCols")];
      const [sourceRows, sourceCols] = [plan.keep("sourceRows"), plan.keep("sourceCols")];
      const firstCol = k.variable("i32", k.max(left, 0));
      const firstRow = k.variable("i32", k.max(top, 0));
      const count = k.variable("i32", k.sub(k.min(paddedCols, k.add(left, sourceCols)), firstCol));
      const lastRow = k.min(plan.get("paddedRows"), k.add(top, sourceRows));
      const rows = k.variable("i32", k.sub(lastRow, firstRow));
      // Rows without a border follow one another: they are one.
      k.if(k.and(k.eq(left, 0), k.eq(paddedCols, sourceCols)), () => {
        k.set(count, k.mul(count, k.max(rows, 0)));
        k.set(rows, k.min(rows, 1));
      });
      // In this order, as zeros behind a row go over the beginning of those that follow.
      each(k, plan.keep("channels"), (c) =>
        each(k, rows, (row) => {
          const line = k.sub(k.add(k.mul(c, sourceRows), k.add(row, firstRow)), top);
          const from = k.add(k.mul(line, sourceCols), k.sub(firstCol, left));
          const place = k.add(k.mul(k.add(row, firstRow), paddedCols), firstCol);
          const to = k.add(k.mul(c, plan.get("plane")), place);
          k.if(k.gt(count, 0), () =>
            k.call(
              interleave,
              ...[count, samples, k.add(source, bytesOf(k, from)), sampleStep],
              ...[k.add(copy, times(k, to, k.int(vector, "ptr"))), vector],
            ),
          );
        }),
      );
    },
  );
}
