// The size of a zoo network: its parameters, and the floating-point operations of one training step. Counts matrix
// products and convolutions, which are almost everything:
//
//   operations = 2 m n k for each product [m,k]·[k,n], three times: forward, gradient of the weights, gradient of the
//                input; twice where the gradient of the input is not needed (the first layer).
//
// A convolution counts as its im2col product, including products with the padding's zeros. Causal attention counts in
// full, including the masked half. An embedding lookup multiplies nothing.
import type { GptNetwork, MlpNetwork, Network } from "./zoo.ts";

/** `count` products of [m,k] and [k,n] in the forward pass. */
export interface Product {
  count: number;
  m: number;
  n: number;
  k: number;
  /** Whether training needs the gradients of both factors, not only of the weights. */
  both: boolean;
}

const lenetConvolutions = [
  { channels: 1, filters: 6, taps: 25, pixels: 28 * 28 },
  { channels: 6, filters: 16, taps: 25, pixels: 10 * 10 },
];
const lenetLinears = [400, 120, 84, 10];

const pairs = (sizes: readonly number[]) => sizes.slice(1).map((outputs, i) => [sizes[i]!, outputs] as const);

function linearProducts(rows: number, sizes: readonly number[], firstToo: boolean): Product[] {
  return pairs(sizes).map(([k, n], i) => ({ count: 1, m: rows, n, k, both: firstToo || i > 0 }));
}

function lenetProducts(batch: number): Product[] {
  const convolutions = lenetConvolutions.map(({ channels, filters, taps, pixels }, i) => ({
    count: 1,
    m: batch * pixels,
    n: filters,
    k: channels * taps,
    both: i > 0,
  }));
  return [...convolutions, ...linearProducts(batch, lenetLinears, true)];
}

function gptProducts({ layers, heads, width, context, vocabulary }: GptNetwork, batch: number): Product[] {
  const rows = batch * context;
  const linear = (k: number, n: number, count: number): Product => ({ count, m: rows, n, k, both: true });
  const perHead = { count: layers * batch * heads, m: context, both: true };
  return [
    linear(width, 3 * width, layers),
    { ...perHead, n: context, k: width / heads }, // queries × keys
    { ...perHead, n: width / heads, k: context }, // weights × values
    linear(width, width, layers),
    linear(width, 4 * width, layers),
    linear(4 * width, width, layers),
    linear(width, vocabulary, 1),
  ];
}

/** The products of the forward pass over a batch. */
export function forwardProducts(network: Network, batch: number): Product[] {
  if (network.kind === "mlp") return linearProducts(batch, network.sizes, false);
  return network.kind === "lenet5" ? lenetProducts(batch) : gptProducts(network, batch);
}

/** Floating-point operations of one training step over a batch, by the formula above. */
export function stepFlops(network: Network, batch: number): number {
  const flops = ({ count, m, n, k, both }: Product) => 2 * count * m * n * k * (both ? 3 : 2);
  return forwardProducts(network, batch).reduce((sum, product) => sum + flops(product), 0);
}

const linearParameters = (sizes: MlpNetwork["sizes"]) =>
  pairs(sizes).reduce((sum, [inputs, outputs]) => sum + (inputs + 1) * outputs, 0);

/** Number of trainable numbers. */
export function parameterCount(network: Network): number {
  if (network.kind === "mlp") return linearParameters(network.sizes);
  if (network.kind === "lenet5") {
    const filters = lenetConvolutions.map(({ channels, filters, taps }) => (channels * taps + 1) * filters);
    return filters.reduce((sum, count) => sum + count, linearParameters(lenetLinears));
  }
  const { layers, width, context, vocabulary } = network;
  const norm = 2 * width;
  const attention = linearParameters([width, 3 * width]) + linearParameters([width, width]);
  const block = attention + linearParameters([width, 4 * width, width]) + 2 * norm;
  return (vocabulary + context) * width + layers * block + norm + linearParameters([width, vocabulary]);
}
