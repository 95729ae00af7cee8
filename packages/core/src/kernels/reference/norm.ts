// Reference kernels: the normalizations over rows.
import type { NumericArray } from "../../dtype.ts";
import type { Kernels } from "../table.ts";

export function norm(F: NumericArray) {
  const { BYTES_PER_ELEMENT: width } = F;

  /** Mean (0 unless centered) and 1/√(mean square distance from it + eps) of the row at `from`. */
  function rowMoments(from: number, cols: number, eps: number, centered: number): [number, number] {
    let mean = 0;
    if (centered) for (let c = 0; c < cols; c++) mean += F[from + c]! / cols;
    let variance = 0;
    for (let c = 0; c < cols; c++) variance += (F[from + c]! - mean) ** 2 / cols;
    return [mean, 1 / Math.sqrt(variance + eps)];
  }

  return {
    rowNorm(rows, cols, eps, centered, x, weight, bias, y) {
      for (let r = 0; r < rows; r++) {
        const from = x / width + r * cols;
        const [mean, scale] = rowMoments(from, cols, eps, centered);
        for (let c = 0; c < cols; c++) {
          const w = weight ? F[weight / width + c]! : 1;
          const b = bias ? F[bias / width + c]! : 0;
          F[y / width + r * cols + c] = (F[from + c]! - mean) * scale * w + b;
        }
      }
    },

    rowNormGrad(rows, cols, eps, centered, dy, x, weight, dx) {
      for (let r = 0; r < rows; r++) {
        const row = r * cols;
        const [mean, scale] = rowMoments(x / width + row, cols, eps, centered);
        const g = (c: number) => F[dy / width + row + c]! * (weight ? F[weight / width + c]! : 1);
        const n = (c: number) => (F[x / width + row + c]! - mean) * scale;
        let meanG = 0;
        let meanGN = 0;
        for (let c = 0; c < cols; c++) {
          if (centered) meanG += g(c) / cols;
          meanGN += (g(c) * n(c)) / cols;
        }
        for (let c = 0; c < cols; c++) F[dx / width + row + c] = (g(c) - meanG - n(c) * meanGN) * scale;
      }
    },

    rowNormGradWeight(rows, cols, eps, centered, dy, x, dw) {
      const sums = new Float64Array(cols);
      for (let r = 0; r < rows; r++) {
        const from = x / width + r * cols;
        const [mean, scale] = rowMoments(from, cols, eps, centered);
        for (let c = 0; c < cols; c++) {
          sums[c]! += F[dy / width + r * cols + c]! * (F[from + c]! - mean) * scale;
        }
      }
      F.set(sums, dw / width);
    },
  } satisfies Partial<Kernels>;
}
