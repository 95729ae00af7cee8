// Every estimator against the true gradient of a quadratic function and of a small network, with its cost.
import { describe, expect, it } from "vitest";
import { noGrad } from "../autograd/define-op.ts";
import type { DType } from "../dtype.ts";
import { GradientError, ShapeError, ValueError } from "../errors.ts";
import { crossEntropy } from "../losses/cross-entropy.ts";
import { heap } from "../memory/heap.ts";
import { ReLU } from "../nn/activations.ts";
import { Linear } from "../nn/linear.ts";
import { Sequential } from "../nn/sequential.ts";
import { add, mul } from "../ops/arithmetic/arithmetic.ts";
import { square } from "../ops/arithmetic/unary.ts";
import { rand, randn, tensor, zeros } from "../ops/create/create.ts";
import { matmul } from "../ops/linear-algebra/matmul.ts";
import { sum } from "../ops/shape/broadcast.ts";
import { transpose } from "../ops/shape/shape.ts";
import { SGD } from "../optim/sgd.ts";
import { manualSeed } from "../random.ts";
import { scope } from "../scope.ts";
import type { Tensor } from "../tensor.ts";
import { backpropagation } from "./backpropagation.ts";
import { coordinateSearch } from "./coordinate-search.ts";
import type { GradientEstimate, GradientEstimator } from "./estimator.ts";
import { centredRanks, evolutionStrategies } from "./evolution-strategies.ts";
import { finiteDifferences } from "./finite-differences.ts";
import { forwardGradient } from "./forward-gradient.ts";
import { layerByLayer } from "./layer-by-layer.ts";
import { spsa } from "./spsa.ts";

const seed = 3;

/** A quadratic function of five numbers in two tensors, whose axes depend on each other. */
function quadratic(dtype: DType): { loss: () => Tensor; parameters: Tensor[] } {
  const a = tensor(
    [
      [2, -1, 0.5],
      [0.3, 1, -0.7],
    ],
    { dtype },
  );
  const [x, y] = [
    tensor([0.5, -1, 2], { dtype, requiresGrad: true }),
    tensor([1.5, -0.5], { dtype, requiresGrad: true }),
  ];
  const loss = () => add(sum(square(add(matmul(a, x), y))), sum(mul(x, x)));
  return { loss, parameters: [x, y] };
}

/** A classifier of 67 parameters, and its loss on a batch. */
function network(): { model: Sequential; loss: () => Tensor; parameters: Tensor[] } {
  manualSeed(1);
  const model = new Sequential(new Linear(4, 8), new ReLU(), new Linear(8, 3));
  const x = randn([16, 4]);
  const labels = tensor(Int32Array.from({ length: 16 }, (_, i) => (i * 7) % 3));
  return { model, loss: () => crossEntropy(model.forward(x), labels), parameters: model.parameters() };
}

const flat = ({ gradients }: Pick<GradientEstimate, "gradients">): number[] =>
  gradients.flatMap((gradient) => [...gradient.toArray()]);
const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((s, x, i) => s + x * b[i]!, 0);
const cosine = (a: readonly number[], b: readonly number[]): number =>
  dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));

interface Row {
  name: string;
  make: () => GradientEstimator;
  /** Evaluations for `n` parameters. */
  evaluations: (n: number) => number | readonly [least: number, most: number];
  /** Least cosine of the angle to the true gradient, on the quadratic function and the network. */
  cosines: readonly [number, number];
}

const rows: Row[] = [
  { name: "backpropagation", make: backpropagation, evaluations: () => 1, cosines: [1 - 1e-12, 1 - 1e-12] },
  {
    name: "forward differences",
    make: () => finiteDifferences({ scheme: "forward" }),
    evaluations: (n) => n + 1,
    cosines: [1 - 1e-9, 0.999],
  },
  {
    name: "central differences",
    make: finiteDifferences,
    evaluations: (n) => 2 * n + 1,
    cosines: [1 - 1e-12, 0.9999],
  },
  {
    name: "coordinate search",
    make: coordinateSearch,
    evaluations: (n) => [n + 1, 2 * n + 1],
    cosines: [0.8, 0.7],
  },
  // The cosine of the mean of m random projections in n dimensions is about √(m/(m+n)).
  { name: "SPSA", make: () => spsa({ seed, samples: 500 }), evaluations: () => 1000, cosines: [0.99, 0.92] },
  {
    name: "evolution strategies",
    make: () => evolutionStrategies({ seed, population: 1000 }),
    evaluations: () => 1000,
    cosines: [0.98, 0.9],
  },
  {
    name: "evolution strategies, unshaped",
    make: () => evolutionStrategies({ seed, population: 1000, shaping: "none" }),
    evaluations: () => 1000,
    cosines: [0.98, 0.9],
  },
  {
    name: "forward gradient",
    make: () => forwardGradient({ seed, samples: 500 }),
    evaluations: () => 500,
    cosines: [0.98, 0.9],
  },
  {
    name: "layer by layer",
    make: () => layerByLayer([]),
    evaluations: () => 1,
    cosines: [1 - 1e-12, 1 - 1e-12],
  },
];

describe.each(rows)("$name", ({ make, evaluations, cosines }) => {
  it.each([
    ["a quadratic function", () => quadratic("float64"), cosines[0]],
    ["a network", network, cosines[1]],
  ] as const)("estimates the gradient of %s, and counts what it cost", (_, problem, least) => {
    const { loss, parameters } = problem();
    const truth = backpropagation().estimate(loss, parameters);
    const estimator = make();
    const estimate = estimator.estimate(loss, parameters);
    expect(cosine(flat(estimate), flat(truth))).toBeGreaterThan(least);
    expect(estimate.loss / truth.loss).toBeCloseTo(1, 2);
    estimate.gradients.forEach(({ shape, dtype, contiguous, kept }, p) => {
      const expected = {
        shape: parameters[p]!.shape,
        dtype: parameters[p]!.dtype,
        contiguous: true,
        kept: false,
      };
      expect({ shape, dtype, contiguous, kept }).toEqual(expected);
    });
    const cost = evaluations(parameters.reduce((n, { size }) => n + size, 0));
    const [fewest, most] = typeof cost === "number" ? [cost, cost] : cost;
    expect(estimate.evaluations).toBeGreaterThanOrEqual(fewest);
    expect(estimate.evaluations).toBeLessThanOrEqual(most);
    expect(estimator.step).toBe(1);
  });

  it("puts the parameters back bit for bit, also when the loss throws, and frees all but the gradients", () => {
    const { loss, parameters } = network();
    const bits = () => parameters.map((parameter) => parameter.toArray());
    const before = bits();
    const run = () => scope(() => make().estimate(loss, parameters).evaluations);
    const calls = run();
    const held = heap().arena.live;
    run();
    expect(heap().arena.live).toBe(held);
    let count = 0;
    const failing = () => {
      if (++count === Math.ceil(calls / 2)) throw new Error("enough");
      return loss();
    };
    expect(() => make().estimate(failing, parameters)).toThrow("enough");
    expect(heap().arena.live).toBe(held);
    expect(bits()).toEqual(before);
    for (const { grad } of parameters) expect(grad).toBe(null);
  });

  it("depends on nothing but the seed and the step", () => {
    const { loss, parameters } = quadratic("float32");
    const estimator = make();
    const [first, second] = [1, 2].map(() => {
      manualSeed(estimator.step);
      rand([3]);
      return noGrad(() => flat(estimator.estimate(loss, parameters)));
    });
    const resumed = make();
    resumed.step = 1;
    expect(flat(resumed.estimate(loss, parameters))).toEqual(second);
    expect(flat(make().estimate(loss, parameters))).toEqual(first);
  });
});

it.each([
  ["backpropagation", backpropagation],
  ["layerByLayer", () => layerByLayer([])],
])(
  "%s gives zeros for a parameter that the loss does not depend on, and a gradient of its own to each",
  (_, make) => {
    const used = tensor([1, 2, 3], { requiresGrad: true });
    const spare = tensor([[4], [5]], { dtype: "float64", requiresGrad: true });
    const { gradients } = make().estimate(() => sum(used), [spare, used]);
    expect(gradients.map(({ shape, dtype }) => [shape, dtype])).toEqual([
      [[2, 1], "float64"],
      [[3], "float32"],
    ]);
    expect(gradients.map((gradient) => [...gradient.toArray()])).toEqual([
      [0, 0],
      // The sum's gradient is one number in three places.
      [1, 1, 1],
    ]);
    expect(gradients.every(({ contiguous }) => contiguous)).toBe(true);
  },
);

describe.each([
  ["SPSA", () => spsa({ seed })],
  ["evolution strategies, unshaped", () => evolutionStrategies({ seed, population: 2, shaping: "none" })],
  ["forward gradient", () => forwardGradient({ seed })],
] as const)("%s", (_, make) => {
  it("is unbiased: the mean over many steps is the gradient, in direction and length", () => {
    const { loss, parameters } = quadratic("float64");
    const truth = flat(backpropagation().estimate(loss, parameters));
    const estimator = make();
    const steps = 3000;
    const mean = truth.map(() => 0);
    for (let step = 0; step < steps; step++) {
      flat(scope(() => estimator.estimate(loss, parameters))).forEach((value, i) => {
        mean[i]! += value / steps;
      });
    }
    // The variance of one element is at most |g|² + gᵢ² ≤ 2|g|².
    const bound = 4 * Math.sqrt((2 * dot(truth, truth)) / steps);
    mean.forEach((value, i) => {
      expect(Math.abs(value - truth[i]!)).toBeLessThan(bound);
    });
  });

  it("takes another direction at every step", () => {
    const { loss, parameters } = network();
    const estimator = make();
    const estimates = [0, 1, 2].map(() => flat(estimator.estimate(loss, parameters)).join());
    expect(new Set(estimates).size).toBe(3);
  });
});

it("random directions of different seeds differ", () => {
  const { loss, parameters } = network();
  const of = (seed: number) => flat(spsa({ seed }).estimate(loss, parameters)).join();
  expect(new Set([of(0), of(1), of(2 ** 32), of(2 ** 40)]).size).toBe(4);
});

describe("finite differences", () => {
  it.each([
    ["forward", "float64", 1e-7],
    ["central", "float64", 1e-9],
    ["forward", "float32", 2e-3],
    ["central", "float32", 3e-4],
  ] as const)("%s, %s: within %d of the gradient", (scheme, dtype, tolerance) => {
    const { loss, parameters } = quadratic(dtype);
    const truth = flat(backpropagation().estimate(loss, parameters));
    flat(finiteDifferences({ scheme }).estimate(loss, parameters)).forEach((value, i) => {
      expect(Math.abs(value / truth[i]! - 1)).toBeLessThan(tolerance);
    });
  });

  it("central differences of a parabola are exact at any distance", () => {
    const { loss, parameters } = quadratic("float64");
    const truth = flat(backpropagation().estimate(loss, parameters));
    flat(finiteDifferences({ stepSize: 0.5 }).estimate(loss, parameters)).forEach((value, i) => {
      expect(value).toBeCloseTo(truth[i]!, 10);
    });
  });
});

describe("coordinate search", () => {
  it("gives the sign of the gradient, and 0 at a minimum", () => {
    const x = tensor([2, -3, 0, 1e-9], { dtype: "float64" });
    const { gradients, evaluations } = coordinateSearch().estimate(() => sum(square(x)), [x]);
    expect([...gradients[0]!.toArray()]).toEqual([1, -1, 0, 0]);
    // One more for each element that did not fall at first: 2, 0 and the last.
    expect(evaluations).toBe(1 + 2 + 1 + 2 + 2);
  });

  it("is the search itself, when SGD steps by its step size", () => {
    const x = tensor([1, -1], { dtype: "float64", requiresGrad: true });
    const optimizer = new SGD([x], { lr: 0.25 });
    const estimator = coordinateSearch({ stepSize: 0.25 });
    const loss = () => sum(square(add(x, 0.5)));
    for (let step = 0; step < 10; step++) {
      x.grad = estimator.estimate(loss, [x]).gradients[0]!.keep();
      optimizer.step();
    }
    expect([...x.data()]).toEqual([-0.5, -0.5]);
  });
});

describe("ranks", () => {
  it.each([
    [
      [3, 1, 2],
      [0.5, -0.5, 0],
    ],
    [
      [1, 1, 1, 1],
      [0, 0, 0, 0],
    ],
    [
      [0, 5, 5, 9],
      [-0.5, 0, 0, 0.5],
    ],
    [
      [Number.NaN, 1, Infinity, -Infinity, 2],
      [0.375, -0.25, 0.375, -0.5, 0],
    ],
  ])("of %o", (values, ranks) => {
    expect(centredRanks(values)).toEqual(ranks);
  });
});

it.each([
  ["SPSA", () => spsa({ seed, samples: 4 }), 0.15],
  ["evolution strategies", () => evolutionStrategies({ seed, population: 32, sigma: 0.05 }), 0.1],
  ["forward gradient", () => forwardGradient({ seed, samples: 4 }), 0.15],
  ["coordinate search", () => coordinateSearch({ stepSize: 0.02 }), 0.02],
] as const)("%s trains a network through an optimizer", (_, make, lr) => {
  const { loss, parameters } = network();
  const estimator = make();
  const optimizer = new SGD(parameters, { lr });
  const value = () => noGrad(() => scope(() => loss().item()));
  const before = value();
  for (let step = 0; step < 60; step++) {
    scope(() => {
      estimator.estimate(loss, parameters).gradients.forEach((gradient, p) => {
        parameters[p]!.grad = gradient;
      });
      optimizer.step();
    });
    for (const parameter of parameters) parameter.grad = null;
  }
  expect(value()).toBeLessThan(0.85 * before);
});

it.each<[() => unknown, new (message: string) => Error, string]>([
  [() => backpropagation().estimate(() => zeros([]), []), ValueError, "backpropagation: got no parameters"],
  [
    () => spsa({ seed }).estimate(() => zeros([2]), [zeros([1])]),
    ShapeError,
    "spsa: the loss has shape [2], expected a scalar",
  ],
  [
    () => forwardGradient({ seed }).estimate(() => zeros([]), [zeros([1])]),
    GradientError,
    "forwardGradient: parameter 0 (shape [1]) requires no gradient",
  ],
  [
    () => spsa({ seed }).estimate(() => zeros([]), [transpose(zeros([2, 3]))]),
    ValueError,
    "parameter 0 (shape [3,2]) is a view that is not contiguous",
  ],
  [() => finiteDifferences({ stepSize: 0 }), ValueError, "stepSize is 0, expected a number above 0"],
  [() => coordinateSearch({ stepSize: -1 }), ValueError, "coordinateSearch: stepSize is -1"],
  [() => spsa({ seed, perturbation: Number.NaN }), ValueError, "spsa: perturbation is NaN"],
  [() => spsa({ seed, samples: 0.5 }), ValueError, "spsa: samples is 0.5"],
  [() => spsa({ seed: -1 }).estimate(() => zeros([]), [zeros([1])]), ValueError, "seed -1"],
  [
    () => evolutionStrategies({ seed, population: 3 }),
    ValueError,
    "population is 3, expected an even number",
  ],
  [() => evolutionStrategies({ seed, sigma: 0 }), ValueError, "sigma is 0"],
  [() => forwardGradient({ seed, samples: 0 }), ValueError, "samples is 0"],
])("mistake %#", (run, type, message) => {
  expect(run).toThrow(type);
  expect(run).toThrow(message);
});
