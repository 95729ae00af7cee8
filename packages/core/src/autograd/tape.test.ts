// The walk back through the graph, on polynomials whose gradients can be written down. Rules of single ops are
// checked in ops/gradients.test.ts.
import { describe, expect, test } from "vitest";
import { GradientError, ReleasedError, ShapeError } from "../errors.ts";
import { heap } from "../memory/heap.ts";
import { ones, randn, tensor } from "../ops/create/create.ts";
import { add, div, exp, expand, linear, mean, mul, neg, relu, reshape, sub, sum } from "../ops/index.ts";
import { SGD } from "../optim/sgd.ts";
import { manualSeed } from "../random.ts";
import { scope } from "../scope.ts";
import type { Tensor } from "../tensor.ts";
import { defineOp, gradEnabled, noGrad } from "./define-op.ts";
import { backward, grad } from "./tape.ts";

const leaf = (...values: number[]) => tensor(values, { dtype: "float64", requiresGrad: true });
const numbers = (x: Tensor | null | undefined) => x && [...x.toArray()];
const square = (x: Tensor) => mul(x, x);

describe("graphs", () => {
  test.each<[name: string, f: (x: Tensor, y: Tensor) => Tensor, dx: number, dy: number | null]>([
    ["a chain", (x) => exp(neg(square(x))), -4 * Math.exp(-4), null],
    ["one tensor twice in an op", (x, y) => mul(add(x, x), y), 6, 4],
    ["a diamond", (x, y) => mul(add(x, y), sub(x, y)), 4, -6],
    ["a diamond in a diamond", (x) => square(add(square(x), mul(square(x), x))), 2 * 12 * (4 + 12), null],
    ["shared by branches of unlike depth", (x, y) => add(x, mul(y, square(add(x, y)))), 31, 55],
    ["a constant branch", (x) => add(mul(x, 5), tensor([7], { dtype: "float64" })), 5, null],
    ["a leaf alone", (x) => x, 1, null],
  ])("%s", (_name, f, dx, dy) => {
    const [x, y] = [leaf(2), leaf(3)];
    expect(grad(f(x, y), [x, y]).map(numbers)).toEqual([[dx], dy === null ? null : [dy]]);
    backward(f(x, y));
    expect([x.grad, y.grad].map(numbers)).toEqual([[dx], dy === null ? null : [dy]]);
  });

  test("a chain of 20,000 nodes needs no deep recursion", () => {
    const x = leaf(1);
    let y = x;
    for (let i = 0; i < 20_000; i++) y = neg(y);
    backward(y);
    expect(numbers(x.grad)).toEqual([1]);
  });

  test("64 diamonds in a row are walked once each, not 2^64 times", () => {
    const x = leaf(1);
    let y = x;
    for (let i = 0; i < 64; i++) y = add(y, y);
    backward(y);
    expect(numbers(x.grad)).toEqual([2 ** 64]);
  });
});

describe("accumulation", () => {
  test("backward adds to the gradient that is there", () => {
    const x = leaf(1, 2, 3);
    for (const factor of [1, 2, 3]) backward(sum(mul(square(x), factor)));
    expect(numbers(x.grad)).toEqual([12, 24, 36]);
  });

  test("grad leaves .grad alone", () => {
    const x = leaf(1, 2);
    backward(sum(x));
    expect(grad(sum(square(x)), [x]).map(numbers)).toEqual([[2, 4]]);
    expect(numbers(x.grad)).toEqual([1, 1]);
  });

  test("a given gradient weighs the result, and is not touched", () => {
    const x = leaf(1, 2, 3);
    const gradient = tensor([1, 10, 100], { dtype: "float64" });
    backward(square(x), { gradient });
    expect(numbers(x.grad)).toEqual([2, 40, 600]);
    backward(x, { gradient });
    expect(numbers(x.grad)).toEqual([3, 50, 700]);
    expect(numbers(gradient)).toEqual([1, 10, 100]);
  });
});

describe("gradients have elements of their own", () => {
  const cases: [name: string, f: (a: Tensor, b: Tensor) => Tensor][] = [
    ["add hands one gradient to both", (a, b) => sum(mul(add(a, b), tensor([1, 2], { dtype: "float64" })))],
    ["through views", (a, b) => sum(add(reshape(a, [2, 1]), reshape(b, [2, 1])))],
    ["expanded by sum", (a, b) => add(sum(a), sum(b))],
    ["a is both", (a) => sum(add(a, a))],
  ];
  test.each(cases.flatMap(([name, f]) => [false, true].map((createGraph) => ({ name, f, createGraph }))))(
    "$name, createGraph $createGraph",
    ({ f, createGraph }) => {
      const [a, b] = [leaf(3, 4), leaf(5, 6)];
      backward(f(a, b), { createGraph });
      const before = numbers(b.grad);
      a.grad!.copyFrom([77, 88]); // Throws unless contiguous.
      expect(numbers(b.grad)).toEqual(before);
      a.grad!.dispose();
      expect(numbers(b.grad)).toEqual(before);
    },
  );

  test("nor does a leaf share with the gradient that was given", () => {
    const x = leaf(1, 2);
    const gradient = tensor([5, 6], { dtype: "float64" });
    backward(x, { gradient });
    gradient.copyFrom([0, 0]);
    expect(numbers(x.grad)).toEqual([5, 6]);
  });

  test("twice with createGraph", () => {
    const [a, b] = [leaf(1), leaf(2)];
    backward(add(a, b), { createGraph: true });
    backward(add(a, b));
    expect([a.grad, b.grad].map(numbers)).toEqual([[2], [2]]);
  });
});

test("grad of intermediate results, of the root, of a tensor that is not involved, of one twice", () => {
  const [x, stranger] = [leaf(2), leaf(1)];
  const y = square(x);
  const z = mul(y, y);
  expect(grad(z, [x, y, z, stranger, x]).map(numbers)).toEqual([[32], [8], [1], null, [32]]);
});

test("grad with respect to an intermediate result does not look behind it", () => {
  let calls = 0;
  const watched = defineOp<[Tensor]>({
    name: "watched",
    forward: (x) => mul(x, 1),
    vjp: [
      (dy) => {
        calls++;
        return mul(dy, 1);
      },
    ],
  });
  const x = leaf(2);
  const y = watched(x);
  grad(square(y), [y], { retainGraph: true });
  expect(calls).toBe(0);
  grad(square(y), [x]);
  expect(calls).toBe(1);
});

describe("what is recorded", () => {
  test("only what leads to a tensor that requires a gradient", () => {
    const x = leaf(1);
    const constant = tensor([1], { dtype: "float64" });
    expect(mul(constant, constant).node).toBeNull();
    expect(mul(constant, x).node?.op).toBe("mul");
    expect(noGrad(() => mul(x, x)).node).toBeNull();
    expect(() => noGrad(() => noGrad(() => backward(constant)))).toThrow(GradientError);
    expect(gradEnabled()).toBe(true);
  });

  test("a rule that is null stops the walk", () => {
    const stepOp = defineOp<[Tensor]>({ name: "step", forward: (x) => mul(x, 1), vjp: [null] });
    const x = leaf(3);
    expect(stepOp(x).tracked).toBe(false);
    backward(sum(mul(stepOp(x), x)));
    expect(numbers(x.grad)).toEqual([3]);
  });

  test("intermediate results may be leaves, too", () => {
    const x = leaf(2);
    const y = square(x);
    y.requiresGrad = true;
    backward(square(y));
    expect([x.grad, y.grad].map(numbers)).toEqual([[32], [8]]);
  });
});

describe("release", () => {
  test("backward gives back all but the leaves, the result and what was kept", () => {
    const x = leaf(2);
    const [y, kept] = [square(x), square(x).keep()];
    const loss = mul(y, kept);
    backward(loss);
    expect([x.alive, y.alive, kept.alive, loss.alive]).toEqual([true, false, true, true]);
    expect(() => y.toArray()).toThrow("its memory was given back by backward()");
    expect(loss.item()).toBe(16);
  });

  test("a second walk says what to do", () => {
    const x = leaf(2);
    const y = square(x);
    const [first, second] = [square(y), mul(y, 3)];
    backward(first);
    for (const again of [first, second]) {
      expect(() => backward(again)).toThrow(ReleasedError);
      expect(() => grad(again, [x])).toThrow("pass { retainGraph: true } there");
    }
    expect(numbers(x.grad)).toEqual([32]);
  });

  test("retainGraph keeps the graph for any number of walks", () => {
    const x = leaf(2);
    const loss = mul(square(square(x)), 0.5);
    for (let i = 0; i < 3; i++) backward(loss, { retainGraph: true });
    expect(numbers(x.grad)).toEqual([48]);
    backward(loss);
    expect(numbers(x.grad)).toEqual([64]);
    expect(() => backward(loss)).toThrow(ReleasedError);
  });
});

describe("derivatives of derivatives", () => {
  test("of x⁵, five times", () => {
    const x = leaf(3);
    let y: Tensor = mul(square(square(x)), x);
    for (const expected of [5 * 81, 20 * 27, 60 * 9, 120 * 3, 120]) {
      y = grad(y, [x], { createGraph: true })[0]!;
      expect(numbers(y)).toEqual([expected]);
    }
    expect(grad(y, [x]).map(numbers)).toEqual([null]);
  });

  test("a gradient penalty reaches .grad", () => {
    const x = leaf(1, 2);
    const [slope] = grad(sum(mul(square(x), x)), [x], { createGraph: true });
    backward(sum(square(slope!))); // (3x²)², 36x³
    expect(numbers(x.grad)).toEqual([36, 288]);
  });

  test("backward with createGraph leaves gradients that can be differentiated", () => {
    const x = leaf(3);
    backward(mul(square(x), x), { createGraph: true });
    backward(mul(square(x), x), { createGraph: true });
    expect(numbers(x.grad)).toEqual([54]);
    expect(grad(x.grad!, [x]).map(numbers)).toEqual([[36]]);
  });

  test("without createGraph a gradient is a constant", () => {
    const x = leaf(3);
    expect(grad(square(x), [x])[0]!.tracked).toBe(false);
  });
});

describe("memory stays flat over 1,000 steps", () => {
  const x = randn([8, 5]);
  const parameters = [randn([3, 5]), randn([3])].map((w) => w.keep());
  for (const parameter of parameters) parameter.requiresGrad = true;
  const optimizer = new SGD(parameters, { lr: 0.01, momentum: 0.9 });
  const loss = () => {
    const [w, b] = parameters as [Tensor, Tensor];
    const y = relu(linear(x, w, b));
    return mean(mul(sub(div(y, 2), 1), expand(sum(y, 1, { keepDim: true }), y.shape)));
  };

  test.each<[name: string, step: () => unknown]>([
    ["in a scope", () => scope(() => backward(loss()))],
    [
      "in a scope, with a graph that is not walked",
      () => scope(() => void grad(loss(), parameters, { createGraph: true })),
    ],
    ["with nothing but backward", () => stepOf((root) => backward(root))],
    [
      "with nothing but grad",
      () => stepOf((root) => grad(root, parameters).forEach((g) => void g!.dispose())),
    ],
    [
      "retained, then released",
      () => stepOf((root) => [backward(root, { retainGraph: true }), backward(root)]),
    ],
  ])("%s", (_name, step) => {
    manualSeed(1);
    const train = () => {
      step();
      if (parameters[0]!.grad) optimizer.step();
    };
    train();
    const before = heap().arena.live;
    for (let i = 0; i < 1000; i++) train();
    expect(heap().arena.live).toBe(before);
  });

  function stepOf(walk: (root: Tensor) => unknown): void {
    const root = loss();
    walk(root);
    root.dispose();
  }
});

const x = ones([2], { requiresGrad: true });
test.each<[message: string, type: typeof ShapeError, call: () => unknown]>([
  ["backward: got a result of shape [2], expected a scalar", ShapeError, () => backward(mul(x, 2))],
  ["grad: got a result of shape [2], expected a scalar", ShapeError, () => grad(mul(x, 2), [x])],
  [
    "backward: the gradient has shape [3], the tensor [2]",
    ShapeError,
    () => backward(mul(x, 2), { gradient: ones([3]) }),
  ],
  [
    "backward: nothing that this result was computed from requires",
    GradientError,
    () => backward(sum(ones([2]))),
  ],
  ["do not compute inside noGrad", GradientError, () => backward(noGrad(() => sum(x)))],
])("%s", (message, type, call) => {
  expect(call).toThrow(type);
  expect(call).toThrow(message);
});
