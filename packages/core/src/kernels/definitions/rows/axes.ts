// Kernels along the middle axis of [outer, length, inner]: for each of `outer`, a row if `inner` is 1, else columns.
import type { Recorder } from "../../language/recorder.ts";
import type { Variable } from "../../language/values.ts";
import type { Columns } from "../loops/column-sums.ts";

/** The axes, and where x and y are for the current `outer`. */
export interface Axes {
  readonly length: Variable;
  readonly inner: Variable;
  readonly x: Variable;
  readonly y: Variable;
}

export const axesParameters = ["i32", "i32", "i32", "ptr", "ptr"] as const;

/** Runs `row` if the axis is the last one, else `columns`, for each of `outer`. y has `inner` elements, or as many as x. */
export function overAxes(
  k: Recorder,
  outer: Variable,
  { length, inner, x, y }: Axes,
  keepsLength: boolean,
  row: (x: Variable, y: Variable) => void,
  columns: (columns: Columns) => void,
): void {
  const step = k.variable("ptr", k.shl(k.do("to.ptr", inner), 2));
  const block = k.variable("ptr", k.mul(step, k.do("to.ptr", length)));
  k.while(
    () => k.gt(outer, 0),
    () => {
      const [p, q] = [k.variable("ptr", x), k.variable("ptr", y)];
      k.if(
        k.eq(inner, 1),
        () => row(p, q),
        () => columns({ rows: length, columns: inner, matrices: [p], step, perColumn: [], y: q }),
      );
      k.increase(x, block);
      k.increase(y, keepsLength ? block : step);
      k.increase(outer, -1);
    },
  );
}

/** The axes and places among the parameters of a kernel, behind `outer`. */
export const axesOf = ([length, inner, x, y]: readonly Variable[]) => ({ length, inner, x, y }) as Axes;
