// Matrix products: squares in all four transposes, and the zoo's products as in training.
import { forwardProducts } from "../network-sizes.ts";
import { zoo } from "../zoo.ts";
import type { KernelCase } from "./kernel-case.ts";
import { blank, normal } from "./kernel-case.ts";

/** Row-major (N), or the transpose of a row-major matrix (T). */
type Layout = "N" | "T";

interface Sizes {
  count: number;
  m: number;
  n: number;
  k: number;
}

/** `c = a b`, repeated; transposed factors are read by columns. */
function gemmCase(name: string, { count, m, n, k }: Sizes, a: Layout, b: Layout): KernelCase {
  return {
    kernel: `gemm ${a}${b}`,
    shape: `${count > 1 ? `${count}·` : ""}${m}×${n}×${k}${name}`,
    work: { flops: 2 * count * m * n * k },
    make: () => {
      const [x, w, y] = [normal(count, m, k), normal(count, k, n), blank(count, m, n)];
      const [aRow, aCol] = a === "N" ? [k, 1] : [1, m];
      const [bRow, bCol] = b === "N" ? [n, 1] : [1, k];
      return ({ gemm }) => {
        return () => gemm(count, m, n, k, x, m * k, aRow, aCol, w, k * n, bRow, bCol, y, m * n, n, 0, 0, 0);
      };
    },
  };
}

const squares = [32, 64, 128, 256, 512, 1024].flatMap((size) =>
  (["NN", "NT", "TN", "TT"] as const).map((layouts) => {
    const [a, b] = [...layouts] as [Layout, Layout];
    return gemmCase("", { count: 1, m: size, n: size, k: size }, a, b);
  }),
);

/** Forward x wᵀ, gradient of the input dy w, gradient of the weights dyᵀ x. */
function trainingCases(name: string, { count, m, n, k }: Sizes): KernelCase[] {
  return [
    gemmCase(` ${name}`, { count, m, n, k }, "N", "T"),
    gemmCase(` ${name} dx`, { count, m, n: k, k: n }, "N", "N"),
    gemmCase(` ${name} dw`, { count, m: n, n: k, k: m }, "T", "N"),
  ];
}

// Convolutions have kernels of their own; equal products of a model's layers are one case.
const ofTheZoo = zoo
  .filter(({ network }) => network.kind !== "lenet5")
  .flatMap(({ name, network, batch }) => {
    const layers = network.kind === "gpt" ? network.layers : 1;
    const products = forwardProducts(network, batch).map(({ count, m, n, k }) => {
      return { count: Math.max(1, Math.floor(count / layers)), m, n, k };
    });
    return products.flatMap((sizes) => trainingCases(name, sizes));
  });

export const gemmCases: readonly KernelCase[] = [...squares, ...ofTheZoo];
