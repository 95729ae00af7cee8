// Loops over the rows of matrices without gaps.
import type { Recorder } from "../../language/recorder.ts";
import type { Value, Variable } from "../../language/values.ts";
import { bytesOf } from "./counting.ts";

/** The bytes of so many elements of 4 bytes, as a step of addresses. */
export function byteStep(k: Recorder, elements: Value | Variable): Variable {
  return k.variable("ptr", bytesOf(k, elements));
}

/** Addresses that move by so many bytes after each row. */
export type Moving = readonly [address: Variable, step: Variable | number];

/** Runs `body` for each row; it may move copies of the addresses, not these. */
export function overRows(
  k: Recorder,
  rows: Value | Variable,
  moving: readonly Moving[],
  body: (row: Variable) => void,
): void {
  const row = k.variable("i32", 0);
  k.while(
    () => k.lt(row, rows),
    () => {
      body(row);
      for (const [address, step] of moving) k.increase(address, step);
      k.increase(row, 1);
    },
  );
}

/** A copy of an address, to be moved. */
export function copyOf(k: Recorder, address: Value | Variable): Variable {
  return k.variable(address.type, address);
}
