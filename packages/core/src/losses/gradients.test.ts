// Gradients of every loss against finite differences, of first and second order.
import { describe, expect, it } from "vitest";
import { backward, grad } from "../autograd/tape.ts";
import { sigmoid } from "../ops/activations/activations.ts";
import { logSoftmax, softmax } from "../ops/activations/softmax.ts";
import { mul } from "../ops/arithmetic/arithmetic.ts";
import { square } from "../ops/arithmetic/unary.ts";
import { tensor } from "../ops/create/create.ts";
import { sum } from "../ops/shape/broadcast.ts";
import { permute, transpose } from "../ops/shape/shape.ts";
import type { Tensor } from "../tensor.ts";
import { checkGrad } from "../testing.ts";
import { bceWithLogits } from "./binary-cross-entropy.ts";
import { crossEntropy } from "./cross-entropy.ts";
import { klDiv } from "./kl-div.ts";
import { nll } from "./nll.ts";
import type { Reduction } from "./reduction.ts";
import { huber, l1, mse } from "./regression.ts";

const input = (shape: readonly number[], salt: number): Tensor => {
  const n = shape.reduce((a, b) => a * b, 1);
  const values = Float64Array.from({ length: n }, (_, i) => 1.5 * Math.sin(i * 12.9898 + 78.233 * salt));
  return tensor(values, { shape });
};
const labels = (values: number[], shape: readonly number[] = [values.length]): Tensor =>
  tensor(Int32Array.from(values), { shape });

const y = labels([0, 3, 2, 4]);
const y3 = labels([0, 2, 1, 0, 2, 2, 0, 1], [2, 4]);
const weight = tensor([0.5, 1, 2, 0.2, 1.5], { dtype: "float64" });

type Loss = (reduction: Reduction) => (...inputs: Tensor[]) => Tensor;

const rows: [name: string, loss: Loss, ...shapes: number[][]][] = [
  ["crossEntropy", (reduction) => (x) => crossEntropy(x!, y, { reduction }), [4, 5]],
  ["crossEntropy, transposed", (reduction) => (x) => crossEntropy(transpose(x!), y, { reduction }), [5, 4]],
  [
    "crossEntropy, smoothed, ignoring",
    (reduction) => (x) => crossEntropy(x!, y, { reduction, labelSmoothing: 0.2, ignoreIndex: 3 }),
    [4, 5],
  ],
  [
    "crossEntropy, weighted, smoothed, ignoring",
    (reduction) => (x) => crossEntropy(x!, y, { reduction, weight, labelSmoothing: 0.2, ignoreIndex: 3 }),
    [4, 5],
  ],
  ["crossEntropy, one sample", (reduction) => (x) => crossEntropy(x!, labels([1], []), { reduction }), [3]],
  [
    "crossEntropy, class axis 1",
    (reduction) => (x) => crossEntropy(x!, y3, { reduction, labelSmoothing: 0.1, ignoreIndex: 0 }),
    [2, 3, 4],
  ],
  [
    "crossEntropy, probabilities",
    (reduction) => (x, q) => crossEntropy(x!, softmax(q!, 1), { reduction, labelSmoothing: 0.1 }),
    [2, 3, 2],
    [2, 3, 2],
  ],
  ["nll", (reduction) => (x) => nll(logSoftmax(x!), y, { reduction, weight, ignoreIndex: 2 }), [4, 5]],
  ["nll, class axis 1", (reduction) => (x) => nll(permute(x!, [1, 2, 0]), y3, { reduction }), [4, 2, 3]],
  ["mse", (reduction) => (x, t) => mse(x!, t!, { reduction }), [3, 4], [3, 4]],
  ["l1", (reduction) => (x, t) => l1(x!, t!, { reduction }), [3, 4], [3, 4]],
  ["huber", (reduction) => (x, t) => huber(x!, t!, { reduction, delta: 0.7 }), [3, 4], [3, 4]],
  ["bceWithLogits", (reduction) => (x, t) => bceWithLogits(x!, sigmoid(t!), { reduction }), [3, 5], [3, 5]],
  [
    "bceWithLogits, weighted",
    (reduction) => (x, t) => bceWithLogits(x!, sigmoid(t!), { reduction, posWeight: weight, weight }),
    [3, 5],
    [3, 5],
  ],
  ["klDiv", (reduction) => (x, t) => klDiv(logSoftmax(x!), softmax(t!), { reduction }), [3, 4], [3, 4]],
  [
    "klDiv, logarithms",
    (reduction) => (x, t) => klDiv(logSoftmax(x!), logSoftmax(t!), { reduction, logTarget: true }),
    [3, 4],
    [3, 4],
  ],
];

/** A function of the gradients of `f` squared, which needs what their gradients are. */
function ofGradients(f: (...inputs: Tensor[]) => Tensor, inputs: Tensor[]): Tensor {
  const gradients = grad(sum(square(f(...inputs))), inputs, { createGraph: true });
  return sum(mul(gradients[0]!, input(gradients[0]!.shape, 9)));
}

describe.each(rows)("%s", (_, loss, ...shapes) => {
  it.each<Reduction>(["mean", "sum", "none"])("reduction %s", (reduction) => {
    checkGrad(loss(reduction), shapes.map(input));
    checkGrad((...x) => ofGradients(loss(reduction), x), shapes.map(input));
  });
});

it("cross-entropy has derivatives of third order", () => {
  const second = (x: Tensor) => ofGradients((z) => crossEntropy(z!, y, { labelSmoothing: 0.1 }), [x]);
  const third = (x: Tensor) => {
    const [g] = grad(second(x), [x], { createGraph: true });
    return sum(mul(g!, input([4, 5], 5)));
  };
  checkGrad(third, [input([4, 5], 1)]);
});

it("ignored rows get a gradient of 0, whatever their logits", () => {
  const x = tensor(
    [
      [Number.NaN, 1],
      [1, 2],
    ],
    { requiresGrad: true },
  );
  const [g] = grad(crossEntropy(x, labels([-100, 0])), [x]);
  const p = 1 / (1 + Math.exp(1));
  expect([...g!.toArray()].map((value) => Number(value.toFixed(6)))).toEqual(
    [0, 0, p - 1, 1 - p].map((value) => Number(value.toFixed(6))),
  );
});

it("a graph that is kept gives the same gradient again, and so does one that was differentiated twice", () => {
  const x = tensor(
    [
      [0.5, -1, 2],
      [1, 0, -2],
    ],
    { requiresGrad: true, dtype: "float64" },
  );
  const loss = crossEntropy(x, labels([2, 0]));
  const gradient = (options: object): Tensor => grad(loss, [x], options)[0]!;
  const first = [...gradient({ retainGraph: true }).toArray()];
  const differentiable = gradient({ createGraph: true });
  expect([...differentiable.toArray()]).toEqual(first);
  const second = [1, 2].map(() => {
    const [g] = grad(sum(square(differentiable)), [x], { retainGraph: true });
    return [...g!.toArray()];
  });
  expect(second[1]).toEqual(second[0]);
  backward(sum(square(differentiable)), { retainGraph: true });
  expect([...x.grad!.toArray()]).toEqual(second[0]);
});
