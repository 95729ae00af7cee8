// Loops that count, and places along an axis.
import type { Operand } from "../../language/notes.ts";
import type { Recorder } from "../../language/recorder.ts";
import type { Value, Variable } from "../../language/values.ts";

/** Runs `body` with 0, `step`, 2·`step`, … below `count`. */
export function each(k: Recorder, count: Operand, body: (i: Variable) => void, step: Operand = 1): void {
  const i = k.variable("i32", 0);
  k.while(
    () => k.lt(i, count),
    () => {
      body(i);
      k.increase(i, step);
    },
  );
}

/** The first index at or beyond `edge` among start, start + step, …, or `count`. */
export function firstAt(
  k: Recorder,
  start: Variable,
  step: Variable,
  edge: Value | Variable,
  count: Variable,
): Value {
  const steps = k.div(k.sub(k.add(k.max(k.sub(edge, start), 0), step), 1), step);
  return k.min(count, steps);
}

/** Bytes of so many floats. */
export const bytesOf = (k: Recorder, floats: Value | Variable) => k.shl(k.do("to.ptr", floats), 2);
