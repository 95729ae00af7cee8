// Reference kernels: softmax and related functions on rows.
import type { NumericArray } from "../../dtype.ts";
import type { Kernels } from "../table.ts";

export function softmax(F: NumericArray) {
  const { BYTES_PER_ELEMENT: width } = F;

  /** The largest element of a row, and the logarithm of the sum of exp(x - largest). */
  const logSum = (cols: number, from: number): [most: number, logSum: number] => {
    let most = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < cols; c++) most = Math.max(most, F[from + c]!);
    let sum = 0;
    for (let c = 0; c < cols; c++) sum += Math.exp(F[from + c]! - most);
    return [most, Math.log(sum)];
  };

  return {
    softmax(rows, cols, x, y) {
      for (let r = 0; r < rows; r++) {
        const from = x / width + r * cols;
        const [most, log] = logSum(cols, from);
        for (let c = 0; c < cols; c++) F[y / width + r * cols + c] = Math.exp(F[from + c]! - most - log);
      }
    },

    softmaxGrad(rows, cols, dy, y, dx) {
      for (let r = 0; r < rows; r++) {
        const row = r * cols;
        let sum = 0;
        for (let c = 0; c < cols; c++) sum += F[dy / width + row + c]! * F[y / width + row + c]!;
        for (let c = row; c < row + cols; c++) {
          F[dx / width + c] = F[y / width + c]! * (F[dy / width + c]! - sum);
        }
      }
    },

    logSoftmax(rows, cols, x, y) {
      for (let r = 0; r < rows; r++) {
        const from = x / width + r * cols;
        const [most, log] = logSum(cols, from);
        for (let c = 0; c < cols; c++) F[y / width + r * cols + c] = F[from + c]! - most - log;
      }
    },

    logSoftmaxGrad(rows, cols, dy, y, dx) {
      for (let r = 0; r < rows; r++) {
        const row = r * cols;
        let sum = 0;
        for (let c = row; c < row + cols; c++) sum += F[dy / width + c]!;
        for (let c = row; c < row + cols; c++) {
          F[dx / width + c] = F[dy / width + c]! - Math.exp(F[y / width + c]!) * sum;
        }
      }
    },

    logSumExp(rows, cols, x, y) {
      for (let r = 0; r < rows; r++) {
        const [most, log] = logSum(cols, x / width + r * cols);
        // An infinite element is the result; subtracting it from itself would be NaN.
        F[y / width + r] = Math.abs(most) === Number.POSITIVE_INFINITY ? most : most + log;
      }
    },
  } satisfies Partial<Kernels>;
}
