// Reference kernel: adding rows to a table. Rounded after each addition, as the fast kernel does.
import type { NumericArray } from "../../dtype.ts";
import type { Heap } from "../../memory/heap.ts";
import type { Kernels } from "../table.ts";

export function embedding(heap: Heap, F: NumericArray) {
  const { BYTES_PER_ELEMENT: width } = F;

  return {
    addRows(rows, cols, x, index, y) {
      for (let r = 0; r < rows; r++) {
        const to = y / width + heap.int32[index / 4 + r]! * cols;
        for (let c = 0; c < cols; c++) F[to + c]! += F[x / width + r * cols + c]!;
      }
    },
  } satisfies Partial<Kernels>;
}
