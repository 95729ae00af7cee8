// Checks a library on small products before anything is trained with it: plain and transposed, batched, with gaps
// between rows. The numbers are small integers, whose products and sums are exact in any order, so every bit must
// match.
import type { CblasGemm, Gemm } from "./gemm.ts";
import { blasGemm } from "./gemm.ts";
import { addressOf } from "./native.ts";

type Floats = Float32Array | Float64Array;

/** The product by definition, as in core's reference kernel. */
function plainGemm(F: Floats): Gemm {
  return (batch, m, n, k, a, aBatch, aRow, aCol, b, bBatch, bRow, bCol, c, cBatch, cRow, d, dBatch, dRow) => {
    const width = F.BYTES_PER_ELEMENT;
    const [left, right, to, from] = [a / width, b / width, c / width, d / width];
    for (let z = 0; z < batch; z++) {
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) {
          let sum = d === 0 ? 0 : F[from + z * dBatch + i * dRow + j]!;
          for (let l = 0; l < k; l++)
            sum += F[left + z * aBatch + i * aRow + l * aCol]! * F[right + z * bBatch + l * bRow + j * bCol]!;
          F[to + z * cBatch + i * cRow + j] = sum;
        }
      }
    }
  };
}

const [batch, m, n, k, gap] = [2, 19, 18, 17, 3];
/** In elements: no operand, gaps included, is longer than one step. */
const [aStart, bStart, cStart, end, step] = [0, 1000, 2000, 3000, 450] as const;

/** Row and column strides of a [rows, cols] matrix. */
const layouts = {
  plain: (_rows: number, cols: number) => [cols + gap, 1],
  transposed: (rows: number, _cols: number) => [1, rows + gap],
} satisfies Record<string, (rows: number, cols: number) => [row: number, col: number]>;

const names = ["plain", "transposed"] as const;
const cases = names.flatMap((a) => names.flatMap((b) => ([0, 1] as const).map((beta) => ({ a, b, beta }))));

/** The whole memory after a product. */
function multiply(gemm: Gemm, F: Floats, { a, b, beta }: (typeof cases)[number]): Floats {
  for (let i = 0; i < end; i++) F[i] = ((Math.imul(i + 1, 0x9e3779b1) >>> 16) % 17) - 8;
  // With beta 0, the library must not read C.
  if (beta === 0) F.fill(Number.NaN, cStart, end);
  const [aRow, aCol] = layouts[a](m, k) as [number, number];
  const [bRow, bCol] = layouts[b](k, n) as [number, number];
  const width = F.BYTES_PER_ELEMENT;
  const [left, right, to] = [aStart * width, bStart * width, cStart * width];
  const rows = [to, step, n + gap] as const;
  const from: typeof rows | readonly [0, 0, 0] = beta === 0 ? [0, 0, 0] : rows;
  gemm(
    ...([batch, m, n, k, left, step, aRow, aCol, right, step, bRow, bCol] as const),
    ...rows,
    from[0],
    from[1],
    from[2],
  );
  return F.slice();
}

/** What is wrong with a library's products; undefined if nothing is. */
export function selfCheck(dtype: "float32" | "float64", call: CblasGemm): string | undefined {
  const F = dtype === "float32" ? new Float32Array(end) : new Float64Array(end);
  const plain = plainGemm(F);
  const native = blasGemm(
    call,
    addressOf(F),
    F.BYTES_PER_ELEMENT,
    { gemm: plain, copy: () => undefined },
    () => true,
  );
  for (const product of cases) {
    const expected = multiply(plain, F, product);
    const got = multiply(native, F, product);
    const wrong = got.findIndex(
      (x, i) => x !== expected[i] && !(Number.isNaN(x) && Number.isNaN(expected[i])),
    );
    if (wrong < 0) continue;
    const where = `${dtype}, A ${product.a}, B ${product.b}, beta ${product.beta}`;
    return `a product (${where}) has ${got[wrong]} where ${expected[wrong]} is right`;
  }
  return undefined;
}
