// checkpoint against the same computation without it, bit for bit: gradients, gradients of gradients, random draws,
// shared weights, nesting. And what it is for: the memory.
import { beforeEach, describe, expect, test } from "vitest";
import { GradientError } from "../errors.ts";
import { kernelSet } from "../kernels/dispatch.ts";
import { heap } from "../memory/heap.ts";
import { GELU } from "../nn/activations.ts";
import { Dropout } from "../nn/dropout.ts";
import { Linear } from "../nn/linear.ts";
import type { Module } from "../nn/module.ts";
import { BatchNorm1d, LayerNorm } from "../nn/normalization.ts";
import { Sequential } from "../nn/sequential.ts";
import { TransformerBlock } from "../nn/transformer.ts";
import { relu } from "../ops/activations/activations.ts";
import { dropout } from "../ops/activations/dropout.ts";
import { add, mul, neg, sub } from "../ops/arithmetic/arithmetic.ts";
import { greater } from "../ops/arithmetic/compare.ts";
import { exp } from "../ops/arithmetic/unary.ts";
import { rand, randn, tensor } from "../ops/create/create.ts";
import { linear, matmul } from "../ops/linear-algebra/matmul.ts";
import { mean } from "../ops/reductions/reduce.ts";
import { reshape, sum } from "../ops/shape/broadcast.ts";
import { transpose } from "../ops/shape/shape.ts";
import { currentGenerator, manualSeed } from "../random.ts";
import { scope } from "../scope.ts";
import type { Tensor } from "../tensor.ts";
import { checkpoint, isRecomputing } from "./checkpoint.ts";
import { noGrad } from "./define-op.ts";
import { backward, grad, onGradient } from "./tape.ts";

type Wrap = (f: (...inputs: Tensor[]) => Tensor, ...inputs: Tensor[]) => Tensor;
const plain: Wrap = (f, ...inputs) => f(...inputs);
const bits = (x: Tensor | null | undefined) =>
  x ? Array.from(new Uint32Array(x.toArray().buffer as ArrayBuffer)) : [];
const live = () => heap().arena.live;

const drop = (x: Tensor) => dropout(x, 0.5);

let w: Tensor;
let v: Tensor;
let x: Tensor;
beforeEach(() => {
  manualSeed(7);
  kernelSet();
  [w, v] = [randn([5, 5], { requiresGrad: true }), randn([5, 5], { requiresGrad: true })] as [Tensor, Tensor];
  x = randn([3, 5], { requiresGrad: true });
});

/** Everything that differentiating `f` gives: the value, first and second gradients, where the random stream ends. */
function derivatives(f: (wrap: Wrap) => Tensor, wrap: Wrap): number[][] {
  manualSeed(11);
  for (const leaf of [w, v, x]) leaf.grad = null;
  return scope(() => {
    const y = sum(f(wrap));
    const once = grad(y, [x, w, v], { retainGraph: true });
    const first = grad(y, [x, w, v], { createGraph: true });
    const second = grad(
      first
        .filter((g) => g !== null)
        .map((g) => sum(mul(g, g)))
        .reduce((a, b) => add(a, b)),
      [x, w, v],
      { retainGraph: true },
    );
    backward(y);
    return [y, ...once, ...first, ...second, x.grad, w.grad, v.grad]
      .map(bits)
      .concat([[currentGenerator().position]]);
  });
}

const layer = (h: Tensor) => relu(linear(linear(h, w), v));

const cases: [name: string, f: (wrap: Wrap) => Tensor][] = [
  ["parameters that the function closes over", (wrap) => wrap(layer, x)],
  [
    "weights used inside and outside, before and after",
    (wrap) => mul(linear(wrap(layer, linear(x, w)), w), linear(x, w)),
  ],
  ["one after another, with the same weights", (wrap) => wrap(layer, wrap(layer, wrap(layer, x)))],
  [
    "the same result used twice",
    (wrap) => {
      const h = wrap(layer, x);
      return add(mul(h, h), h);
    },
  ],
  [
    "several inputs, one of them twice",
    (wrap) => wrap((a, b, c) => mul(matmul(a, b), exp(neg(mul(c, c)))), x, w, x),
  ],
  [
    "a tensor from outside that was computed",
    (wrap) => {
      const h = exp(neg(mul(x, x)));
      return wrap(() => mul(linear(h, w), linear(h, v)));
    },
  ],
  ["dropout", (wrap) => wrap((h) => drop(layer(drop(h))), drop(x))],
  [
    "nested",
    (wrap) => wrap((h) => drop(wrap((i) => drop(layer(wrap(layer, drop(i)))), linear(h, v))), drop(x)),
  ],
  [
    "a function that returns its input",
    (wrap) =>
      mul(
        wrap((h) => h, x),
        linear(x, sub(w, v)),
      ),
  ],
  [
    "a function that returns a view",
    (wrap) =>
      matmul(
        w,
        wrap((h) => transpose(linear(h, v)), x),
      ),
  ],
  [
    "hooks inside and outside",
    (wrap) => {
      const h = linear(x, w);
      onGradient(h, (gradient) => mul(gradient, 3));
      return wrap((i) => {
        const j = layer(i);
        onGradient(j, (gradient) => mul(gradient, gradient));
        return mul(j, j);
      }, h);
    },
  ],
  [
    "hooks on the result, of the function and of its caller",
    (wrap) => {
      const y = wrap((h) => {
        const j = linear(h, w);
        onGradient(j, (gradient) => add(gradient, 1));
        return j;
      }, x);
      onGradient(y, (gradient) => mul(gradient, gradient));
      return exp(neg(mul(y, y)));
    },
  ],
  [
    "a gradient inside",
    (wrap) =>
      wrap((h) => {
        const y = sum(mul(exp(neg(mul(h, h))), linear(h, w)));
        return add(grad(y, [h], { createGraph: true })[0]!, linear(h, v));
      }, x),
  ],
];

test.each(cases)("equals the plain computation bit for bit: %s", (_name, f) => {
  const found = derivatives(f, checkpoint);
  expect(found).toEqual(derivatives(f, plain));
  expect(found[1]!.some((word) => word !== 0)).toBe(true);
});

test.each<[name: string, layer: () => Module]>([
  ["BatchNorm1d", () => new BatchNorm1d(5)],
  ["BatchNorm1d, averaging over all batches", () => new BatchNorm1d(5, { momentum: null })],
  ["Dropout", () => new Sequential(new Linear(5, 5), new Dropout(0.3), new GELU(), new LayerNorm(5))],
  ["TransformerBlock", () => new TransformerBlock(5, 1, { dropout: 0.2 })],
])("layers keep every bit, and what they track is tracked once: %s", (_name, make) => {
  const found = [plain, checkpoint].map((wrap) => {
    manualSeed(5);
    const layer = make();
    x.grad = null;
    for (let step = 0; step < 3; step++) {
      scope(() => {
        const y = wrap(
          (h) => layer.forward(reshape(h, _name === "TransformerBlock" ? [1, 3, 5] : [3, 5])),
          x,
        );
        backward(mean(mul(y, exp(y))));
      });
    }
    return [
      x.grad,
      ...layer.parameters().map(({ grad }) => grad),
      ...layer.namedBuffers().map(([, b]) => b),
    ].map(bits);
  });
  expect(found[1]).toEqual(found[0]);
  expect(found[0]!.length).toBeGreaterThan(3);
});

describe("random draws", () => {
  const mask = () => checkpoint((h) => mul(h, greater(rand(h.shape), 0.5)), x);

  test("are repeated although the thread was seeded anew in between, which goes on from there", () => {
    manualSeed(1);
    const y = mask();
    const kept = Array.from(y.toArray(), (value) => (value === 0 ? 0 : 1));
    manualSeed(2);
    rand([4]);
    const [dx] = grad(sum(y), [x]);
    expect(Array.from(dx!.toArray())).toEqual(kept);
    expect([currentGenerator().seed, currentGenerator().position]).toEqual([2, 4]);
  });

  test("are repeated by every further walk", () => {
    const y = sum(mask());
    const again = () => bits(grad(y, [x], { retainGraph: true })[0]);
    expect(again()).toEqual(again());
  });
});

describe("memory", () => {
  const chain = (wrap: Wrap) => {
    let h = x;
    for (let block = 0; block < 8; block++) h = wrap((i) => layer(layer(layer(i))), h);
    return sum(h);
  };
  const heldBy = (wrap: Wrap) => {
    const before = live();
    const y = chain(wrap);
    const held = live() - before;
    backward(y);
    y.dispose();
    return { held, left: live() - before };
  };

  test("between the two passes is that of the results", () => {
    // Gradients are there from the start.
    heldBy(plain);
    const [whole, saved] = [heldBy(plain), heldBy(checkpoint)];
    expect(saved.held).toBeLessThan(whole.held / 6);
    expect([whole.left, saved.left]).toEqual([0, 0]);
  });

  test("at its peak in the backward pass is that of one block", () => {
    const peakOf = (wrap: Wrap) => {
      const { arena } = heap();
      const before = live();
      arena.peak = before;
      heldBy(wrap);
      return arena.peak - before;
    };
    heldBy(plain);
    expect(peakOf(checkpoint)).toBeLessThan(peakOf(plain) / 2);
  });

  test("is given back when the function throws, in either pass", () => {
    let times = 0;
    const failing = (at: number) => (h: Tensor) => {
      const y = layer(h);
      if (++times === at) throw new Error(`time ${at}`);
      return y;
    };
    const before = live();
    expect(() => checkpoint(failing(1), x)).toThrow("time 1");
    expect(live()).toBe(before);
    const y = sum(checkpoint(failing(3), x));
    const held = live();
    expect(() => backward(y)).toThrow("time 3");
    expect([live(), isRecomputing()]).toEqual([held, false]);
  });
});

test("runs once without recording, and is then like any constant", () => {
  const y = noGrad(() => checkpoint(layer, x));
  const z = checkpoint((h) => mul(h, 2), tensor([1, 2]));
  expect([y.tracked, z.tracked, Array.from(z.toArray())]).toEqual([false, false, [2, 4]]);
});

test("tells the function that it runs again", () => {
  const seen: boolean[] = [];
  const y = checkpoint((h) => {
    seen.push(isRecomputing());
    return checkpoint((i) => {
      seen.push(isRecomputing());
      return mul(i, i);
    }, h);
  }, x);
  backward(sum(y));
  expect([seen, isRecomputing()]).toEqual([[false, false, true, true, true], false]);
});

test.each<[name: string, f: (time: number, h: Tensor) => Tensor, message: RegExp]>([
  ["more", (time, h) => (time === 1 ? neg(h) : neg(neg(h))), /gave 2 operations .* backward pass, 1 op/],
  ["fewer", (time, h) => (time === 1 ? neg(neg(h)) : neg(h)), /gave 1 operations .* backward pass, 2 op/],
  ["none", (time, h) => (time === 1 ? neg(h) : h), /gave 0 operations/],
  [
    "other",
    (time, h) => (time === 1 ? neg(h) : transpose(h)),
    /and \[5,3\] float32 for .* \[3,5\] float32 in/,
  ],
])("refuses a function that does something else the second time: %s", (_name, f, message) => {
  let time = 0;
  const y = sum(checkpoint((h) => f(++time, h), x));
  const act = () => {
    time = 1;
    backward(y);
  };
  expect(act).toThrow(GradientError);
  expect(act).toThrow(message);
});
