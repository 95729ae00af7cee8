// Replay equals eager, bit for bit; and every known way in which it could differ silently, each with its test.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Compiled, Optimizer, Tensor } from "@shardgrad/core";
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
  linearSchedule,
  MaxPool2d,
  Module,
  manualSeed,
  matmul,
  mean,
  mse,
  mul,
  noGrad,
  ones,
  profile,
  ReLU,
  rand,
  randn,
  reshape,
  Sequential,
  SGD,
  scope,
  square,
  sum,
  TransformerBlock,
  tensor,
  transpose,
  useKernels,
  ValueError,
  withGenerator,
  zeros,
} from "@shardgrad/core";
import { heap } from "@shardgrad/core/engine";
import { afterEach, describe, expect, test } from "vitest";

/** What a training loop leaves: every loss, and every weight. */
interface Trace {
  losses: number[];
  weights: number[][];
}

interface Setting {
  model: Module<[Tensor], Tensor>;
  optimizer: Optimizer;
  /** Inputs and labels of a step. */
  batch: (step: number) => [x: Tensor, y: Tensor];
}

/** Trains twice, eagerly and compiled, from the same start, and returns both traces. */
function both(
  make: () => Setting,
  options: {
    steps?: number;
    loss?: (setting: Setting, x: Tensor, y: Tensor) => Tensor;
    before?: (setting: Setting, step: number) => void;
  } = {},
): { eager: Trace; replayed: Trace; recordings: number } {
  const { steps = 7, before } = options;
  const loss = options.loss ?? (({ model }, x, y) => crossEntropy(model.forward(x), y));
  let recordings = 0;
  const run = (compiled: boolean): Trace => {
    manualSeed(1);
    const setting = make();
    const { model, optimizer, batch } = setting;
    const eager = (x: Tensor, y: Tensor) => {
      optimizer.zeroGrad();
      const value = loss(setting, x, y);
      backward(value);
      optimizer.step();
      return value;
    };
    const step = compiled ? compile(eager) : eager;
    const losses: number[] = [];
    for (let i = 0; i < steps; i++) {
      scope(() => {
        const [x, y] = batch(i);
        before?.(setting, i);
        losses.push(step(x, y).item());
      });
    }
    if (compiled) {
      const { recordings: count, dispose } = step as Compiled<[Tensor, Tensor], Tensor>;
      recordings = count;
      dispose();
    }
    const weights = [...model.stateDict().values()].map((x) => Array.from(x.toArray()));
    return { losses, weights };
  };
  return { eager: run(false), replayed: run(true), recordings };
}

const labels = (n: number, classes: number, step: number) =>
  tensor(Int32Array.from({ length: n }, (_, i) => (i * 7 + step) % classes));

const perceptron = (extra: Module[] = []): Setting => {
  const model = new Sequential(new Linear(12, 16), new ReLU(), ...extra, new Linear(16, 5));
  return {
    model,
    optimizer: new AdamW(model.parameters(), { lr: linearSchedule({ lr: 1e-2, steps: 5 }) }),
    batch: (step) => [randn([6, 12]), labels(6, 5, step)],
  };
};

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
  "convolutions, batch normalisation": () => {
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
        expect(() => step(x, y)).toThrow(
          new ValueError(
            "crossEntropy: index 99 at position 2, expected 0 to 4 (or -100 to be ignored); check the labels against the number of classes",
          ),
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
