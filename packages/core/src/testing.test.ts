// The checker must find what it is there to find: each wrong rule here is one that it has to refuse.
import { describe, expect, test } from "vitest";
import { defineOp, noGrad } from "./define-op.ts";
import { GradientError, ValueError } from "./errors.ts";
import { heap } from "./memory/heap.ts";
import { add, div, mul, neg } from "./ops/arithmetic.ts";
import { expand, sum } from "./ops/broadcast.ts";
import { greater } from "./ops/compare.ts";
import { rand, randn, tensor } from "./ops/create.ts";
import { transpose } from "./ops/shape.ts";
import { exp } from "./ops/unary.ts";
import { grad } from "./tape.ts";
import type { Tensor } from "./tensor.ts";
import { checkGrad, numericalGrad } from "./testing.ts";

const draw = (...shape: number[]) => randn(shape, { dtype: "float64" });
/** `2x²`, with a rule of your choice. */
const opWith = (rule: (dy: Tensor, x: Tensor) => Tensor) =>
  defineOp<[Tensor]>({
    name: "twiceSquare",
    forward: (x) => mul(mul(x, x), 2),
    vjp: [(dy, _, x) => rule(dy, x)],
  });
const right = opWith((dy, x) => mul(mul(dy, x), 4));

test("numericalGrad of a cube", () => {
  const x = tensor([1, 2], { dtype: "float64" });
  const found = numericalGrad((a) => sum(mul(mul(a!, a!), a!)), [x], 0);
  expect(Array.from(found, (value) => Number(value.toFixed(6)))).toEqual([3, 12]);
  expect(Array.from(x.data())).toEqual([1, 2]);
});

describe("accepts", () => {
  test.each<[name: string, f: (...inputs: Tensor[]) => Tensor, inputs: Tensor[]]>([
    ["a right rule", right, [draw(2, 3)]],
    ["views", (x, y) => div(x!, exp(y!)), [transpose(draw(3, 2)), draw(2, 3)]],
    ["a scalar", (x) => sum(mul(x!, x!)), [draw(4)]],
    ["inputs of other dtypes beside", (x, y) => mul(x!, y!.size), [draw(2), tensor([1], { dtype: "int32" })]],
    ["no dependence", (_x, y) => mul(y!, y!), [draw(2), draw(2)]],
    ["a gradient inside", (x) => grad(sum(exp(mul(x!, x!))), [x!], { createGraph: true })[0]!, [draw(3)]],
    ["random draws", (x) => mul(x!, greater(rand([8], { dtype: "float64" }), 0.5)), [draw(8)]],
    ["one input twice", (x, y) => mul(x!, y!), Array<Tensor>(2).fill(draw(2))],
  ])("%s", (_name, f, inputs) => {
    const before = heap().arena.live;
    checkGrad(f, inputs, { order: 2 });
    expect([heap().arena.live, inputs[0]!.requiresGrad]).toEqual([before, false]);
  });
});

describe("refuses", () => {
  test.each<
    [
      name: string,
      f: (...inputs: Tensor[]) => Tensor,
      options: Parameters<typeof checkGrad>[2],
      message: RegExp,
    ]
  >([
    [
      "a wrong factor",
      opWith((dy, x) => mul(mul(dy, x), 4.001)),
      {},
      /function \(last op twiceSquare\), first order, input 0/,
    ],
    ["a wrong sign", opWith((dy, x) => neg(mul(mul(dy, x), 4))), {}, /first order/],
    ["a rule that forgets dy", opWith((_dy, x) => mul(x, 4)), {}, /first order/],
    ["NaN", opWith((dy, x) => mul(dy, div(mul(x, 0), 0))), {}, /gradient NaN, finite difference/],
    [
      "a missing rule",
      defineOp<[Tensor]>({ name: "none", forward: (x) => mul(x, x), vjp: [null] }),
      {},
      /gradient 0, finite difference/,
    ],
    [
      "a rule that is right once",
      opWith((dy, x) =>
        mul(
          mul(
            dy,
            noGrad(() => mul(x, 1)),
          ),
          4,
        ),
      ),
      { order: 2, name: "frozen" },
      /frozen \(last op twiceSquare\), second order/,
    ],
  ])("%s", (_name, f, options, message) => {
    const x = draw(2, 3);
    expect(() => checkGrad(f, [x], options)).toThrow(GradientError);
    expect(() => checkGrad(f, [x], options)).toThrow(message);
  });

  test("one wrong element, and says which, with both values", () => {
    const spoil = defineOp<[Tensor]>({
      name: "spoil",
      forward: (x) => mul(x, 3),
      vjp: [(dy) => add(mul(dy, 3), tensor([0, 0, 0, 0, 0, 1], { dtype: "float64", shape: [2, 3] }))],
    });
    expect(() => checkGrad((_, x) => spoil(x!), [draw(1), draw(2, 3)], { name: "triple" })).toThrow(
      /checkGrad: triple \(last op spoil\), first order, input 1 of shape \[2,3\], element \[1,2\]: gradient 2\.77\d+, finite difference 1\.77\d+ \(relative error 3\.6e-1, allowed 0\.000001\)/,
    );
  });

  test.each<[inputs: Tensor[], message: RegExp]>([
    [[tensor([1, 2])], /no input is float64/],
    [[expand(draw(1, 3), [2, 3])], /\[2,3\] repeats elements .* expand it inside/],
  ])("what it cannot check (%#)", (inputs, message) => {
    expect(() => checkGrad((x) => mul(x!, 2), inputs)).toThrow(ValueError);
    expect(() => checkGrad((x) => mul(x!, 2), inputs)).toThrow(message);
  });
});
