// The finer points of the walk back: hooks, gradients of gradients and their memory, and what errors say.
// Where gradients land, and what is recorded and released, is in tape.test.ts.
import { beforeEach, describe, expect, test } from "vitest";
import { GradientError, ReleasedError, ShapeError } from "../errors.ts";
import { kernelSet } from "../kernels/dispatch.ts";
import { heap } from "../memory/heap.ts";
import { add, div, mul, neg } from "../ops/arithmetic/arithmetic.ts";
import { exp, log } from "../ops/arithmetic/unary.ts";
import { tensor } from "../ops/create/create.ts";
import { sum } from "../ops/shape/broadcast.ts";
import { scope } from "../scope.ts";
import type { Tensor } from "../tensor.ts";
import { defineOp, noGrad } from "./define-op.ts";
import { backward, grad, onGradient } from "./tape.ts";

const leaf = (data: Parameters<typeof tensor>[0]) => tensor(data, { dtype: "float64", requiresGrad: true });
const values = (x: Tensor | null | undefined) => Array.from(x!.toArray());
const live = () => heap().arena.live;

beforeEach(() => {
  // The kernels take memory of their own on first use.
  kernelSet();
});

test("backward adds to .grad in place", () => {
  const x = leaf([1, 2]);
  backward(sum(mul(x, x)));
  const first = x.grad;
  backward(sum(mul(x, 3)));
  expect(x.grad).toBe(first);
  expect(values(x.grad)).toEqual([5, 7]);
});

test("backward leaves alone a .grad that a graph goes through", () => {
  const x = leaf(3);
  backward(mul(mul(x, x), x), { createGraph: true });
  const first = x.grad!;
  backward(mul(x, x));
  expect([values(first), values(x.grad), values(grad(first, [x])[0])]).toEqual([[27], [33], [18]]);
});

describe("gradients of gradients", () => {
  const powers = [
    [(x: Tensor) => mul(mul(mul(x, x), x), x), [81, 108, 108, 72, 24]],
    // Rules that use their own result: exp, div.
    [(x: Tensor) => exp(mul(x, 0)), [1, 0, 0, 0, 0]],
    [(x: Tensor) => log(x), [Math.log(3), 1 / 3, -1 / 9, 2 / 27, -6 / 81]],
    [(x: Tensor) => div(1, x), [1 / 3, -1 / 9, 2 / 27, -6 / 81, 24 / 243]],
    [(x: Tensor) => exp(neg(x)), [1, -1, 1, -1, 1].map((sign) => sign * Math.exp(-3))],
  ] as const;

  test.each(powers)("are right up to the fourth, and leave nothing behind (%#)", (f, expected) => {
    const x = leaf(3);
    const before = live();
    const derivatives = [f(x)];
    for (let n = 1; n <= 4; n++) {
      const [next] = grad(derivatives.at(-1)!, [x], { createGraph: n < 4 });
      derivatives.push(next!);
    }
    const found = derivatives.map((y) => y.item());
    expected.forEach((value, n) => {
      expect(found[n]).toBeCloseTo(value, 12);
    });
    // What was differentiated, and the derivatives, are the caller's; all else has gone with the last walk.
    for (const y of derivatives) y.dispose();
    expect(live()).toBe(before);
  });

  test("by every path: the gradient itself, and what it was multiplied with", () => {
    const x = leaf([1, 2]);
    const y = leaf([3, 4]);
    const [dx] = grad(sum(mul(mul(x, x), y)), [x], { createGraph: true });
    const [xx, xy] = grad(sum(mul(dx!, y)), [x, y]);
    // dx = 2xy; Σ dx y = 2xy²
    expect([values(xx), values(xy)]).toEqual([
      [18, 32],
      [12, 32],
    ]);
  });

  test("of the gradient that the walk began with", () => {
    const x = leaf([1, 2]);
    const u = leaf([0, 0]);
    const [dx] = grad(mul(x, x), [x], { gradient: u, createGraph: true });
    const [du] = grad(sum(dx!), [u]);
    expect(values(du)).toEqual([2, 4]);
  });

  test("of a linear function are null: there is no path", () => {
    const x = leaf([1, 2]);
    const [dx] = grad(sum(mul(x, 3)), [x], { createGraph: true });
    expect(grad(sum(dx!), [x])).toEqual([null]);
  });

  test("a penalty on the gradient trains", () => {
    const x = leaf([1, 2]);
    const w = leaf([3, 5]);
    const before = live();
    const loss = sum(mul(mul(x, x), w));
    const [dx] = grad(loss, [x], { createGraph: true });
    const penalty = sum(mul(dx!, dx!));
    const total = add(loss, penalty);
    backward(total);
    // loss x²w, penalty 4x²w²
    expect([values(w.grad), values(x.grad)]).toEqual([
      [1 + 24, 4 + 160],
      [6 + 72, 20 + 400],
    ]);
    // Differentiated, so still readable.
    expect([loss.item(), ...values(dx)]).toEqual([23, 6, 20]);
    for (const held of [loss, dx!, total, w.grad!, x.grad!]) held.dispose();
    expect(live()).toBe(before);
  });
});

describe("onGradient", () => {
  test("is called with the complete gradient, before what it was computed from, in the order of adding", () => {
    const calls: [string, number[]][] = [];
    const log = (name: string) => (gradient: Tensor) => {
      calls.push([name, values(gradient)]);
    };
    const x = leaf([1, 2]);
    const y = mul(x, x);
    onGradient(x, log("x"));
    onGradient(y, log("y first"));
    onGradient(y, log("y second"));
    backward(sum(add(y, mul(y, 2))));
    expect(calls).toEqual([
      ["y first", [3, 3]],
      ["y second", [3, 3]],
      ["x", [6, 12]],
    ]);
  });

  test("may replace it, for all that comes after", () => {
    const x = leaf([1, 2]);
    const y = mul(x, x);
    const before = live();
    onGradient(y, (gradient) => mul(gradient, 10));
    onGradient(y, (gradient) => add(gradient, 1));
    onGradient(x, (gradient) => neg(gradient));
    const result = sum(y);
    expect(values(grad(result, [x])[0])).toEqual([-22, -44]);
    result.dispose();
    // The gradient, and y is gone.
    expect(live()).toBe(before);
  });

  test("fires for what grad asks for, too, and for the result itself", () => {
    const x = leaf(2);
    const y = mul(x, x);
    onGradient(y, (gradient) => mul(gradient, 5));
    expect(grad(y, [y, x]).map(values)).toEqual([[5], [20]]);
  });

  test("is part of a recorded walk", () => {
    const x = leaf(2);
    const y = mul(x, x);
    onGradient(y, (gradient) => mul(gradient, x));
    const [dx] = grad(y, [x], { createGraph: true });
    // The hook makes 2x into 2x².
    expect([values(dx), values(grad(dx!, [x])[0])]).toEqual([[8], [8]]);
  });

  test("until it is taken off; the same function may be there twice", () => {
    const x = leaf(1);
    const double = (gradient: Tensor) => mul(gradient, 2);
    const off = onGradient(x, double);
    onGradient(x, double);
    const slope = () => values(grad(mul(x, 1), [x])[0])[0];
    expect(slope()).toBe(4);
    off();
    off();
    expect(slope()).toBe(2);
  });

  test("may keep what it is called with; else that is gone", () => {
    const x = leaf([1, 2]);
    const seen: Tensor[] = [];
    onGradient(x, (gradient) => {
      seen.push(gradient.keep());
    });
    onGradient(x, (gradient) => {
      seen.push(gradient);
    });
    backward(sum(mul(x, x)));
    x.grad!.data().fill(0);
    expect([seen[0]!.alive, seen[1]!.alive, values(seen[0])]).toEqual([true, false, [2, 4]]);
  });

  test("may return a tensor of the user's, which stays as it is", () => {
    const x = leaf([1, 2]);
    const mine = tensor([5, 5], { dtype: "float64" });
    onGradient(x, () => mine);
    backward(sum(x));
    backward(sum(x));
    expect([values(x.grad), values(mine)]).toEqual([
      [10, 10],
      [5, 5],
    ]);
  });
});

describe("memory", () => {
  test("of a gradient that repeats elements goes when .grad has its own", () => {
    const x = leaf([1, 2]);
    const step = () => {
      const y = sum(x);
      backward(y);
      for (const held of [y, x.grad!]) held.dispose();
      x.grad = null;
    };
    const before = live();
    for (let i = 0; i < 10; i++) step();
    expect(live()).toBe(before);
  });

  test("at its peak in the walk is that of a few gradients", () => {
    const { arena } = heap();
    const x = leaf(Array(1000).fill(0.5));
    let y = x;
    for (let i = 0; i < 50; i++) y = mul(add(y, x), exp(x));
    const result = sum(y);
    const before = arena.live;
    arena.peak = before;
    backward(result);
    // Blocks of 8000 bytes: those of x, y and what a rule makes on the way.
    expect(arena.peak - before).toBeLessThan(8 * 8192);
  });

  test("of a result holds the result alone: the links into the graph are cut", () => {
    const x = leaf([1, 2]);
    const y = sum(mul(x, x));
    backward(y);
    expect([y.node!.inputs, y.node!.pass, y.node!.segment]).toEqual([[], null, null]);
  });

  test("is given back when a rule throws, and .grad is as before", () => {
    const fails = defineOp<[Tensor]>({
      name: "fails",
      forward: (x) => x.view(x.shape, x.strides),
      vjp: [
        (dy) => {
          mul(dy, dy);
          throw new Error("no");
        },
      ],
    });
    const x = leaf([1, 2]);
    const y = leaf([1, 2]);
    const loss = sum(add(mul(y, y), fails(x)));
    const before = live();
    expect(() => backward(loss)).toThrow("no");
    expect([live() - before, x.grad, y.grad]).toEqual([0, null, null]);
  });
});

describe("errors say what to do", () => {
  const identity = (rule: (dy: Tensor) => Tensor) =>
    defineOp<[Tensor]>({ name: "odd", forward: (x) => x.view(x.shape, x.strides), vjp: [rule] });
  const released = () => {
    const x = leaf([1, 2]);
    const y = mul(sum(x), 2);
    backward(y);
    return y;
  };

  test.each<[error: new (message?: string) => Error, message: RegExp, act: () => unknown]>([
    [GradientError, /backward: nothing .* set requiresGrad/, () => backward(tensor(1))],
    [GradientError, /do not compute inside noGrad/, () => backward(noGrad(() => mul(leaf(1), 2)))],
    [
      GradientError,
      /grad: input 1 \(shape \[2\]\) requires no gradient/,
      () => {
        const x = leaf(1);
        return grad(mul(x, x), [x, tensor([1, 2])]);
      },
    ],
    [
      ShapeError,
      /backward: got a result of shape \[2\], expected a scalar; .*mean/,
      () => backward(mul(leaf([1, 2]), 2)),
    ],
    [
      ShapeError,
      /backward: the gradient has shape \[3\], the tensor \[2\]/,
      () => {
        backward(mul(leaf([1, 2]), 2), { gradient: tensor([1, 2, 3], { dtype: "float64" }) });
      },
    ],
    [
      Error,
      /backward: the gradient is float32, the tensor float64/,
      () => backward(leaf(1), { gradient: tensor(1) }),
    ],
    [
      ReleasedError,
      /\(mul\) was released by an earlier backward; pass \{ retainGraph: true \}/,
      () => backward(released()),
    ],
    [ReleasedError, /retainGraph/, () => backward(mul(released(), 2))],
    [
      ReleasedError,
      /backward: mul needs something that is gone: .*the end of its scope; .*same scope/,
      () => {
        const x = leaf([1, 2]);
        backward(scope(() => sum(mul(exp(x), x))));
      },
    ],
    [
      ShapeError,
      /the rule of odd for input 0: the gradient has shape \[\], the tensor \[2\]/,
      () => {
        backward(sum(identity((dy) => sum(dy))(leaf([1, 2]))));
      },
    ],
    [
      GradientError,
      /alsoOdd: forward returned a tensor that was there before/,
      () => {
        defineOp<[Tensor]>({ name: "alsoOdd", forward: (x) => x, vjp: [(dy) => dy] })(leaf(1));
      },
    ],
    [
      GradientError,
      /onGradient: the tensor \(shape \[\]\) requires no gradient/,
      () => onGradient(tensor(1), () => undefined),
    ],
    [
      ShapeError,
      /onGradient: the hook's result does not fit: the gradient has shape \[2\]/,
      () => {
        const x = leaf(1);
        onGradient(x, () => leaf([1, 2]));
        backward(mul(x, 2));
      },
    ],
    [
      ShapeError,
      /what is in \.grad does not fit/,
      () => {
        const x = leaf(1);
        x.grad = leaf([1, 2]);
        backward(mul(x, 2));
      },
    ],
  ])("%o %s", (kind, message, act) => {
    expect(act).toThrow(kind);
    expect(act).toThrow(message);
  });
});
