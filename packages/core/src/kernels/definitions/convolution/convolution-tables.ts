// The tables of a direct convolution: where its taps and pixels are in the copies of samples (see convolution-plan.ts).
import { defineRoutine } from "../../language/definition.ts";
import type { Recorder } from "../../language/recorder.ts";
import type { Routine, Target, Variable } from "../../language/values.ts";
import { each, firstAt } from "../loops/counting.ts";
import { line, Plan, pixelBytes, spare } from "./convolution-plan.ts";

function zeroCopies(k: Recorder, plan: Plan): void {
  const to = plan.area("padded");
  const end = plan.area("stage");
  k.while(
    () => k.lt(to, end),
    () => {
      for (let at = 0; at < line; at += 4 * k.lanes) k.store(to, 0, at);
      k.increase(to, line);
    },
  );
}

function writeTaps(k: Recorder, plan: Plan): void {
  const vector = 4 * k.lanes;
  const [channels, tapCols, plane] = [plan.keep("channels"), plan.keep("tapCols"), plan.keep("plane")];
  const to = plan.area("taps");
  const tap = k.variable("i32", 0);
  each(k, plan.keep("tapRows"), (a) => {
    const row = k.variable("i32", k.mul(k.mul(a, plan.get("rowStep")), plan.get("paddedCols")));
    each(k, tapCols, (b) => {
      k.set(tap, k.mul(k.add(row, k.mul(b, plan.get("colStep"))), vector));
      each(k, channels, () => {
        k.storeInt(to, tap);
        k.increase(to, 4);
        k.increase(tap, k.mul(plane, vector));
      });
    });
  });
  k.if(k.gt(plan.get("tapCount"), 0), () => k.set(tap, k.loadInt(to, -4)));
  for (let i = 0; i < spare; i++) k.storeInt(to, tap, 4 * i);
}

function writePixels(k: Recorder, plan: Plan, outRow: Variable, outCol: Variable): void {
  const vector = 4 * k.lanes;
  const [cols, tapRows, tapCols] = [plan.keep("cols"), plan.keep("tapRows"), plan.keep("tapCols")];
  const [rowStep, colStep] = [plan.keep("rowStep"), plan.keep("colStep")];
  const [top, left] = [plan.keep("top"), plan.keep("left")];
  const to = plan.area("pixels");
  const last = Array.from({ length: 6 }, () => k.variable("i32", 0));
  const write = () => {
    for (const [i, value] of last.entries()) k.storeInt(to, value, 4 * i);
    k.increase(to, pixelBytes);
  };
  each(k, plan.keep("rows"), (i) => {
    const source = k.variable("i32", k.mul(i, plan.get("rowStride")));
    k.set(last[2]!, firstAt(k, source, rowStep, top, tapRows));
    k.set(last[3]!, firstAt(k, source, rowStep, k.add(top, plan.get("sourceRows")), tapRows));
    each(k, cols, (j) => {
      const column = k.variable("i32", k.mul(j, plan.get("colStride")));
      k.set(last[0]!, k.mul(k.add(k.mul(source, plan.get("paddedCols")), column), vector));
      k.set(last[1]!, k.shl(k.add(k.mul(i, outRow), k.mul(j, outCol)), 2));
      k.set(last[4]!, firstAt(k, column, colStep, left, tapCols));
      k.set(last[5]!, firstAt(k, column, colStep, k.add(left, plan.get("sourceCols")), tapCols));
      write();
    });
  });
  each(k, k.int(spare), write);
}

/**
 * Writes the tables of taps and pixels, and zeroes the copies, whose borders stay zero. `outRow` and `outCol` are the row
 * and column strides of the result, in elements. Both tables repeat their last entry, so that tiles may run past the end.
 */
export function tablesRoutine(target: Target): Routine {
  return defineRoutine("tables", ["ptr", "i32", "i32"], target, (k, workspace, outRow, outCol) => {
    const plan = new Plan(k, workspace);
    zeroCopies(k, plan);
    writeTaps(k, plan);
    writePixels(k, plan, outRow, outCol);
  });
}
