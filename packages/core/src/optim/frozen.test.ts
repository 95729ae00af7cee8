// Frozen parameters in what takes `model.parameters()`: optimizers, averages, estimators, gradients.
import { expect, it } from "vitest";
import { backward, grad } from "../autograd/tape.ts";
import { compile } from "../capture/compile.ts";
import { GradientError, ValueError } from "../errors.ts";
import { backpropagation, finiteDifferences, spsa } from "../gradient-free/index.ts";
import { Linear } from "../nn/linear.ts";
import { Sequential } from "../nn/sequential.ts";
import { randn, tensor, zeros } from "../ops/create/create.ts";
import { mean, square } from "../ops/index.ts";
import { manualSeed } from "../random.ts";
import { scope } from "../scope.ts";
import type { Tensor } from "../tensor.ts";
import { Adagrad } from "./adagrad.ts";
import { Adam, AdamW } from "./adam.ts";
import { clipGradNorm } from "./clip.ts";
import { EMA } from "./ema.ts";
import { Lion } from "./lion.ts";
import type { Optimizer } from "./optimizer.ts";
import { RMSProp } from "./rms-prop.ts";
import { SGD } from "./sgd.ts";

const makers: Record<string, (parameters: readonly Tensor[]) => Optimizer> = {
  SGD: (parameters) => new SGD(parameters, { lr: 0.1, momentum: 0.9, weightDecay: 0.1 }),
  Adam: (parameters) => new Adam(parameters, { weightDecay: 0.1 }),
  AdamW: (parameters) => new AdamW(parameters, { weightDecay: 0.1 }),
  RMSProp: (parameters) => new RMSProp(parameters, { weightDecay: 0.1 }),
  Adagrad: (parameters) => new Adagrad(parameters, { weightDecay: 0.1 }),
  Lion: (parameters) => new Lion(parameters, { weightDecay: 0.1 }),
};

/** Two layers, the first of them frozen. */
function network(): { net: Sequential; body: Linear; head: Linear } {
  manualSeed(1);
  const [body, head] = [new Linear(3, 4), new Linear(4, 2)];
  for (const x of body.parameters()) x.requiresGrad = false;
  return { net: new Sequential(body, head), body, head };
}

const setBody = (body: Linear, requiresGrad: boolean) => {
  for (const x of body.parameters()) x.requiresGrad = requiresGrad;
};
const bits = (parameters: readonly Tensor[]) => parameters.map((x) => [...x.toArray()]);

it.each(Object.entries(makers))("%s leaves them as they are, and trains the rest the same", (_name, make) => {
  const train = (choose: (parts: ReturnType<typeof network>) => Tensor[]) => {
    const parts = network();
    const before = bits(parts.body.parameters());
    const optimizer = make(choose(parts));
    for (let step = 0; step < 4; step++) {
      optimizer.zeroGrad();
      scope(() => backward(mean(square(parts.net.forward(randn([5, 3]))))));
      optimizer.step();
    }
    expect(bits(parts.body.parameters())).toEqual(before);
    return bits(parts.head.parameters());
  };
  expect(train(({ net }) => net.parameters())).toEqual(train(({ head }) => head.parameters()));
});

it("they are trained from the step on in which they want a gradient, also where steps are replayed", () => {
  const train = (captured: boolean) => {
    const { net, body } = network();
    const optimizer = new SGD(net.parameters(), { lr: 0.1, momentum: 0.9, weightDecay: 0.1 });
    const body0 = bits(body.parameters());
    const step = () => {
      optimizer.zeroGrad();
      backward(mean(square(net.forward(x))));
      optimizer.step();
    };
    const x = randn([5, 3]).keep();
    const run = captured ? compile(step) : step;
    const moved: boolean[] = [];
    for (let i = 0; i < 12; i++) {
      if (i === 4) setBody(body, true);
      if (i === 8) setBody(body, false);
      const before = bits(body.parameters());
      scope(run);
      moved.push(JSON.stringify(bits(body.parameters())) !== JSON.stringify(before));
    }
    expect(moved).toEqual([4, 4, 4].flatMap((n, i) => Array(n).fill(i === 1)));
    expect(bits(body.parameters())).not.toEqual(body0);
    return bits(net.parameters());
  };
  expect(train(true)).toEqual(train(false));
});

it("what never wanted a gradient is a mistake, not frozen", () => {
  expect(() => new SGD([tensor([1])], { lr: 1 }).step()).toThrow(GradientError);
});

it("an average holds them to the bit", () => {
  const { net, body, head } = network();
  const ema = new EMA(net.parameters(), { decay: 0.9 });
  for (let i = 0; i < 50; i++) {
    head.weight.data().forEach((_, at, data) => {
      data[at] = Math.sin(i + at);
    });
    ema.update();
  }
  expect(bits(ema.averages.slice(0, 2))).toEqual(bits(body.parameters()));
  expect(bits(ema.averages)[2]).not.toEqual(bits(head.parameters())[0]);
});

it("gradients are clipped as if they were not there", () => {
  const { net, head } = network();
  backward(mean(square(net.forward(randn([5, 3])))));
  const norm = clipGradNorm(net.parameters(), Number.POSITIVE_INFINITY).item();
  expect(norm).toBe(clipGradNorm(head.parameters(), Number.POSITIVE_INFINITY).item());
});

it.each([backpropagation, finiteDifferences, () => spsa({ seed: 1 })])(
  "estimators give zeros for them, and the rest as without them: %#",
  (make) => {
    const { net, head } = network();
    const x = randn([5, 3]);
    const estimate = (parameters: Tensor[]) =>
      make().estimate(() => mean(square(net.forward(x))), parameters);
    const [all, some] = [net.parameters(), head.parameters()].map(estimate);
    expect(all!.evaluations).toBe(some!.evaluations);
    expect(bits(all!.gradients)).toEqual([...bits([zeros([4, 3]), zeros([4])]), ...bits(some!.gradients)]);
    for (const parameter of head.parameters()) parameter.requiresGrad = false;
    expect(() => estimate(net.parameters())).toThrow(ValueError);
    expect(() => estimate(net.parameters())).toThrow("all parameters are frozen; set requiresGrad");
  },
);

it("grad of one is refused, and says what to do", () => {
  const { net } = network();
  const loss = mean(square(net.forward(randn([5, 3]))));
  expect(() => grad(loss, net.parameters())).toThrow(
    "input 0 (shape [4,3]) requires no gradient; leave it out, or set requiresGrad before computing with it",
  );
});
