// Reference kernels: filling, casting, and functions of single elements.
import type { NumericArray } from "../../dtype.ts";
import type { Heap } from "../../memory/heap.ts";
import type { BinaryKernel, Kernels, UnaryKernel } from "../table.ts";

export function elementwise(heap: Heap, F: NumericArray) {
  const { BYTES_PER_ELEMENT: width } = F;
  const sources = [heap.float32, heap.float64, heap.int32, heap.uint8];

  const unary =
    (f: (x: number) => number): UnaryKernel =>
    (n, x, y) => {
      const from = x / width;
      const to = y / width;
      for (let i = 0; i < n; i++) F[to + i] = f(F[from + i]!);
    };

  const binary =
    (f: (a: number, b: number) => number): BinaryKernel =>
    (rows, cols, a, aRow, aCol, b, bRow, bCol, y) => {
      const left = a / width;
      const right = b / width;
      const to = y / width;
      for (let r = 0; r < rows; r++) {
        for (let c = 0; c < cols; c++) {
          F[to + r * cols + c] = f(F[left + r * aRow + c * aCol]!, F[right + r * bRow + c * bCol]!);
        }
      }
    };

  return {
    fill(n, value, y) {
      F.fill(value, y / width, y / width + n);
    },

    cast(n, source, x, y) {
      const S = sources[source]!;
      const from = x / S.BYTES_PER_ELEMENT;
      const to = y / width;
      for (let i = 0; i < n; i++) F[to + i] = S[from + i]!;
    },

    neg: unary((x) => -x),
    exp: unary(Math.exp),
    log: unary(Math.log),
    sqrt: unary(Math.sqrt),
    relu: unary((x) => (x <= 0 ? 0 : x)),

    add: binary((a, b) => a + b),
    sub: binary((a, b) => a - b),
    mul: binary((a, b) => a * b),
    div: binary((a, b) => a / b),
    equal: binary((a, b) => (a === b ? 1 : 0)),
    greater: binary((a, b) => (a > b ? 1 : 0)),

    reluGrad(n, dy, x, y) {
      for (let i = 0; i < n; i++) F[y / width + i] = F[x / width + i]! > 0 ? F[dy / width + i]! : 0;
    },
  } satisfies Partial<Kernels>;
}
