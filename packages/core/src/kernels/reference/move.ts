// Reference kernels: moving elements without interpreting them, and ranges.
import type { NumericArray } from "../../dtype.ts";
import type { Kernels } from "../table.ts";

export function move(F: NumericArray) {
  const { BYTES_PER_ELEMENT: width } = F;

  return {
    copy(d0, d1, d2, d3, x, s0, s1, s2, s3, y, t0, t1, t2, t3) {
      const from = x / width;
      const to = y / width;
      for (let i = 0; i < d0; i++) {
        for (let j = 0; j < d1; j++) {
          for (let k = 0; k < d2; k++) {
            for (let l = 0; l < d3; l++) {
              F[to + i * t0 + j * t1 + k * t2 + l * t3] = F[from + i * s0 + j * s1 + k * s2 + l * s3]!;
            }
          }
        }
      }
    },

    band(batch, rows, cols, low, high, x, y) {
      for (let b = 0; b < batch; b++) {
        for (let r = 0; r < rows; r++) {
          for (let c = 0; c < cols; c++) {
            const place = (b * rows + r) * cols + c;
            F[y / width + place] = low <= c - r && c - r <= high ? F[x / width + place]! : 0;
          }
        }
      }
    },

    arange(n, start, step, y) {
      for (let i = 0; i < n; i++) F[y / width + i] = start + i * step;
    },

    linspace(n, start, end, y) {
      const step = n > 1 ? (end - start) / (n - 1) : 0;
      // Each half counts from its own end, so that both ends are exact and the middle is equally close to both.
      for (let i = 0; i < n; i++) {
        F[y / width + i] = 2 * i < n ? start + i * step : end - (n - 1 - i) * step;
      }
    },
  } satisfies Partial<Kernels>;
}
