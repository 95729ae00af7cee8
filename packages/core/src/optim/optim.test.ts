// Optimizers against plain loops over float64 numbers, written from the papers' formulas.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { backward } from "../autograd/tape.ts";
import { DTypeError, GradientError, ValueError } from "../errors.ts";
import { Linear } from "../nn/linear.ts";
import { ones, randn, tensor } from "../ops/create/create.ts";
import { mul, sum } from "../ops/index.ts";
import { manualSeed } from "../random.ts";
import { scope } from "../scope.ts";
import type { Tensor } from "../tensor.ts";
import { Adam } from "./adam.ts";
import type { Optimizer } from "./optimizer.ts";
import { SGD } from "./sgd.ts";

/** One step over all weights of a parameter: changes `w` and its own state, given the gradient. */
type PlainStep = (w: number[], g: number[], step: number, lr: number) => void;

/** PyTorch's SGD: the velocity starts as the first gradient. */
function plainSgd({ momentum = 0, weightDecay = 0 }): PlainStep {
  let velocity: number[] | undefined;
  return (w, g, _step, lr) => {
    const d = g.map((x, i) => x + weightDecay * w[i]!);
    velocity = velocity ? velocity.map((v, i) => momentum * v + d[i]!) : d;
    velocity.forEach((v, i) => {
      w[i]! -= lr * v;
    });
  };
}

/** Algorithm 1 of the Adam paper, with an L2 penalty. */
function plainAdam({ betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0 }): PlainStep {
  const [beta1, beta2] = betas as [number, number];
  const m: number[] = [];
  const v: number[] = [];
  return (w, g, t, lr) => {
    for (let i = 0; i < w.length; i++) {
      const d = g[i]! + weightDecay * w[i]!;
      m[i] = beta1 * (m[i] ?? 0) + (1 - beta1) * d;
      v[i] = beta2 * (v[i] ?? 0) + (1 - beta2) * d * d;
      w[i]! -= (lr * (m[i]! / (1 - beta1 ** t))) / (Math.sqrt(v[i]! / (1 - beta2 ** t)) + eps);
    }
  };
}

interface Row {
  name: string;
  make: (parameters: Tensor[]) => Optimizer;
  plain: () => PlainStep;
}

const sgd = (options: { lr: number; momentum?: number; weightDecay?: number }): Row => ({
  name: `SGD ${JSON.stringify(options)}`,
  make: (parameters) => new SGD(parameters, options),
  plain: () => plainSgd(options),
});
const adam = (
  options: { lr?: number; betas?: [number, number]; eps?: number; weightDecay?: number } = {},
): Row => ({
  name: `Adam ${JSON.stringify(options)}`,
  make: (parameters) => new Adam(parameters, options),
  plain: () => plainAdam(options),
});
const rows = [
  sgd({ lr: 0.1 }),
  sgd({ lr: 0.1, weightDecay: 0.03 }),
  sgd({ lr: 0.1, momentum: 0.9 }),
  sgd({ lr: 0.1, momentum: 0.9, weightDecay: 0.03 }),
  adam(),
  adam({ lr: 0.05 }),
  adam({ lr: 0.05, betas: [0.5, 0.7], eps: 1e-3 }),
  adam({ lr: 0.05, weightDecay: 0.1 }),
];

describe.each(rows)("$name", ({ make, plain }) => {
  test.each([
    { dtype: "float64", tolerance: 1e-14 },
    { dtype: "float32", tolerance: 3e-6 },
  ] as const)("20 steps on $dtype are those of the plain loop", ({ dtype, tolerance }) => {
    manualSeed(1);
    const parameters = [
      randn([3, 5], { dtype, requiresGrad: true }),
      randn([7], { dtype, requiresGrad: true }),
    ];
    const weights = parameters.map((w) => [...w.toArray()]);
    const steps = weights.map(plain);
    const optimizer = make(parameters);
    for (let step = 1; step <= 20; step++) {
      if (step === 11) optimizer.lr /= 4; // takes effect with the next step
      scope(() => {
        const gradients = weights.map((w, i) => w.map((x) => x + Math.sin(7 * i + step * x)));
        parameters.forEach((parameter, i) => {
          parameter.grad = tensor(gradients[i]!, { dtype, shape: parameter.shape });
        });
        optimizer.step();
        weights.forEach((w, i) => {
          steps[i]!(w, gradients[i]!, step, optimizer.lr);
        });
      });
    }
    expect(optimizer.stepCount).toBe(20);
    const errors = parameters.flatMap((w, i) =>
      [...w.toArray()].map((x, j) => Math.abs(x - weights[i]![j]!)),
    );
    expect(Math.max(...errors)).toBeLessThan(tolerance);
  });

  test("stepping in slices gives the same bits", () => {
    const sizes = [1, 37, 300];
    const run = (advance: (optimizer: Optimizer, step: number) => void) =>
      scope(() => {
        manualSeed(2);
        const parameters = sizes.map((n) => randn([n], { requiresGrad: true }));
        for (const parameter of parameters) parameter.grad = randn(parameter.shape);
        const optimizer = make(parameters);
        for (let step = 0; step < 3; step++) advance(optimizer, step);
        const state = optimizer.state.flatMap((record) => Object.values(record));
        const bits = [...parameters, ...state].map((t) => [...new Int32Array(t.toArray().buffer)]);
        for (const t of state) t.dispose();
        return bits;
      });
    const whole = run((optimizer) => optimizer.step());
    const cuts = fc.array(fc.array(fc.nat(), { maxLength: 5 }), { minLength: 3, maxLength: 3 });
    fc.assert(
      fc.property(cuts, (cutsOfStep) => {
        const sliced = run((optimizer, step) => {
          optimizer.advance();
          sizes.forEach((n, index) => {
            const inner = cutsOfStep[step]!.map((cut) => cut % n);
            const ends = [0, ...inner, n].sort((a, b) => a - b);
            // Last slice first: elements do not depend on each other.
            for (let i = ends.length - 1; i > 0; i--) optimizer.update(index, ends[i - 1]!, ends[i]!);
          });
        });
        expect(sliced).toEqual(whole);
      }),
      { seed: 1, numRuns: 30 },
    );
  });

  test("comes down to the minimum of a parabola", () => {
    const w = tensor([4, -3], { requiresGrad: true });
    const optimizer = make([w]);
    optimizer.lr = 0.05;
    for (let i = 0; i < 400; i++) {
      scope(() => backward(sum(mul(w, w))));
      optimizer.step();
      optimizer.zeroGrad();
    }
    expect(Math.max(...w.toArray().map(Math.abs))).toBeLessThan(0.05);
  });
});

test("state has the shape of its parameter, is zero at the start, and survives scopes", () => {
  const parameters = [ones([2, 3]), ones([4], { dtype: "float64" })];
  const names = (optimizer: Optimizer) => optimizer.state.map((record) => Object.keys(record));
  expect(names(new SGD(parameters, { lr: 1 }))).toEqual([[], []]);
  expect(names(new SGD(parameters, { lr: 1, momentum: 0.5 }))).toEqual([["velocity"], ["velocity"]]);
  const { state } = scope(() => new Adam(parameters));
  for (const name of ["m", "v"]) {
    expect(state.map((record) => record[name]!.shape)).toEqual([[2, 3], [4]]);
    expect(state.map((record) => record[name]!.dtype)).toEqual(["float32", "float64"]);
    expect(state.map((record) => [...record[name]!.toArray()])).toEqual([Array(6).fill(0), Array(4).fill(0)]);
  }
});

test("zeroGrad forgets gradients and gives their memory back", () => {
  const w = tensor([1, 2], { requiresGrad: true });
  backward(sum(w));
  const { grad } = w;
  new SGD([w], { lr: 1 }).zeroGrad();
  expect([w.grad, grad!.alive]).toEqual([null, false]);
});

const w = () => [ones([2])];
test.each<[message: string, type: typeof ValueError, call: () => unknown]>([
  ["optimizer: got no parameters; pass model.parameters()", ValueError, () => new SGD([], { lr: 1 })],
  ["optimizer: lr is -1, expected a number of at least 0", ValueError, () => new SGD(w(), { lr: -1 })],
  ["SGD: options are 0.1, expected an object", ValueError, () => new SGD(w(), 0.1 as never)],
  ['optimizer: lr is "0.1", expected a number', ValueError, () => new SGD(w(), { lr: "0.1" as never })],
  [
    'optimizer: momentum is "0.9", expected a number',
    ValueError,
    () => new SGD(w(), { lr: 0.1, momentum: "0.9" as never }),
  ],
  ["optimizer: lr is Infinity", ValueError, () => new Adam(w(), { lr: Number.POSITIVE_INFINITY })],
  ["optimizer: momentum is -1", ValueError, () => new SGD(w(), { lr: 1, momentum: -1 })],
  ["optimizer: weightDecay is -0.1", ValueError, () => new SGD(w(), { lr: 1, weightDecay: -0.1 })],
  ["optimizer: betas[0] is 1", ValueError, () => new Adam(w(), { betas: [1, 0.9] })],
  ["optimizer: betas[1] is NaN", ValueError, () => new Adam(w(), { betas: [0.9, Number.NaN] })],
  ["optimizer: eps is -1e-8", ValueError, () => new Adam(w(), { eps: -1e-8 })],
  ["optimizer: weightDecay is NaN", ValueError, () => new Adam(w(), { weightDecay: Number.NaN })],
  [
    "optimizer: parameter 1 (shape [2]) is a view that is not contiguous",
    ValueError,
    () => new SGD([ones([2]), ones([4]).view([2], [2])], { lr: 1 }),
  ],
  [
    "update: elements 0 to 1000 of parameter 0; there are 2 elements",
    ValueError,
    () => new SGD(w(), { lr: 1 }).update(0, 0, 1000),
  ],
  [
    "update: elements 0 to 1 of parameter 7; there are only",
    ValueError,
    () => new SGD(w(), { lr: 1 }).update(7, 0, 1),
  ],
  [
    "optimizer: made for float32 [3,2], but the parameter is float64 [3,2] now",
    DTypeError,
    () => {
      const layer = new Linear(2, 3);
      const adam = new Adam(layer.parameters());
      layer.double();
      for (const parameter of layer.parameters())
        parameter.grad = ones([...parameter.shape], { dtype: "float64" });
      adam.step();
    },
  ],
  ["step: parameter 0 (shape [2]) has no gradient", GradientError, () => new SGD(w(), { lr: 1 }).step()],
])("%s", (message, type, call) => {
  expect(call).toThrow(type);
  expect(call).toThrow(message);
});

test("a model in place of its parameters is told what to write", () => {
  expect(() => new SGD(new Linear(2, 1) as never, { lr: 0.1 })).toThrow(
    "SGD: got a Linear in place of parameters, expected an array of tensors, such as model.parameters()",
  );
});
