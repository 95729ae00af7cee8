import { describe, expect, test } from "vitest";
import { checkpoint } from "../../autograd/checkpoint.ts";
import { noGrad } from "../../autograd/define-op.ts";
import { backward, grad } from "../../autograd/tape.ts";
import { useKernels } from "../../kernels/dispatch.ts";
import { heap } from "../../memory/heap.ts";
import { currentGenerator, Generator, manualSeed, stream, withGenerator } from "../../random.ts";
import type { Tensor } from "../../tensor.ts";
import { checkGrad } from "../../testing.ts";
import { mul } from "../arithmetic/arithmetic.ts";
import { ones, rand, randn, tensor } from "../create/create.ts";
import { sum } from "../shape/broadcast.ts";
import { transpose } from "../shape/shape.ts";
import { dropout } from "./dropout.ts";

/** Dropout that draws the same mask whenever it is called. */
const fixed =
  (p: number) =>
  (x: Tensor): Tensor =>
    withGenerator(new Generator(5), () => dropout(x, p));

describe("dropout", () => {
  test("keeps a share of 1 - p, scaled by its inverse", () => {
    manualSeed(1);
    for (const p of [0.1, 0.5, 0.9]) {
      const y = dropout(ones([100, 1000]), p).toArray();
      const kept = y.filter((value) => value !== 0);
      expect(new Set(kept)).toEqual(new Set([Math.fround(1 / (1 - p))]));
      // Six standard deviations.
      expect(Math.abs(kept.length / 1e5 - (1 - p))).toBeLessThan(6 * Math.sqrt((p * (1 - p)) / 1e5));
    }
  });

  test("is the identity when not training or when p is 0, and draws nothing", () => {
    const x = ones([3]);
    const before = currentGenerator().position;
    expect(dropout(x, 0.5, false)).toBe(x);
    expect(dropout(x, 0)).toBe(x);
    expect(currentGenerator().position).toBe(before);
    expect(Array.from(dropout(tensor([1, 2]), 1).toArray())).toEqual([0, 0]);
  });

  test("drops by place in row-major order, whatever the strides, dtype and kernels", () => {
    const x = ones([5, 7]);
    const y = fixed(0.4)(x).toArray();
    expect(fixed(0.4)(transpose(ones([7, 5]))).toArray()).toEqual(y);
    const wide = fixed(0.4)(ones([5, 7], { dtype: "float64" })).toArray();
    expect(Array.from(wide, Boolean)).toEqual(Array.from(y, Boolean));
    useKernels("reference");
    expect(fixed(0.4)(x).toArray()).toEqual(y);
    useKernels("auto");
  });

  test("depends on seed, stream, step, shard and position alone", () => {
    const x = ones([64]);
    const draw = (generator: Generator) => withGenerator(generator, () => String(dropout(x).toArray()));
    const at = (seed: number, name: number, step: number, shard: number) =>
      draw(new Generator(seed, name).restart(step, shard));
    const first = at(1, stream.noise, 4, 2);
    expect(at(1, stream.noise, 4, 2)).toBe(first);
    const others = [at(2, 3, 4, 2), at(1, 0, 4, 2), at(1, 3, 5, 2), at(1, 3, 4, 1), at(1, 3, 2, 4)];
    expect(new Set([first, ...others]).size).toBe(6);
    // A generator may be used again, and set back.
    const generator = new Generator(1, stream.noise).restart(9, 9);
    draw(generator);
    expect(draw(generator.restart(4, 2))).toBe(first);
    expect(draw(generator)).not.toBe(first);
    generator.position = 0;
    expect(draw(generator)).toBe(first);
  });

  test("draws what is drawn next from the numbers after", () => {
    manualSeed(3);
    dropout(ones([5]));
    expect(currentGenerator().position).toBe(8);
    const after = rand([4]).toArray();
    manualSeed(3);
    rand([8]);
    expect(rand([4]).toArray()).toEqual(after);
  });

  test("withGenerator puts the former generator back, also after an error", () => {
    const before = currentGenerator();
    expect(() =>
      withGenerator(new Generator(1), () => {
        throw new Error("stop");
      }),
    ).toThrow("stop");
    expect(currentGenerator()).toBe(before);
  });

  test("gradients: the same mask, also of views and twice", () => {
    manualSeed(2);
    const x = randn([3, 4], { dtype: "float64" });
    checkGrad(fixed(0.3), [x]);
    checkGrad((v) => fixed(0.3)(transpose(v)), [x]);
    checkGrad((v) => grad(sum(mul(fixed(0.3)(v), mul(v, v))), [v], { createGraph: true })[0]!, [x]);
  });

  test("a checkpoint drops the same again, also by a generator keyed by step and shard", () => {
    const x = randn([50], { requiresGrad: true });
    const generator = new Generator(4, stream.noise);
    const gradient = (run: (f: (input: Tensor) => Tensor) => Tensor) => {
      const y = withGenerator(generator.restart(3, 1), () => run((input) => mul(dropout(input), input)));
      return grad(sum(y), [x])[0]!.toArray();
    };
    const plain = gradient((f) => f(x));
    expect(gradient((f) => checkpoint(f, x))).toEqual(plain);
    expect(generator.position).toBe(52);
  });

  test("the mask goes with the graph", () => {
    const x = ones([1000], { requiresGrad: true });
    const step = () => {
      const loss = sum(dropout(x));
      backward(loss);
      loss.dispose();
    };
    step();
    const before = heap().arena.live;
    step();
    noGrad(() => dropout(x).dispose());
    expect(heap().arena.live).toBe(before);
  });

  test("errors", () => {
    expect(() => dropout(ones([1]), 1.5)).toThrow(/^dropout: p is 1.5/);
    expect(() => dropout(ones([1]), Number.NaN)).toThrow(/^dropout: p is NaN/);
    expect(() => dropout(ones([1], { dtype: "int32" }))).toThrow(/^dropout: x is int32/);
    expect(() => new Generator(1).restart(-1)).toThrow(/^Generator: step -1/);
    expect(() => new Generator(1).restart(0, 8192)).toThrow(/shard 8192/);
  });
});
