// grad(…, { into, ready }): when the gradient of an input is told to be there, it is, and nothing is added to it later.
import { describe, expect, it } from "vitest";
import { GradientError } from "../errors.ts";
import { ReLU } from "../nn/activations.ts";
import { Linear } from "../nn/linear.ts";
import { Sequential } from "../nn/sequential.ts";
import { tensor, zeros } from "../ops/create/create.ts";
import { matmul, mean, mul, sum, transpose } from "../ops/index.ts";
import type { Tensor } from "../tensor.ts";
import { checkpoint } from "./checkpoint.ts";
import { grad, onGradient } from "./tape.ts";

const leaf = (...values: number[]) => tensor(values, { requiresGrad: true });

/** The numbers told, each with the gradient at that moment; and the gradients at the end. */
function watch(root: Tensor, inputs: readonly Tensor[]) {
  const into = inputs.map(({ shape }) => zeros(shape));
  const told: [index: number, then: number[]][] = [];
  grad(root, inputs, { into, ready: (index) => told.push([index, [...into[index]!.data()] as number[]]) });
  return { told, end: into.map((x) => [...x.data()] as number[]) };
}

describe("ready", () => {
  it("comes for every parameter of a network, the last layer first, with the final gradient", () => {
    const model = new Sequential(new Linear(3, 4), new ReLU(), new Linear(4, 2));
    const x = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    const y = model.forward(x);
    const { told, end } = watch(mean(mul(y, y)), model.parameters());
    expect(told.map(([index]) => index).toSorted()).toEqual([0, 1, 2, 3]);
    expect(
      told
        .slice(0, 2)
        .map(([index]) => index)
        .toSorted(),
    ).toEqual([2, 3]);
    for (const [index, then] of told) expect(then).toEqual(end[index]);
  });

  it("comes after the last of several uses", () => {
    const [a, b] = [leaf(1, 2), leaf(3, 4)];
    const product = mul(a, b);
    const { told, end } = watch(sum(mul(mul(product, a), a)), [a, b]);
    for (const [index, then] of told) expect(then).toEqual(end[index]);
    expect(end[0]).toEqual([3 * 1 * 3, 3 * 4 * 4]);
  });

  it("does not come for what a hook, a checkpoint or a copy may still change", () => {
    const [a, b] = [leaf(1, 2), leaf(3, 4)];
    const off = onGradient(a, (gradient) => mul(gradient, 2));
    expect(watch(sum(mul(a, b)), [a, b]).told.map(([index]) => index)).not.toContain(0);
    off();
    expect(watch(sum(checkpoint(() => mul(a, b))), [a, b]).told).toEqual([]);
    const w = tensor([[1, 2]], { requiresGrad: true });
    const { told, end } = watch(sum(matmul(w, transpose(w))), [w]);
    for (const [index, then] of told) expect(then).toEqual(end[index]);
  });

  it("is refused without a place", () => {
    const a = leaf(1);
    expect(() => grad(sum(a), [a], { ready: () => undefined })).toThrow(GradientError);
  });
});
