// Reference kernels: averaging and clipping. On float32 every operation of `average` and `ema` rounds to float32,
// exactly as in the fast kernels, so both give the same bits.
import type { NumericArray } from "../../dtype.ts";
import type { Heap } from "../../memory/heap.ts";
import { foldPairwise } from "../../pairwise.ts";
import type { Kernels } from "../table.ts";

export function training(F: NumericArray, heap: Heap) {
  const { BYTES_PER_ELEMENT: width } = F;
  const { float64, int32 } = heap;
  const round = width === 4 ? Math.fround : (value: number) => value;

  return {
    average(n, shards, x, slots, stride, weights, scale, y) {
      for (let i = 0; i < n; i++) {
        const at = (s: number) => {
          const weight = F[weights / width + s]!;
          return weight === 0
            ? undefined
            : { value: round(weight * F[x / width + int32[slots / 4 + s]! * stride + i]!) };
        };
        const sum = foldPairwise(0, shards, at, (a, b) => ({ value: round(a.value + b.value) }));
        F[y / width + i] = sum ? round(round(scale) * sum.value) : 0;
      }
    },

    ema(n, w, average, cells) {
      const decay = F[cells / width]!;
      const rest = F[cells / width + 1]!;
      for (let i = 0; i < n; i++) {
        const kept = round(decay * F[average / width + i]!);
        F[average / width + i] = kept + round(rest * F[w / width + i]!);
      }
    },

    addSquares(n, x, total) {
      let sum = 0;
      for (let i = 0; i < n; i++) sum += F[x / width + i]! ** 2;
      float64[total / 8]! += sum;
    },

    addPowers(n, p, x, total) {
      for (let i = 0; i < n; i++) {
        const size = Math.abs(F[x / width + i]!);
        const before = float64[total / 8]!;
        float64[total / 8] = p === Number.POSITIVE_INFINITY ? Math.max(before, size) : before + size ** p;
      }
    },

    normAndScale(p, maxNorm, total, y) {
      const sum = float64[total / 8]!;
      const norm = p === Number.POSITIVE_INFINITY ? sum : p === 2 ? Math.sqrt(sum) : sum ** (1 / p);
      float64[y / 8] = norm;
      float64[y / 8 + 1] = Math.min(1, maxNorm / (norm + 1e-6));
    },

    clip(n, limit, x) {
      for (let i = 0; i < n; i++) {
        F[x / width + i] = Math.min(Math.max(F[x / width + i]!, -limit), limit);
      }
    },
  } satisfies Partial<Kernels>;
}
