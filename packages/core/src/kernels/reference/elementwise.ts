// Reference kernels: filling, casting, selecting, and functions of one or two elements.
import type { NumericArray } from "../../dtype.ts";
import type { Heap } from "../../memory/heap.ts";
import type { BinaryKernel, Kernels, UnaryKernel } from "../table.ts";
import { arithmeticOf } from "./arithmetic.ts";
import { erf } from "./erf.ts";

export function elementwise(F: NumericArray, heap: Heap) {
  const { BYTES_PER_ELEMENT: width } = F;
  const { multiply, power } = arithmeticOf(F);
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
    abs: unary(Math.abs),
    sign: unary(Math.sign),
    square: unary((x) => multiply(x, x)),
    reciprocal: unary((x) => 1 / x),
    sqrt: unary(Math.sqrt),
    rsqrt: unary((x) => 1 / Math.sqrt(x)),
    exp: unary(Math.exp),
    expm1: unary(Math.expm1),
    log: unary(Math.log),
    log1p: unary(Math.log1p),
    sin: unary(Math.sin),
    cos: unary(Math.cos),
    erf: unary(erf),

    add: binary((a, b) => a + b),
    sub: binary((a, b) => a - b),
    mul: binary(multiply),
    div: binary((a, b) => a / b),
    pow: binary(power),
    maximum: binary(Math.max),
    minimum: binary(Math.min),
    equal: binary((a, b) => Number(a === b)),
    notEqual: binary((a, b) => Number(a !== b)),
    less: binary((a, b) => Number(a < b)),
    lessEqual: binary((a, b) => Number(a <= b)),
    greater: binary((a, b) => Number(a > b)),
    greaterEqual: binary((a, b) => Number(a >= b)),

    where(rows, cols, a, aRow, aCol, b, bRow, bCol, c, cRow, cCol, y) {
      for (let i = 0; i < rows; i++) {
        for (let j = 0; j < cols; j++) {
          const chosen = F[a / width + i * aRow + j * aCol]! !== 0;
          const from = chosen ? b / width + i * bRow + j * bCol : c / width + i * cRow + j * cCol;
          F[y / width + i * cols + j] = F[from]!;
        }
      }
    },
  } satisfies Partial<Kernels>;
}
