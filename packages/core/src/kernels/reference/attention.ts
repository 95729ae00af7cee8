// Reference kernels: softmax with scale and mask, and its gradient.
import type { NumericArray } from "../../dtype.ts";
import type { Heap } from "../../memory/heap.ts";
import type { Kernels } from "../table.ts";

export function attention(F: NumericArray, heap: Heap) {
  const { BYTES_PER_ELEMENT: width } = F;

  return {
    maskedSoftmax(
      ...[outer, rows, cols, scale, causal, x, maskKind, mask, maskOuter, maskRow, maskCol, y]: Parameters<
        Kernels["maskedSoftmax"]
      >
    ) {
      /** The mask value to add to a score: -Infinity hides it. */
      const masked = (o: number, r: number, c: number): number => {
        const place = o * maskOuter + r * maskRow + c * maskCol;
        if (maskKind === 2) return heap.uint8[mask + place] === 0 ? Number.NEGATIVE_INFINITY : 0;
        return maskKind === 1 ? F[mask / width + place]! : 0;
      };
      for (let o = 0; o < outer; o++) {
        for (let r = 0; r < rows; r++) {
          const from = x / width + (o * rows + r) * cols;
          const to = y / width + (o * rows + r) * cols;
          const score = (c: number) => {
            const added = masked(o, r, c);
            // A hidden score hides even a NaN.
            return added === Number.NEGATIVE_INFINITY ? added : F[from + c]! * scale + added;
          };
          const seen = causal ? Math.min(cols, r + 1) : cols;
          const scores = Array.from({ length: seen }, (_, c) => score(c));
          const most = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
          const weights = scores.map((value) =>
            most === Number.NEGATIVE_INFINITY ? 0 : Math.exp(value - most),
          );
          const sum = weights.reduce((a, b) => a + b, 0);
          for (let c = 0; c < cols; c++) F[to + c] = c >= seen || sum === 0 ? 0 : weights[c]! / sum;
        }
      }
    },

    maskedSoftmaxGrad(rows, cols, scale, dy, y, dx) {
      for (let r = 0; r < rows; r++) {
        const row = r * cols;
        let sum = 0;
        for (let c = 0; c < cols; c++) sum += F[dy / width + row + c]! * F[y / width + row + c]!;
        for (let c = 0; c < cols; c++) {
          F[dx / width + row + c] = scale * F[y / width + row + c]! * (F[dy / width + row + c]! - sum);
        }
      }
    },
  } satisfies Partial<Kernels>;
}
