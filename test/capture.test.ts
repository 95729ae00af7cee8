// Replay equals eager, bit for bit; and every known way in which it could silently differ, each with its test. For
// memory, gradients and errors see capture-state.test.ts.
import type { Tensor } from "@shardgrad/core";
import {
  AdamW,
  add,
  BatchNorm2d,
  backward,
  CaptureError,
  Conv2d,
  checkpoint,
  clipGradNorm,
  compile,
  crossEntropy,
  Dropout,
  EMA,
  Embedding,
  Flatten,
  Generator,
  grad,
  kernelSet,
  LayerNorm,
  Linear,
  MaxPool2d,
  Module,
  manualSeed,
  mul,
  noGrad,
  ones,
  ReLU,
  rand,
  randn,
  reshape,
  Sequential,
  SGD,
  square,
  sum,
  TransformerBlock,
  tensor,
  useKernels,
  withGenerator,
  zeros,
} from "@shardgrad/core";
import { afterEach, describe, expect, test } from "vitest";
import type { Setting } from "./captured-training.ts";
import { both, labels, perceptron } from "./captured-training.ts";

class CharModel extends Module<[Tensor], Tensor> {
  embed = new Embedding(11, 16);
  position = new Embedding(6, 16);
  block = new TransformerBlock(16, 2, { dropout: 0.1 });
  norm = new LayerNorm(16);
  head = new Linear(16, 11);
  places = tensor(Int32Array.from({ length: 6 }, (_, i) => i)).keep();

  forward(x: Tensor): Tensor {
    const h = add(this.embed.forward(x), this.position.forward(this.places));
    return reshape(this.head.forward(this.norm.forward(this.block.forward(h))), [-1, 11]);
  }
}

const settings: Record<string, () => Setting> = {
  perceptron,
  "dropout, twice": () => perceptron([new Dropout(0.5), new Dropout(0.1)]),
  "convolutions, batch normalization": () => {
    const model = new Sequential(
      new Conv2d(1, 3, 3, { padding: 1 }),
      new BatchNorm2d(3),
      new ReLU(),
      new MaxPool2d(2),
      new Conv2d(3, 4, 3),
      new ReLU(),
      new Flatten(),
      new Linear(16, 5),
    );
    return {
      model,
      optimizer: new SGD(model.parameters(), { lr: 0.1, momentum: 0.9 }),
      batch: (step) => [randn([6, 1, 8, 8]), labels(6, 5, step)],
    };
  },
  "a transformer with dropout": () => {
    const model = new CharModel();
    return {
      model,
      optimizer: new AdamW(model.parameters(), { lr: 1e-2 }),
      batch: (step) => [reshape(labels(12, 11, step), [2, 6]), labels(12, 11, step + 1)],
    };
  },
};

afterEach(() => {
  useKernels("auto");
});

describe("replay equals eager, bit for bit", () => {
  test.each(Object.entries(settings))("%s", (_, make) => {
    const { eager, replayed, recordings } = both(make);
    expect(replayed).toEqual(eager);
    expect(recordings).toBe(1);
    expect(new Set(eager.losses).size).toBeGreaterThan(5);
  });

  test("with clipping and an average of the weights", () => {
    const emas: EMA[] = [];
    const { eager, replayed } = both(() => {
      const setting = perceptron();
      emas.push(new EMA(setting.model.parameters(), { decay: (updates) => updates / (updates + 5) }));
      const { optimizer } = setting;
      const step = optimizer.step.bind(optimizer);
      const ema = emas.at(-1)!;
      optimizer.step = () => {
        clipGradNorm(optimizer.parameters, 0.1);
        step();
        ema.update();
      };
      return setting;
    });
    expect(replayed).toEqual(eager);
    const [first, second] = emas.map(({ averages, updates }) => [
      updates,
      averages.map((x) => [...x.toArray()]),
    ]);
    expect(second).toEqual(first);
  });

  test("with a checkpointed part that draws random numbers", () => {
    const { eager, replayed } = both(() => perceptron([new Dropout(0.5)]), {
      loss: ({ model }, x, y) =>
        crossEntropy(
          checkpoint((input) => model.forward(input), x),
          y,
        ),
    });
    expect(replayed).toEqual(eager);
  });

  test("on the reference kernels, and in float64", () => {
    useKernels("reference");
    const { eager, replayed } = both(() => {
      const setting = perceptron([new Dropout(0.5)]);
      setting.model.double();
      const optimizer = new AdamW(setting.model.parameters());
      return {
        ...setting,
        optimizer,
        batch: (step) => [randn([6, 12], { dtype: "float64" }), labels(6, 5, step)],
      };
    });
    expect(replayed).toEqual(eager);
  });
});

describe("what changes between calls", () => {
  test("the learning rate, set between steps", () => {
    const { eager, replayed } = both(perceptron, {
      before: ({ optimizer }, step) => {
        optimizer.lr = 0.1 / (step + 1);
      },
    });
    expect(replayed).toEqual(eager);
  });

  test("setting the learning rate inside is refused", () => {
    const { optimizer } = perceptron();
    const step = compile(() => {
      optimizer.lr = 0.5;
    });
    expect(() => step()).toThrow(/compile: setting lr inside .* schedule/);
  });

  test("the random stream: seeded between steps, or given by withGenerator", () => {
    const { eager, replayed } = both(() => perceptron([new Dropout(0.5)]), {
      before: (_, step) => {
        if (step % 3 === 2) manualSeed(step);
      },
    });
    expect(replayed).toEqual(eager);
    const own = new Generator(5, 9);
    const f = () => withGenerator(own, () => rand([4]));
    const draw = compile(f);
    const draws = Array.from({ length: 5 }, (_, i) => {
      own.restart(i, 3);
      const eagerly = i % 2 ? f() : draw();
      own.restart(i, 3);
      expect([...draw().toArray()]).toEqual([...eagerly.toArray()]);
      return eagerly.toArray().join();
    });
    expect(new Set(draws).size).toBe(5);
  });

  test("a stream goes on after a replay where it would after the function", () => {
    const numbers = (compiled: boolean) => {
      manualSeed(3);
      const draw = compiled ? compile(() => rand([5])) : () => rand([5]);
      return Array.from({ length: 6 }, (_, i) => [...(i % 2 ? rand([3]) : draw()).toArray()]);
    };
    expect(numbers(true)).toEqual(numbers(false));
  });

  test.each([
    ["new Generator()", () => withGenerator(new Generator(1), () => rand([2]))],
    ["manualSeed()", () => void manualSeed(1)],
    ["restart()", () => void new Generator(1).restart(2)],
  ])("%s inside is refused", (_, body) => {
    expect(() => compile(body)()).toThrow(CaptureError);
  });

  test("the shape of the batch, and what requires a gradient", () => {
    const sizes = [4, 4, 6, 4, 6, 6, 4, 2];
    const make = () => {
      const setting = perceptron();
      return {
        ...setting,
        batch: (step: number) =>
          [randn([sizes[step]!, 12]), labels(sizes[step]!, 5, step)] as [Tensor, Tensor],
      };
    };
    const { eager, replayed, recordings } = both(make, { steps: sizes.length });
    expect(replayed).toEqual(eager);
    expect(recordings).toBe(3);
    const w = ones([3], { requiresGrad: true });
    const v = ones([3], { requiresGrad: true });
    const gradients = compile(() => {
      const [dw] = grad(sum(mul(square(w), square(v))), [w]);
      return dw;
    });
    for (let i = 0; i < 3; i++) gradients();
    v.requiresGrad = false;
    for (let i = 0; i < 3; i++) expect([...gradients()!.toArray()]).toEqual([2, 2, 2]);
  });

  test("training and evaluation", () => {
    const model = perceptron([new Dropout(0.5)]).model;
    const forward = compile((x: Tensor) => noGrad(() => model.forward(x)));
    const x = randn([3, 12]);
    const outputs = Array.from({ length: 8 }, (_, i) => {
      if (i < 4) model.train();
      else model.eval();
      return forward(x).toArray().join();
    });
    expect(new Set(outputs.slice(0, 4)).size).toBe(4);
    expect(new Set(outputs.slice(4))).toEqual(
      new Set([
        noGrad(() => model.forward(x))
          .toArray()
          .join(),
      ]),
    );
    expect(() => compile(() => void model.train())()).toThrow(/switching between training and evaluation/);
  });

  test("the kernels", () => {
    const double = compile((x: Tensor) => mul(x, 2));
    const x = ones([3]);
    for (let i = 0; i < 3; i++) double(x);
    useKernels("reference");
    expect([...double(x).toArray()]).toEqual([2, 2, 2]);
    expect(kernelSet()).toBe("reference");
    expect(double.recordings).toBe(2);
  });

  test("an argument that is no tensor: each value is recorded for itself, up to a limit", () => {
    const scale = compile((x: Tensor, { by }: { by: number }) => mul(x, by), { limit: 3 });
    for (const by of [2, 3, 2, 3, 2, 3, 3]) expect(scale(ones([1]), { by }).item()).toBe(by);
    scale(ones([2]), { by: 2 });
    expect(() => scale(ones([1]), { by: 4 })).toThrow(/3 kinds of calls .* raise \{ limit \}/);
  });

  test("weights that moved, and tensors that are gone", () => {
    let w = ones([2]).keep();
    const scale = compile((x: Tensor) => mul(x, w));
    for (let i = 0; i < 3; i++) scale(ones([2]));
    w.dispose();
    expect(() => scale(ones([2]))).toThrow(/given back by dispose/);
    w = mul(ones([2]), 3).keep();
    expect([...scale(ones([2])).toArray()]).toEqual([3, 3]);
  });
});

describe("what a recording cannot see is an error", () => {
  const x = () => ones([2, 2]);

  test.each<[string, (x: Tensor) => unknown, RegExp]>([
    ["item()", (x) => add(x, sum(x).item()), /item\(\) inside a compiled function .* read it after the call/],
    ["toArray()", (x) => x.toArray(), /toArray\(\)/],
    ["data()", (x) => x.data(), /data\(\)/],
    [
      "numbers written",
      (x) => void x.copyFrom([1, 2, 3, 4]),
      /copyFrom\(\) of numbers .* pass them as a tensor/,
    ],
    ["a tensor from outside numbers", (x) => add(x, tensor([1, 2])), /tensor\(\) .* pass it as an argument/],
    ["a number as a result", () => 3, /returned the number 3/],
    ["a result with a graph", (x) => mul(x, ones([2], { requiresGrad: true })), /still has a graph/],
    ["a promise", async (x) => x, /returned a promise/],
  ])("%s", (_, f, message) => {
    const compiled = compile(f as (x: Tensor) => unknown);
    expect(() => compiled(x())).toThrow(message);
    expect(() => compiled(x())).toThrow(message);
  });

  test.each<[string, (call: number) => (x: Tensor) => Tensor, RegExp]>([
    ["a number that changes", (call) => (x) => mul(x, call), /fill, got 1 as argument 2, then 2/],
    [
      "control flow that depends on a number",
      (call) => (x) => (call % 2 ? square(x) : mul(x, x)),
      /was square, then mul/,
    ],
    ["one more operation", (call) => (x) => (call === 1 ? x : square(x)), /was none, then square/],
    ["another tensor", (call) => (x) => mul(x, made[call]!), /mul, got \d+ as argument \d, then \d+/],
  ])("%s between the first two calls", (_, at, message) => {
    let call = 0;
    const f = compile((x: Tensor) => at(++call)(x));
    expect([...f(x()).toArray()]).toEqual([1, 1, 1, 1]);
    expect(() => f(x())).toThrow(message);
  });
  const made = [0, 1, 2].map((value) => mul(ones([2]), value || 1).keep());

  test("a number that changes later is noticed after 10, 100, 1000 … replays", () => {
    for (const [change, noticed] of [
      [5, 13],
      [40, 104],
    ] as const) {
      let calls = 0;
      let factor = 1;
      const f = compile((x: Tensor) => mul(x, factor));
      const call = () => {
        if (++calls === change) factor = 2;
        f(x());
      };
      for (let i = 1; i < noticed; i++) call();
      expect(call).toThrow(/did something else after 10+ replays, which may have been wrong: .*fill, got 1/);
    }
  });

  test("state carried over in a variable", () => {
    let state = zeros([2]).keep();
    const next = compile(() => {
      state = add(state, 1).keep();
    });
    next();
    expect(() => next()).toThrow(/something else the second time: kernel call 2 of 2, add/);
    const inPlace = zeros([2]);
    const right = compile(() => void inPlace.copyFrom(add(inPlace, 1)));
    for (let i = 0; i < 5; i++) right();
    expect([...inPlace.toArray()]).toEqual([5, 5]);
  });

  test("a gradient for an argument", () => {
    const f = compile((x: Tensor) => void backward(sum(square(x))));
    expect(() => f(ones([2], { requiresGrad: true }))).toThrow(/backward reached an argument.* use grad/);
    const g = compile((x: Tensor) => grad(sum(square(x)), [x])[0]!);
    for (let i = 1; i < 5; i++) expect(g(tensor([i], { requiresGrad: true })).item()).toBe(2 * i);
    const computed = mul(ones([2], { requiresGrad: true }), 2);
    expect(() => g(computed)).toThrow(
      /argument of shape \[2\] was computed from something that requires a gradient/,
    );
  });
});
