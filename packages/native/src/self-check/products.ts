// Matrix products of numbers whose products and sums are exact, so that every bit must match a plain loop: all layouts, and
// tails on every side.
import type { Heap, Kernels } from "@shardgrad/core/engine";

const [m, n, k, gap] = [19, 37, 23, 3];
const area = 1024;

const layouts = {
  plain: (_rows: number, columns: number) => [columns + gap, 1],
  transposed: (rows: number, _columns: number) => [1, rows + gap],
} satisfies Record<string, (rows: number, columns: number) => [row: number, column: number]>;
const names = ["plain", "transposed"] as const;

/** What is wrong with the products; undefined if nothing is. */
export function checkProducts(heap: Heap, { gemm }: Partial<Kernels>): string | undefined {
  if (!gemm) return "there is no matrix product";
  const { float32: F, arena } = heap;
  const [a, b, c] = [0, 1, 2].map(() => arena.allocate(4 * area, "self-check") / 4) as [
    number,
    number,
    number,
  ];
  for (const nameOfA of names) {
    for (const nameOfB of names) {
      for (const beta of [0, 1]) {
        for (const start of [a, b, c])
          for (let i = 0; i < area; i++) F[start + i] = ((Math.imul(i + start, 0x9e3779b1) >>> 16) % 17) - 8;
        const before = F.slice(c, c + area);
        const [aRow, aColumn] = layouts[nameOfA](m, k) as [number, number];
        const [bRow, bColumn] = layouts[nameOfB](k, n) as [number, number];
        gemm(1, m, n, k, 4 * a, 0, aRow, aColumn, 4 * b, 0, bRow, bColumn, 4 * c, 0, n + gap, beta);
        for (let i = 0; i < area; i++) {
          const [row, column] = [Math.floor(i / (n + gap)), i % (n + gap)];
          let right = before[i]!;
          if (row < m && column < n) {
            right *= beta;
            for (let l = 0; l < k; l++)
              right += F[a + row * aRow + l * aColumn]! * F[b + l * bRow + column * bColumn]!;
          }
          if (F[c + i] !== right)
            return `a product (A ${nameOfA}, B ${nameOfB}, beta ${beta}) has ${F[c + i]} where ${right} is right`;
        }
      }
    }
  }
  return undefined;
}
