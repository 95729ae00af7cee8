// Reference kernels: reductions along one axis of [outer, length, inner], and functions of whole rows.
import type { NumericArray } from "../../dtype.ts";
import type { Heap } from "../../memory/heap.ts";
import type { Kernels } from "../table.ts";

export function reduce(heap: Heap, F: NumericArray) {
  const { BYTES_PER_ELEMENT: width } = F;
  const { int32 } = heap;

  return {
    sum(outer, length, inner, x, y) {
      for (let o = 0; o < outer; o++) {
        for (let i = 0; i < inner; i++) {
          let sum = 0;
          for (let r = 0; r < length; r++) sum += F[x / width + (o * length + r) * inner + i]!;
          F[y / width + o * inner + i] = sum;
        }
      }
    },

    max(outer, length, inner, x, y) {
      for (let o = 0; o < outer; o++) {
        for (let i = 0; i < inner; i++) {
          let most = Number.NEGATIVE_INFINITY;
          for (let r = 0; r < length; r++)
            most = Math.max(most, F[x / width + (o * length + r) * inner + i]!);
          F[y / width + o * inner + i] = most;
        }
      }
    },

    argmax(outer, length, inner, x, y) {
      for (let o = 0; o < outer; o++) {
        for (let i = 0; i < inner; i++) {
          let best = 0;
          let most = F[x / width + o * length * inner + i]!;
          for (let r = 1; r < length && !Number.isNaN(most); r++) {
            const value = F[x / width + (o * length + r) * inner + i]!;
            if (value > most || Number.isNaN(value)) {
              most = value;
              best = r;
            }
          }
          int32[y / 4 + o * inner + i] = best;
        }
      }
    },

    logSoftmax(rows, cols, x, y) {
      for (let r = 0; r < rows; r++) {
        const from = x / width + r * cols;
        let most = Number.NEGATIVE_INFINITY;
        for (let c = 0; c < cols; c++) most = Math.max(most, F[from + c]!);
        let sum = 0;
        for (let c = 0; c < cols; c++) sum += Math.exp(F[from + c]! - most);
        const logSum = Math.log(sum);
        for (let c = 0; c < cols; c++) F[y / width + r * cols + c] = F[from + c]! - most - logSum;
      }
    },
  } satisfies Partial<Kernels>;
}
