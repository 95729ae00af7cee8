// Rows of floats to lanes and back: the elements at one position of as many rows as there are lanes form one vector.
import { defineRoutine } from "../../language/definition.ts";
import type { Recorder } from "../../language/recorder.ts";
import type { Place, Routine, Target, Value, Variable } from "../../language/values.ts";
import { SteppedRows } from "../loops/stepped-rows.ts";

/** Runs `whole` for as many elements as there are lanes, while so many are left, then `part` for the rest. */
function inVectors(k: Recorder, left: Variable, whole: () => void, part: (tail: Value) => void): void {
  k.while(
    () => k.ge(left, k.lanes),
    () => {
      whole();
      k.increase(left, -k.lanes);
    },
  );
  k.if(k.gt(left, 0), () => part(k.do("tail.some", left)));
}

/**
 * Vectors `toStep` bytes apart from positions 0 … n-1 of rows that lie `fromStep` bytes apart; lanes without a row are 0.
 * Vectors behind the last, up to a multiple of the lanes, become 0.
 */
export function interleaveRoutine(target: Target): Routine {
  return defineRoutine(
    "interleave",
    ["i32", "i32", "ptr", "ptr", "ptr", "ptr"],
    target,
    (k, n, count, from, fromStep, to, toStep) => {
      const rows = new SteppedRows(k, k.lanes, from, fromStep);
      const lanes = Array.from({ length: k.lanes }, () => k.variable("v"));
      const turn = (load: (place: Place) => Value) => {
        for (const [i, lane] of lanes.entries()) {
          k.set(lane, 0);
          k.if(k.gt(count, i), () => k.set(lane, load(rows.at(i))));
        }
        k.transpose(lanes);
        for (const lane of lanes) {
          k.store(to, lane);
          k.increase(to, toStep);
        }
        rows.advance(4 * k.lanes);
      };
      inVectors(
        k,
        n,
        () => turn((place) => k.load(place)),
        (tail) => turn((place) => k.loadPart(tail, place)),
      );
    },
  );
}

/** The reverse: n contiguous vectors become rows of n floats, `toStep` bytes apart. May read up to a multiple of the lanes. */
export function separateRoutine(target: Target): Routine {
  return defineRoutine(
    "separate",
    ["i32", "i32", "ptr", "ptr", "ptr"],
    target,
    (k, n, count, from, to, toStep) => {
      const rows = new SteppedRows(k, k.lanes, to, toStep);
      const lanes = Array.from({ length: k.lanes }, () => k.variable("v"));
      const turn = (store: (place: Place, lane: Variable) => void) => {
        for (const [i, lane] of lanes.entries()) k.set(lane, k.load(from, 4 * k.lanes * i));
        k.transpose(lanes);
        for (const [i, lane] of lanes.entries()) k.if(k.gt(count, i), () => store(rows.at(i), lane));
        k.increase(from, 4 * k.lanes * k.lanes);
        rows.advance(4 * k.lanes);
      };
      inVectors(
        k,
        n,
        () => turn((place, lane) => k.store(place, lane)),
        (tail) => turn((place, lane) => k.storePart(tail, place, lane)),
      );
    },
  );
}
