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
  const [a, b, c, row] = [0, 1, 2, 3].map(() => arena.allocate(4 * area, "self-check") / 4) as [
    number,
    number,
    number,
    number,
  ];
  for (const nameOfA of names) {
    for (const nameOfB of names) {
      for (const [nameOfD, dRow] of [
        ["none", 0],
        ["C", n + gap],
        ["one row", 0],
      ] as const) {
        for (const start of [a, b, c, row])
          for (let i = 0; i < area; i++) F[start + i] = ((Math.imul(i + start, 0x9e3779b1) >>> 16) % 17) - 8;
        const before = F.slice(c, c + area);
        const d = { none: 0, C: c, "one row": row }[nameOfD];
        const beginning = d === c ? before : d === 0 ? new Float32Array(area) : F.slice(d, d + area);
        const [aRow, aColumn] = layouts[nameOfA](m, k) as [number, number];
        const [bRow, bColumn] = layouts[nameOfB](k, n) as [number, number];
        const product = [4 * a, 0, aRow, aColumn, 4 * b, 0, bRow, bColumn] as const;
        gemm(1, m, n, k, ...product, 4 * c, 0, n + gap, 4 * d, 0, dRow);
        for (let i = 0; i < area; i++) {
          const [y, x] = [Math.floor(i / (n + gap)), i % (n + gap)];
          let right = before[i]!;
          if (y < m && x < n) {
            right = beginning[y * dRow + x]!;
            for (let l = 0; l < k; l++)
              right += F[a + y * aRow + l * aColumn]! * F[b + l * bRow + x * bColumn]!;
          }
          if (F[c + i] !== right)
            return `a product (A ${nameOfA}, B ${nameOfB}, D ${nameOfD}) has ${F[c + i]} where ${right} is right`;
        }
      }
    }
  }
  return undefined;
}
