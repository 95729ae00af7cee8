// Reference kernels: reading and writing at places given by int32 indices.
import type { NumericArray } from "../../dtype.ts";
import type { Heap } from "../../memory/heap.ts";
import type { Kernels } from "../table.ts";

export function indexed(heap: Heap, F: NumericArray) {
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

    gatherUint8(rows, cols, x, index, scale, shift, y) {
      // Rounded after each operation where elements are float32, as the fast kernel does.
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
