// Training the same thing eagerly and compiled, for the tests of captured steps.
import type { Compiled, Module, Optimizer, Tensor } from "@shardgrad/core";
import {
  AdamW,
  backward,
  compile,
  crossEntropy,
  Linear,
  linearSchedule,
  manualSeed,
  ReLU,
  randn,
  Sequential,
  scope,
  tensor,
} from "@shardgrad/core";

/** What a training loop leaves: every loss, and every weight. */
export interface Trace {
  losses: number[];
  weights: number[][];
}

export interface Setting {
  model: Module<[Tensor], Tensor>;
  optimizer: Optimizer;
  /** Inputs and labels of a step. */
  batch: (step: number) => [x: Tensor, y: Tensor];
}

/** Trains twice, eagerly and compiled, from the same start, and returns both traces. */
export function both(
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

export const labels = (n: number, classes: number, step: number) =>
  tensor(Int32Array.from({ length: n }, (_, i) => (i * 7 + step) % classes));

export const perceptron = (extra: Module[] = []): Setting => {
  const model = new Sequential(new Linear(12, 16), new ReLU(), ...extra, new Linear(16, 5));
  return {
    model,
    optimizer: new AdamW(model.parameters(), { lr: linearSchedule({ lr: 1e-2, steps: 5 }) }),
    batch: (step) => [randn([6, 12]), labels(6, 5, step)],
  };
};
