// An optimizer, and a schedule, of one's own: what the interface promises for them.
import { beforeEach, describe, expect, test } from "vitest";
import { backward } from "../autograd/tape.ts";
import { compile } from "../capture/compile.ts";
import { GradientError, ValueError } from "../errors.ts";
import { mul } from "../ops/arithmetic/arithmetic.ts";
import { randn } from "../ops/create/create.ts";
import { sum } from "../ops/shape/broadcast.ts";
import { manualSeed } from "../random.ts";
import type { Tensor } from "../tensor.ts";
import type { OptimizerOptions, ParametersOrGroups } from "./groups.ts";
import { requireFraction } from "./groups.ts";
import { Lion } from "./lion.ts";
import { Optimizer } from "./optimizer.ts";
import { SGD } from "./sgd.ts";

interface SignOptions extends OptimizerOptions {
  betas?: readonly [number, number];
  weightDecay?: number;
}

/** Lion (https://arxiv.org/abs/2302.06675) in a plain loop, so that there is something to compare with. */
class PlainLion extends Optimizer<SignOptions> {
  constructor(parameters: ParametersOrGroups<SignOptions>, options: SignOptions = {}) {
    super(parameters, options, {
      name: "PlainLion",
      defaults: { lr: 1e-4, betas: [0.9, 0.99], weightDecay: 0 },
      check: ({ betas }) => requireFraction("betas[0]", betas[0]),
      state: () => ({ m: 0 }),
    });
  }

  override update(index: number, from: number, to: number): void {
    const { w, g, state, group, lr } = this.stretch(index, from, to);
    const m = state.m!;
    const [beta1, beta2] = group.betas;
    for (let i = 0; i < w.length; i++) {
      const direction = Math.sign(beta1 * m[i]! + (1 - beta1) * g[i]!);
      w[i]! -= lr * (direction + group.weightDecay * w[i]!);
      m[i] = beta2 * m[i]! + (1 - beta2) * g[i]!;
    }
  }
}

beforeEach(() => manualSeed(1));

const weights = (dtype: "float32" | "float64" = "float64") =>
  [randn([3, 4], { dtype }), randn([5], { dtype })].map((x) => Object.assign(x, { requiresGrad: true }));

function giveGradients(parameters: readonly Tensor[]): void {
  for (const x of parameters) x.clearGrad();
  for (const x of parameters) backward(sum(mul(mul(x, x), x)));
}

const values = (parameters: readonly Tensor[]) => parameters.map((x) => [...x.toArray()]);

describe("an optimizer of one's own", () => {
  const options = { lr: (step: number) => 0.1 / (step + 1), betas: [0.8, 0.9], weightDecay: 0.1 } as const;

  test("does what it says: the numbers of Lion's kernel, by groups and by schedule", () => {
    const [a, b] = [weights(), weights()];
    for (const [i, x] of b.entries()) x.copyFrom(a[i]!);
    const groups = ([w, v]: readonly Tensor[]) => [{ params: [w!] }, { params: [v!], weightDecay: 0 }];
    const [own, kernel] = [new PlainLion(groups(a), options), new Lion(groups(b), options)];
    for (let step = 0; step < 4; step++) {
      giveGradients(a);
      giveGradients(b);
      own.step();
      kernel.step();
    }
    const expected = values(b).flat();
    for (const [i, value] of values(a).flat().entries()) expect(value).toBeCloseTo(expected[i]!, 12);
    expect(own.lr).toBe(0.1 / 4);
    expect(own.stepCount).toBe(4);
  });

  test("gives the same bits however its parameters are cut", () => {
    const [a, b] = [weights("float32"), weights("float32")];
    for (const [i, x] of b.entries()) x.copyFrom(a[i]!);
    const [whole, cut] = [new PlainLion(a, options), new PlainLion(b, options)];
    for (let step = 0; step < 3; step++) {
      giveGradients(a);
      giveGradients(b);
      whole.step();
      cut.advance();
      cut.update(1, 2, 5);
      cut.update(0, 0, 7);
      cut.update(0, 7, 12);
      cut.update(1, 0, 2);
    }
    expect(values(b)).toEqual(values(a));
  });

  test("goes on from its state dict as if it had never stopped", () => {
    const a = weights("float32");
    const first = new PlainLion(a, options);
    for (let step = 0; step < 2; step++) {
      giveGradients(a);
      first.step();
    }
    const b = a.map((x) => Object.assign(randn(x.shape).copyFrom(x), { requiresGrad: true }));
    const second = new PlainLion(b, options);
    second.loadStateDict(first.stateDict());
    for (const [parameters, optimizer] of [
      [a, first],
      [b, second],
    ] as const) {
      giveGradients(parameters);
      optimizer.step();
    }
    expect(values(b)).toEqual(values(a));
    expect(() => new Lion(b).loadStateDict(first.stateDict())).toThrow("it is of PlainLion");
  });

  test("its mistakes are told as those of any other", () => {
    const parameters = weights();
    expect(() => new PlainLion(parameters, { betas: [1, 0] })).toThrow(ValueError);
    expect(() => new PlainLion(parameters, { weight_decay: 1 } as never)).toThrow(
      "it is called weightDecay here",
    );
    const optimizer = new PlainLion(parameters);
    expect(() => optimizer.step()).toThrow(GradientError);
    giveGradients(parameters);
    expect(() => optimizer.update(0, 0, 13)).toThrow("there are 12 elements");
  });

  test("in a compiled function it says that it would not be repeated, and what to do", () => {
    const parameters = weights();
    const optimizer = new PlainLion(parameters);
    giveGradients(parameters);
    const step = compile(() => optimizer.step());
    expect(() => step()).toThrow(/an update of PlainLion inside a compiled function .* call step\(\) behind/);
    step.dispose();
  });

  test("one that overrides the update of another", () => {
    class SignSGD extends SGD {
      override update(index: number, from: number, to: number): void {
        const { w, g, lr } = this.stretch(index, from, to);
        for (let i = 0; i < w.length; i++) w[i]! -= lr * Math.sign(g[i]!);
      }
    }
    const parameters = weights();
    const before = values(parameters);
    giveGradients(parameters);
    new SignSGD(parameters, { lr: 0.5 }).step();
    // The gradient 3 w² is never negative.
    expect(values(parameters)).toEqual(before.map((row) => row.map((value) => value - 0.5)));
  });
});

test("a schedule of one's own is a function of the number of updates done: nothing to save", () => {
  const lr = (step: number) => (step < 2 ? 0.1 * (step + 1) : 0.05);
  const parameters = weights();
  const optimizer = new SGD(parameters, { lr });
  const rates = [0, 1, 2, 3].map(() => {
    giveGradients(parameters);
    optimizer.step();
    return optimizer.lr;
  });
  expect(rates).toEqual([0.1, 0.2, 0.05, 0.05]);
  const resumed = new SGD(weights(), { lr });
  resumed.loadStateDict(optimizer.stateDict());
  expect(resumed.lr).toBe(0.05);
  expect(() => new SGD(parameters, { lr: () => Number.NaN })).toThrow(/lr at step 0 is NaN/);
});
