// Reference kernels: reductions and scans along one axis of [outer, length, inner].
import type { NumericArray } from "../../dtype.ts";
import type { Heap } from "../../memory/heap.ts";
import type { Kernels, ReduceKernel } from "../table.ts";
import { arithmeticOf } from "./arithmetic.ts";

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: a table of kernels, each of which fits a screen.
export function reduce(F: NumericArray, heap: Heap) {
  const { BYTES_PER_ELEMENT: width } = F;
  const { int32 } = heap;
  const { add, multiply } = arithmeticOf(F);

  /** Calls `each` for every pair of outer and inner indices, with the first input element and the output element. */
  const overAxes = (
    outer: number,
    length: number,
    inner: number,
    each: (first: number, output: number) => void,
  ) => {
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < inner; i++) each(o * length * inner + i, o * inner + i);
    }
  };

  const toValue =
    (start: number, combine: (result: number, x: number) => number): ReduceKernel =>
    (outer, length, inner, x, y) =>
      overAxes(outer, length, inner, (first, output) => {
        let result = start;
        for (let r = 0; r < length; r++) result = combine(result, F[x / width + first + r * inner]!);
        F[y / width + output] = result;
      });

  /** The elements of one run, scaled by a power of two so that the largest is about 1; also the scale and the mean. */
  const scaledRun = (first: number, length: number, inner: number) => {
    const run = Array.from({ length }, (_, r) => F[first + r * inner]!);
    const most = run.reduce((size, x) => Math.max(size, Math.abs(x)), 0);
    const scale =
      most > 0 && most < Number.POSITIVE_INFINITY ? 2 ** Math.min(1023, Math.floor(Math.log2(most))) : 1;
    const scaled = run.map((x) => x / scale);
    return { scaled, scale, mean: scaled.reduce((sum, x) => sum + x, 0) / length };
  };

  const toPlace =
    (better: (x: number, best: number) => boolean): ReduceKernel =>
    (outer, length, inner, x, y) =>
      overAxes(outer, length, inner, (first, output) => {
        let place = 0;
        let best = F[x / width + first]!;
        for (let r = 1; r < length && !Number.isNaN(best); r++) {
          const value = F[x / width + first + r * inner]!;
          if (better(value, best) || Number.isNaN(value)) {
            best = value;
            place = r;
          }
        }
        int32[y / 4 + output] = place;
      });

  return {
    sum: toValue(0, add),
    prod: toValue(1, multiply),
    max: toValue(Number.NEGATIVE_INFINITY, Math.max),
    min: toValue(Number.POSITIVE_INFINITY, Math.min),
    argmax: toPlace((x, best) => x > best),
    argmin: toPlace((x, best) => x < best),

    spread(outer, length, inner, x, y, centered, divisor, root) {
      overAxes(outer, length, inner, (first, output) => {
        const { scaled, scale, mean } = scaledRun(x / width + first, length, inner);
        const middle = centered ? mean : 0;
        const quotient = scaled.reduce((sum, value) => sum + (value - middle) ** 2, 0) / divisor;
        F[y / width + output] = root ? Math.sqrt(quotient) * scale : quotient * scale * scale;
      });
    },

    center(outer, length, inner, x, y) {
      overAxes(outer, length, inner, (first) => {
        const { scaled, scale, mean } = scaledRun(x / width + first, length, inner);
        scaled.forEach((value, r) => {
          F[y / width + first + r * inner] = (value - mean) * scale;
        });
      });
    },

    prodOthers(outer, length, inner, x, y) {
      overAxes(outer, length, inner, (first) => {
        let before = 1;
        for (let r = 0; r < length; r++) {
          F[y / width + first + r * inner] = before;
          before = multiply(before, F[x / width + first + r * inner]!);
        }
        let after = 1;
        for (let r = length - 1; r >= 0; r--) {
          const place = first + r * inner;
          F[y / width + place] = multiply(F[y / width + place]!, after);
          after = multiply(after, F[x / width + place]!);
        }
      });
    },

    cumsum(outer, length, inner, x, y, reverse) {
      overAxes(outer, length, inner, (first) => {
        let sum = 0;
        for (let step = 0; step < length; step++) {
          const place = first + (reverse ? length - 1 - step : step) * inner;
          sum = add(sum, F[x / width + place]!);
          F[y / width + place] = sum;
        }
      });
    },
  } satisfies Partial<Kernels>;
}
