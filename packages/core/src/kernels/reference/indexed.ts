// Reference kernels: reading and writing at int32 indices.
import type { NumericArray } from "../../dtype.ts";
import type { Heap } from "../../memory/heap.ts";
import type { Kernels } from "../table.ts";

export function indexed(F: NumericArray, heap: Heap) {
  const { BYTES_PER_ELEMENT: width } = F;
  const { int32, uint8 } = heap;

  return {
    checkIndex(n, limit, index) {
      for (let i = 0; i < n; i++) {
        const value = int32[index / 4 + i]!;
        if (value < 0 || value >= limit) return i;
      }
      return -1;
    },

    pick(rows, cols, x, index, y) {
      for (let r = 0; r < rows; r++) F[y / width + r] = F[x / width + r * cols + int32[index / 4 + r]!]!;
    },

    place(rows, cols, dy, index, y) {
      F.fill(0, y / width, y / width + rows * cols);
      for (let r = 0; r < rows; r++) F[y / width + r * cols + int32[index / 4 + r]!] = F[dy / width + r]!;
    },

    gather(rows, cols, x, index, y) {
      for (let r = 0; r < rows; r++) {
        const from = x / width + int32[index / 4 + r]! * cols;
        for (let c = 0; c < cols; c++) F[y / width + r * cols + c] = F[from + c]!;
      }
    },

    scatterAdd(rows, cols, x, index, y) {
      for (let r = 0; r < rows; r++) {
        const to = y / width + int32[index / 4 + r]! * cols;
        for (let c = 0; c < cols; c++) F[to + c]! += F[x / width + r * cols + c]!;
      }
    },

    flatIndex(d0, d1, d2, d3, index, s0, s1, s2, s3, scale, start, t0, t1, t2, t3, y) {
      const from = index / 4;
      let to = y / 4;
      for (let i = 0; i < d0; i++) {
        for (let j = 0; j < d1; j++) {
          for (let k = 0; k < d2; k++) {
            for (let l = 0; l < d3; l++) {
              const value = int32[from + i * s0 + j * s1 + k * s2 + l * s3]!;
              int32[to++] = value * scale + start + i * t0 + j * t1 + k * t2 + l * t3;
            }
          }
        }
      }
    },

    gatherUint8(rows, cols, x, index, scale, shift, y) {
      // float32 elements are rounded after each operation, as in the fast kernel.
      const round = width === 4 ? Math.fround : (value: number) => value;
      for (let r = 0; r < rows; r++) {
        const from = x + int32[index / 4 + r]! * cols;
        for (let c = 0; c < cols; c++) {
          F[y / width + r * cols + c] = round(uint8[from + c]! * round(scale)) + round(shift);
        }
      }
    },
  } satisfies Partial<Kernels>;
}
