// Loops over elements: the definition says what happens to one vector, the loop and its tail are here.
import type { Recorder } from "../language/recorder.ts";
import type { Value, Variable } from "../language/values.ts";

/** Reads and writes the present lanes of arrays, which are numbered as in the list of their addresses. */
export interface Elements {
  load(array: number): Value;
  store(array: number, value: Value | Variable): void;
}

/**
 * Runs `body` over n elements of arrays that are contiguous, a vector or several at a time. The lanes of the last
 * vector go through the same arithmetic as all others. Leaves the addresses at the end of the whole vectors.
 */
export function overElements(
  k: Recorder,
  n: Value | Variable,
  arrays: readonly Variable[],
  body: (elements: Elements) => void,
): void {
  const { unroll } = k.target;
  const bytes = 4 * k.lanes;
  const at = (offset: number): Elements => ({
    load: (array) => k.load(arrays[array]!, offset),
    store: (array, value) => k.store(arrays[array]!, value, offset),
  });
  /** Runs over as many vectors as remain, `count` at a time; `left` is what remains, less that many. */
  const vectors = (left: Variable, count: number) =>
    k.while(
      () => k.ge(left, 0),
      () => {
        for (let i = 0; i < count; i++) body(at(i * bytes));
        for (const array of arrays) k.increase(array, count * bytes);
        k.increase(left, -count * k.lanes);
      },
    );
  const left = k.variable("i32", k.sub(n, unroll * k.lanes));
  vectors(left, unroll);
  if (unroll > 1) {
    k.increase(left, (unroll - 1) * k.lanes);
    vectors(left, 1);
  }
  k.increase(left, k.lanes);
  k.if(k.gt(left, 0), () => {
    const tail = k.do("tail.first", left);
    body({
      load: (array) => k.loadPart(tail, arrays[array]!),
      store: (array, value) => k.storePart(tail, arrays[array]!, value),
    });
  });
}
