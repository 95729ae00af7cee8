// Reference kernels: losses against class labels.
import type { NumericArray } from "../../dtype.ts";
import type { Heap } from "../../memory/heap.ts";
import type { Kernels } from "../table.ts";

export function losses(F: NumericArray, heap: Heap) {
  const { BYTES_PER_ELEMENT: width } = F;
  const { int32 } = heap;

  return {
    checkLabels(n, classes, ignored, labels) {
      for (let i = 0; i < n; i++) {
        const label = int32[labels / 4 + i]!;
        if ((label < 0 || label >= classes) && label !== ignored) return i;
      }
      return -1;
    },

    labelWeights(n, ignored, labels, weight, y) {
      for (let i = 0; i < n; i++) {
        const label = int32[labels / 4 + i]!;
        F[y / width + i] = label === ignored ? 0 : weight === 0 ? 1 : F[weight / width + label]!;
      }
    },

    nll(rows, cols, x, labels, ignored, y) {
      for (let r = 0; r < rows; r++) {
        const label = int32[labels / 4 + r]!;
        F[y / width + r] = label === ignored ? 0 : -F[x / width + r * cols + label]!;
      }
    },

    nllGrad(rows, cols, dy, labels, ignored, y) {
      F.fill(0, y / width, y / width + rows * cols);
      for (let r = 0; r < rows; r++) {
        const label = int32[labels / 4 + r]!;
        if (label !== ignored) F[y / width + r * cols + label] = -F[dy / width + r]!;
      }
    },

    crossEntropy(rows, cols, x, labels, ignored, smoothing, y) {
      for (let r = 0; r < rows; r++) {
        const from = x / width + r * cols;
        const label = int32[labels / 4 + r]!;
        let most = Number.NEGATIVE_INFINITY;
        for (let c = 0; c < cols; c++) if (F[from + c]! > most) most = F[from + c]!;
        let sum = 0;
        let spread = 0;
        for (let c = 0; c < cols; c++) {
          sum += Math.exp(F[from + c]! - most);
          spread += most - F[from + c]!;
        }
        const logSum = Math.log(sum);
        const inRange = label >= 0 && label < cols;
        let loss = inRange ? logSum + (most - F[from + label]!) : Number.NaN;
        if (smoothing !== 0) loss = (1 - smoothing) * loss + smoothing * (logSum + spread / cols);
        const to = y / width + r;
        F[to] = label === ignored ? 0 : loss;
        F[to + rows] = label === ignored ? 0 : 1;
        F[to + 2 * rows] = most;
        F[to + 3 * rows] = logSum;
      }
    },

    crossEntropyGrad(rows, cols, dy, step, x, labels, ignored, smoothing, saved, y) {
      for (let r = 0; r < rows; r++) {
        const label = int32[labels / 4 + r]!;
        const most = F[saved / width + 2 * rows + r]!;
        const logSum = F[saved / width + 3 * rows + r]!;
        const scale = label >= 0 && label < cols ? F[dy / width + r * step]! : Number.NaN;
        for (let c = 0; c < cols; c++) {
          const i = r * cols + c;
          const probability = Math.exp(F[x / width + i]! - most - logSum);
          const target = (c === label ? 1 - smoothing : 0) + smoothing / cols;
          F[y / width + i] = label === ignored ? 0 : scale * (probability - target);
        }
      }
    },
  } satisfies Partial<Kernels>;
}
