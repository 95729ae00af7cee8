// Reference kernel: the matrix product by definition.
import type { NumericArray } from "../../dtype.ts";
import type { Kernels } from "../table.ts";
import { arithmeticOf } from "./arithmetic.ts";

export function linear(F: NumericArray) {
  const { BYTES_PER_ELEMENT: width } = F;
  const { add, multiply } = arithmeticOf(F);

  return {
    gemm(batch, m, n, k, a, aBatch, aRow, aCol, b, bBatch, bRow, bCol, c, cBatch, cRow, d, dBatch, dRow) {
      for (let z = 0; z < batch; z++) {
        const left = a / width + z * aBatch;
        const right = b / width + z * bBatch;
        const to = c / width + z * cBatch;
        const from = d / width + z * dBatch;
        for (let i = 0; i < m; i++) {
          for (let j = 0; j < n; j++) {
            let sum = d === 0 ? 0 : F[from + i * dRow + j]!;
            for (let l = 0; l < k; l++) {
              sum = add(sum, multiply(F[left + i * aRow + l * aCol]!, F[right + l * bRow + j * bCol]!));
            }
            F[to + i * cRow + j] = sum;
          }
        }
      }
    },
  } satisfies Partial<Kernels>;
}
