// What replays do to memory and gradients, what a failed recording leaves, and the table of a captured step.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Tensor } from "@shardgrad/core";
import {
  add,
  backward,
  compile,
  crossEntropy,
  Dropout,
  grad,
  IndexError,
  manualSeed,
  matmul,
  mean,
  mse,
  mul,
  noGrad,
  ones,
  profile,
  randn,
  reshape,
  scope,
  square,
  sum,
  tensor,
  transpose,
  zeros,
} from "@shardgrad/core";
import { heap } from "@shardgrad/core/engine";
import { describe, expect, test } from "vitest";
import { perceptron } from "./captured-training.ts";

describe("memory", () => {
  test("results are the caller's: later calls do not change them", () => {
    const f = compile((x: Tensor) => ({ y: mul(x, 2), all: [x, sum(x)] }));
    const results = [1, 2, 3, 4].map((value) => f(mul(ones([2]), value)));
    expect(results.map(({ y, all }) => [y, ...all].map((t) => t!.toArray().join()))).toEqual(
      [1, 2, 3, 4].map((v) => [`${2 * v},${2 * v}`, `${v},${v}`, `${2 * v}`]),
    );
  });

  test("aliasing views of inputs and results, read and changed in place", () => {
    const base = tensor([1, 2, 3, 4, 5, 6]);
    const f = (x: Tensor) => {
      const row = transpose(reshape(x, [2, 3]));
      const product = matmul(row, transpose(row));
      return [reshape(product, [9]), transpose(product)];
    };
    const view = () => base.view([6], [1], 0);
    const compiled = compile(f);
    for (let i = 0; i < 5; i++) {
      base.copyFrom(base.toArray().map((value) => value + i));
      const [eager, replayed] = [f(view()), compiled(view())].map((list) =>
        list.map((x) => [...x.toArray()]),
      );
      expect(replayed).toEqual(eager);
    }
  });

  test("in-place changes from outside are seen, and those inside happen in every call", () => {
    const counter = zeros([1]);
    const weight = ones([3]);
    const f = compile((x: Tensor) => {
      noGrad(() => counter.copyFrom(add(counter, 1)));
      return mul(x, weight);
    });
    for (let i = 1; i < 6; i++) {
      weight.copyFrom([i, i, i]);
      expect([...f(ones([3])).toArray()]).toEqual([i, i, i]);
      expect(counter.item()).toBe(i);
    }
  });

  test("ten thousand replays take no memory, neither of tensors nor of objects", () => {
    const { model, optimizer, batch } = perceptron([new Dropout(0.5)]);
    const step = compile((x: Tensor, y: Tensor) => {
      optimizer.zeroGrad();
      backward(crossEntropy(model.forward(x), y));
      optimizer.step();
    });
    const [x, y] = batch(0);
    for (let i = 0; i < 2000; i++) step(x, y);
    const { live } = heap().arena;
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const used = () => {
      collect();
      return process.memoryUsage().heapUsed;
    };
    const before = used();
    for (let i = 0; i < 10_000; i++) step(x, y);
    // A number that each step left behind would be 160 kB.
    expect(used() - before).toBeLessThan(100_000);
    expect(heap().arena.live).toBe(live);
  });

  test("dispose gives all of it back", () => {
    const { live } = heap().arena;
    scope(() => {
      const x = ones([100]);
      const w = ones([100], { requiresGrad: true });
      const f = compile((x: Tensor) => grad(sum(square(mul(x, w))), [w])[0]!);
      for (let i = 0; i < 4; i++) f(x);
      expect(heap().arena.live).toBeGreaterThan(live + 3 * 400);
      f.dispose();
      expect(() => f(x)).toThrow(/was disposed/);
    });
    expect(heap().arena.live).toBe(live);
  });

  test("a compiled function inside another one is part of it", () => {
    const inner = compile((x: Tensor) => square(x));
    const outer = compile((x: Tensor) => add(inner(x), 1));
    for (let i = 0; i < 4; i++) expect(outer(mul(ones([1]), i)).item()).toBe(i * i + 1);
    expect([inner.recordings, outer.recordings]).toEqual([0, 1]);
  });
});

describe("gradients in .grad", () => {
  test.each(["before the step", "after the step", "every third step", "never"])("forgotten %s", (when) => {
    const run = (compiled: boolean) => {
      manualSeed(2);
      const { model, optimizer, batch } = perceptron();
      const f = (x: Tensor, y: Tensor) => {
        if (when === "before the step") optimizer.zeroGrad();
        const loss = crossEntropy(model.forward(x), y);
        backward(loss);
        optimizer.step();
        if (when === "after the step") optimizer.zeroGrad();
        return loss;
      };
      const step = compiled ? compile(f) : f;
      return Array.from({ length: 9 }, (_, i) => {
        if (when === "every third step" && i % 3 === 0) optimizer.zeroGrad();
        const loss = step(...batch(i)).item();
        return [loss, model.parameters().map(({ grad }) => grad && [...grad.toArray()])];
      });
    };
    expect(run(true)).toEqual(run(false));
  });

  test("a parameter that gets no gradient", () => {
    const used = ones([2], { requiresGrad: true });
    const unused = ones([2], { requiresGrad: true });
    const f = compile((x: Tensor) => {
      used.clearGrad();
      unused.clearGrad();
      backward(sum(mul(used, x)));
      return grad(sum(mul(used, x)), [used, unused]).filter((gradient) => gradient !== null);
    });
    for (let i = 1; i < 5; i++) {
      expect(f(mul(ones([2]), i)).map((gradient) => [...gradient.toArray()])).toEqual([[i, i]]);
      expect([used.grad && [...used.grad.toArray()], unused.grad]).toEqual([[i, i], null]);
    }
  });

  test("into: gradients land where they are wanted, also by views, sums and not at all", () => {
    manualSeed(4);
    const w = randn([3, 4], { requiresGrad: true });
    const b = randn([4], { requiresGrad: true });
    const tied = randn([4, 4], { requiresGrad: true });
    const none = randn([5], { requiresGrad: true });
    const inputs = [w, b, tied, none];
    const f = (x: Tensor) => {
      const h = add(matmul(x, w), b);
      return sum(square(matmul(matmul(h, tied), transpose(tied))));
    };
    const x = randn([6, 3]);
    const plain = grad(f(x), inputs).map((gradient) => gradient && [...gradient.toArray()]);
    const into = inputs.map(({ shape }) => mul(ones(shape), 7));
    const found = grad(f(x), inputs, { into });
    expect(found.map((gradient, i) => gradient && gradient === into[i])).toEqual([true, true, true, null]);
    expect(into.map((gradient) => [...gradient.toArray()])).toEqual([...plain.slice(0, 3), [0, 0, 0, 0, 0]]);
    expect(() => grad(f(x), inputs, { into: into.slice(1) })).toThrow(/3 tensors in into for 4 inputs/);
    expect(() => grad(f(x), [w], { into: [b] })).toThrow(/into\[0\] does not fit/);
    expect(() => grad(f(x), [w], { into: [zeros([4, 3]).view([3, 4], [1, 3])] })).toThrow(/not contiguous/);
    expect(() => grad(f(x), [w], { into: [zeros([3, 4])], createGraph: true })).toThrow(
      /into and createGraph/,
    );
  });
});

describe("an error half way", () => {
  test("while recording: nothing is kept, and the next call starts anew", () => {
    let fail = true;
    const { live } = heap().arena;
    const f = compile((x: Tensor) => {
      const y = square(x);
      if (fail) throw new RangeError("no");
      return y;
    });
    const x = tensor([3]);
    expect(() => f(x)).toThrow(RangeError);
    fail = false;
    for (let i = 0; i < 4; i++) expect(f(x).item()).toBe(9);
    f.dispose();
    expect(heap().arena.live).toBeLessThan(live + 1024);
  });

  test("in a replay: it is the error that the function would throw, and the next call is right", () => {
    const run = (compiled: boolean) => {
      manualSeed(6);
      const { model, optimizer, batch } = perceptron();
      const f = (x: Tensor, y: Tensor) => {
        optimizer.zeroGrad();
        const loss = mean(crossEntropy(model.forward(x), y));
        backward(loss);
        optimizer.step();
        return loss;
      };
      const step = compiled ? compile(f) : f;
      return Array.from({ length: 6 }, (_, i) => {
        const [x, y] = batch(i);
        if (i !== 4) return step(x, y).item();
        y.data()[2] = 99;
        const bad = () => step(x, y);
        expect(bad).toThrow(IndexError);
        expect(bad).toThrow(
          "crossEntropy: index 99 at position 2, expected 0 to 4 (or -100 to be ignored); check the labels against the number of classes",
        );
        return model.parameters().map(({ grad }) => grad);
      });
    };
    expect(run(true)).toEqual(run(false));
  });
});

describe("profile", () => {
  test("names kernels, operands, work and shares", () => {
    const w = randn([8, 5], { requiresGrad: true });
    const step = compile((x: Tensor) => grad(mse(matmul(x, w), zeros([4, 5])), [w])[0]!);
    expect(() => profile(step)).toThrow(/no call was replayed yet/);
    for (let i = 0; i < 3; i++) step(randn([4, 8]));
    const measured = profile(step, { rounds: 5 });
    const { rows, ms } = measured;
    const product = rows.find(
      ({ kernel, operands }) => kernel === "gemm" && operands.startsWith("[4,8] [8,5]"),
    )!;
    expect(product).toMatchObject({ calls: 1, flops: 2 * 4 * 8 * 5, bytes: 4 * (32 + 40 + 20) });
    expect(rows.reduce((total, { share }) => total + share, 0)).toBeCloseTo(1);
    expect(ms).toBeGreaterThan(0);
    expect(String(measured)).toMatch(
      /kernel +operands +calls .*\n(.*\n)*.*gemm +\[4,8\] \[8,5\] \[4,5\] .*\n(.*\n)*whole step/,
    );
    expect(() => profile(step, { rounds: 0 })).toThrow(/rounds is 0/);
  });
});
