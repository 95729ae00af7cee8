// The walk in steps against the walk over the whole network.
import { expect, it } from "vitest";
import { crossEntropy } from "../losses/cross-entropy.ts";
import { mse } from "../losses/regression.ts";
import { ReLU } from "../nn/activations.ts";
import { Linear } from "../nn/linear.ts";
import { Sequential } from "../nn/sequential.ts";
import { add, mul } from "../ops/arithmetic/arithmetic.ts";
import { exp } from "../ops/arithmetic/unary.ts";
import { randn, tensor } from "../ops/create/create.ts";
import { manualSeed } from "../random.ts";
import type { Tensor } from "../tensor.ts";
import { backpropagation } from "./backpropagation.ts";
import { layerByLayer } from "./layer-by-layer.ts";

/** `depth` layers and a last one, and the loss on a batch. */
function network(depth: number): { model: Sequential; loss: () => Tensor; parameters: Tensor[] } {
  manualSeed(depth);
  const layers = Array.from({ length: depth }, (_, i) => (i % 2 ? new ReLU() : new Linear(5, 5)));
  const model = new Sequential(...layers, new Linear(5, 4));
  const x = randn([9, 5]);
  const labels = tensor(Int32Array.from({ length: 9 }, (_, i) => i % 4));
  return { model, loss: () => crossEntropy(model.forward(x), labels), parameters: model.parameters() };
}

/** Gradients of the walk over everything, and of that in steps. */
function both(layers: Parameters<typeof layerByLayer>[0], loss: () => Tensor, parameters: Tensor[]) {
  return [backpropagation(), layerByLayer(layers)].map((way) => {
    const { gradients, loss: value, evaluations } = way.estimate(loss, parameters);
    return { gradients: gradients.map((gradient) => gradient.toArray()), value, evaluations };
  });
}

it.each([1, 2, 3, 6])("equals the walk over the whole network bit for bit: %d layers", (depth) => {
  const { model, loss, parameters } = network(depth);
  const [whole, cut] = both(model.layers, loss, parameters);
  expect(cut).toEqual(whole);
  expect(whole!.gradients.flatMap((g) => [...g]).some((value) => value !== 0)).toBe(true);
});

it("also past a layer that is frozen, one that is skipped, one that is used twice, and what is behind several", () => {
  manualSeed(5);
  const [first, second, third] = [new Linear(3, 3), new Linear(3, 3), new Linear(3, 3)];
  first.weight.requiresGrad = false;
  first.bias!.requiresGrad = false;
  const [x, target] = [randn([4, 3]), randn([4, 3])];
  const p = tensor(0.3, { requiresGrad: true });
  const loss = () => {
    const scale = exp(p);
    const a = second.forward(first.forward(mul(x, scale)));
    return mse(add(third.forward(mul(third.forward(a), scale)), a), target);
  };
  const parameters = [p, ...[second, third].flatMap((layer) => layer.parameters())];
  const [whole, cut] = both([first, second, third], loss, parameters);
  expect(cut!.value).toBe(whole!.value);
  const [a, b] = [whole!, cut!].map(({ gradients }) => gradients.flatMap((g) => [...g]));
  for (let i = 0; i < a!.length; i++) expect(b![i]).toBeCloseTo(a![i]!, 6);
});

it("never walks from one layer into another", () => {
  const { model, loss, parameters } = network(2);
  const outputs: Tensor[] = [];
  const [last] = model.layers.slice(-1);
  const forward = last!.forward.bind(last);
  last!.forward = (x) => {
    outputs.push(x);
    return forward(x);
  };
  layerByLayer(model.layers).estimate(loss, parameters);
  expect(outputs.map(({ node, requiresGrad }) => [node, requiresGrad])).toEqual([[null, true]]);
});

it("leaves the layers as they were", () => {
  const { model, loss, parameters } = network(2);
  const own = (x: Tensor) => x;
  model.layers[1]!.forward = own;
  layerByLayer(model.layers).estimate(loss, parameters);
  expect(Object.hasOwn(model.layers[0]!, "forward")).toBe(false);
  expect(model.layers[1]!.forward).toBe(own);
});
