// checkGrad must find what is wrong: it is shown wrong gradients of every kind, planted with defineOp.
import { describe, expect, test } from "vitest";
import { defineOp, noGrad } from "./autograd/define-op.ts";
import { grad } from "./autograd/tape.ts";
import { GradientError, ValueError } from "./errors.ts";
import { heap } from "./memory/heap.ts";
import { rand, randn, tensor } from "./ops/create/create.ts";
import { add, cast, div, exp, expand, greater, mul, sum, transpose } from "./ops/index.ts";
import type { Tensor } from "./tensor.ts";
import { checkGrad, numericalGrad } from "./testing.ts";

const x64 = (...values: number[]) => tensor(values, { dtype: "float64" });

/** x², with any gradient. */
const squareWith = (rule: (dy: Tensor, x: Tensor) => Tensor) =>
  defineOp<[Tensor]>({ name: "square", forward: (x) => mul(x, x), vjp: [(dy, _y, x) => rule(dy, x)] });

/** A gradient that is off at one element. */
const offAtLast = (dy: Tensor, x: Tensor) => {
  const mask = tensor(
    Array.from({ length: x.size }, (_, i) => (i === x.size - 1 ? 1e-4 : 0)),
    { dtype: x.dtype },
  );
  return add(mul(dy, mul(x, 2)), mask);
};

describe("a wrong gradient is found", () => {
  test.each<[what: string, rule: (dy: Tensor, x: Tensor) => Tensor]>([
    ["a factor", (dy, x) => mul(dy, mul(x, 1.99))],
    ["the sign", (dy, x) => mul(dy, mul(x, -2))],
    ["dy left out", (_dy, x) => mul(x, 2)],
    ["dy summed up", (dy, x) => mul(sum(dy), mul(x, 2))],
    ["NaN", (dy) => mul(dy, Number.NaN)],
    ["zero", (dy) => mul(dy, 0)],
    ["one element", offAtLast],
    ["a little", (dy, x) => mul(dy, mul(x, 2 + 1e-5))],
  ])("%s", (_what, rule) => {
    expect(() => checkGrad(squareWith(rule), [x64(1, -2, 3)])).toThrow(GradientError);
  });

  test("a missing one", () => {
    const op = defineOp<[Tensor]>({ name: "square", forward: (x) => mul(x, x), vjp: [null] });
    expect(() => checkGrad((x) => op(x), [x64(1)])).toThrow("gradient 0, finite difference 2");
  });

  test("that of the second input, with its number", () => {
    const product = defineOp<[Tensor, Tensor]>({
      name: "product",
      forward: (a, b) => mul(a, b),
      vjp: [(dy, _y, _a, b) => mul(dy, b), (dy, _y, _a, b) => mul(dy, b)],
    });
    expect(() => checkGrad(product, [x64(2, 3), x64(2, 5)])).toThrow("input 1 of shape [2], element [1]");
  });

  test("that of a gradient alone", () => {
    const detached = (x: Tensor) => tensor([...x.toArray()], { dtype: x.dtype });
    const square = squareWith((dy, x) => mul(dy, mul(detached(x), 2)));
    const slope = (x: Tensor) => grad(sum(square(x)), [x], { createGraph: true })[0]!;
    checkGrad(square, [x64(1, 2)]);
    expect(() => checkGrad(slope, [x64(1, 2)])).toThrow(GradientError);
  });
});

test("the message has the function, the place, both values and what was allowed", () => {
  const wrong = squareWith((dy) => mul(dy, 7));
  const values =
    /^checkGrad: squares \(last op reshape\), first order, input 0 of shape \[2\], element \[0\]: gradient 7, finite difference (\S+) \(relative error 4\.3e-1, allowed 0\.000001\)$/;
  let message = "";
  try {
    checkGrad((x) => sum(wrong(x)), [x64(2, 1)], { name: "squares" });
  } catch (error) {
    message = (error as Error).message;
  }
  expect(message).toMatch(values);
  expect(Number(values.exec(message)![1])).toBeCloseTo(4, 8);
  expect(() =>
    checkGrad(
      function named(x) {
        return wrong(x);
      },
      [x64(1)],
    ),
  ).toThrow("checkGrad: named (last op square), first");
});

describe("a right gradient passes", () => {
  const right = squareWith((dy, x) => mul(dy, mul(x, 2)));
  test.each<[what: string, f: (...x: Tensor[]) => Tensor, ...inputs: Tensor[]]>([
    ["a vector", right, x64(1, -2, 3)],
    ["a scalar", right, tensor(3, { dtype: "float64" })],
    ["a matrix, through a view", (x) => right(transpose(x)), tensor([[1, 2, 3]], { dtype: "float64" })],
    ["no elements", right, x64()],
    ["two inputs, one not used", (x) => right(x), x64(1), x64(2)],
    [
      "an input that is no float64 is held fixed",
      (x, i) => mul(x, i.size),
      x64(1),
      tensor([1, 2], { dtype: "int32" }),
    ],
    [
      "the gradient of a gradient",
      (x) => grad(sum(exp(right(x))), [x], { createGraph: true })[0]!,
      x64(0.5, -1),
    ],
  ])("%s", (_what, f, ...inputs) => {
    const before = inputs.map((x) => [...x.toArray()]);
    checkGrad(f, inputs);
    expect(inputs.map((x) => [...x.toArray()])).toEqual(before);
  });

  test("with a looser tolerance, so does a slightly wrong one", () => {
    const rough = squareWith((dy, x) => mul(dy, mul(x, 2.001)));
    checkGrad(rough, [x64(1)], { tolerance: 1e-2 });
    expect(() => checkGrad(rough, [x64(1)], { tolerance: 1e-5 })).toThrow(GradientError);
  });
});

describe("order 2", () => {
  const draw = (...shape: number[]) => randn(shape, { dtype: "float64" });
  const frozen = (x: Tensor) => noGrad(() => mul(x, 1));

  test.each<[what: string, f: (...x: Tensor[]) => Tensor, inputs: Tensor[]]>([
    ["a right rule", squareWith((dy, x) => mul(dy, mul(x, 2))), [draw(2, 3)]],
    ["views", (x, y) => div(x, exp(y)), [transpose(draw(3, 2)), draw(2, 3)]],
    ["a linear function", (x) => mul(x, 3), [draw(4)]],
    ["one input twice", (x, y) => mul(x, y), Array<Tensor>(2).fill(draw(2))],
    ["no dependence", (_x, y) => mul(y, y), [draw(2), draw(2)]],
    ["random draws", (x) => mul(x, greater(rand([8], { dtype: "float64" }), 0.5)), [draw(8)]],
    ["a float32 result", (x) => cast(mul(x, 0), "float32"), [draw(2)]],
  ])("accepts %s", (_what, f, inputs) => {
    const before = heap().arena.live;
    noGrad(() => checkGrad(f, inputs, { order: 2 }));
    expect([heap().arena.live, inputs[0]!.requiresGrad]).toEqual([before, false]);
  });

  test.each<[what: string, f: (x: Tensor) => Tensor, message: RegExp]>([
    [
      "a rule whose derivative by x is missing",
      squareWith((dy, x) => mul(dy, mul(frozen(x), 2))),
      /\(last op square\), second order, input 0 of shape \[2,3\], element \[0,0\]: gradient 0, finite/,
    ],
    [
      "a rule whose derivative by dy is missing",
      defineOp<[Tensor]>({ name: "three", forward: (x) => mul(x, 3), vjp: [(dy) => mul(frozen(dy), 3)] }),
      /\(last op three\), second order, by the result's gradient of shape \[2,3\], element \[0,0\]: gradient 0,/,
    ],
  ])("refuses %s", (_what, f, message) => {
    const x = draw(2, 3);
    checkGrad(f, [x]);
    expect(() => checkGrad(f, [x], { order: 2 })).toThrow(message);
  });
});

test.each<[message: RegExp, input: Tensor]>([
  [/no input is float64/, tensor([1, 2])],
  [
    /shape \[2,3\] repeats elements .* expand it inside/,
    expand(tensor([[1, 2, 3]], { dtype: "float64" }), [2, 3]),
  ],
])("refuses to check nothing: %s", (message, input) => {
  expect(() => checkGrad((x) => mul(x, 2), [input])).toThrow(ValueError);
  expect(() => checkGrad((x) => mul(x, 2), [input])).toThrow(message);
});

test("numericalGrad is the central difference, with the step that it is given", () => {
  const cube = (x: Tensor) => sum(mul(mul(x, x), x));
  // ((x+h)³ - (x-h)³) / 2h = 3x² + h²
  expect([...numericalGrad(cube, [x64(1, 2)], 0, 0.5)]).toEqual([3.25, 12.25]);
});

test("leaves no memory behind", () => {
  const inputs = [x64(1, 2, 3)];
  checkGrad((x) => exp(x), inputs);
  const before = heap().arena.live;
  for (let i = 0; i < 10; i++) checkGrad((x) => grad(sum(exp(x)), [x], { createGraph: true })[0]!, inputs);
  expect(heap().arena.live).toBe(before);
});
