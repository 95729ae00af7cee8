// Checkpoints of real models and optimizers. A resumed run ends with the bits of an uninterrupted one. A checkpoint of
// another job is refused, and the error names the difference.
import type { AnyModule, Optimizer, Tensor } from "@shardgrad/core";
import {
  Adagrad,
  Adam,
  AdamW,
  backward,
  Linear,
  Lion,
  linearSchedule,
  manualSeed,
  mse,
  RMSProp,
  Sequential,
  SGD,
  scope,
  Tanh,
  tensor,
} from "@shardgrad/core";
import { heap } from "@shardgrad/core/engine";
import { describe, expect, it, test } from "vitest";
import { simulatedProcesses } from "../../testing/checkpoint-samples.ts";
import { SimulatedDisk } from "../../testing/simulated-disk.ts";
import { CheckpointError, NonFiniteError } from "../errors.ts";
import { checkpointParts, encodeCheckpoint, loadCheckpoint } from "./content.ts";
import { findNewest } from "./find-newest.ts";
import type { RunIdentity } from "./fingerprint.ts";
import { openCheckpoints } from "./store.ts";

const run = {
  seed: 3,
  batchSize: 8,
  shards: 2,
  samples: 100,
  details: { dropLast: false, fold: 3 },
};

interface Setup {
  model: AnyModule & { forward(x: Tensor): Tensor };
  optimizer: Optimizer;
  run: RunIdentity;
}

function build(makeOptimizer: (parameters: Tensor[]) => Optimizer, seed = 3, width = 5): Setup {
  manualSeed(seed);
  const model = new Sequential(new Linear(3, width), new Tanh(), new Linear(width, 2));
  return { model, optimizer: makeOptimizer(model.parameters()), run };
}

function train({ model, optimizer }: Setup, from: number, to: number): void {
  for (let step = from; step < to; step++) {
    scope(() => {
      const x = tensor(
        Float32Array.from({ length: 24 }, (_, i) => Math.sin(i + step)),
        { shape: [8, 3] },
      );
      const y = tensor(
        Float32Array.from({ length: 16 }, (_, i) => Math.cos(i * step)),
        { shape: [8, 2] },
      );
      optimizer.zeroGrad();
      backward(mse(model.forward(x), y));
      optimizer.step();
    });
  }
}

const bits = ({ model }: Setup) =>
  model.parameters().map((parameter) => Buffer.from(parameter.toArray().buffer).toString("hex"));

describe("resumed equals uninterrupted, bit for bit, with", () => {
  test.each<[name: string, makeOptimizer: (parameters: Tensor[]) => Optimizer]>([
    ["SGD", (p) => new SGD(p, { lr: 0.1 })],
    ["SGD with momentum", (p) => new SGD(p, { lr: 0.1, momentum: 0.9, nesterov: true })],
    ["Adam", (p) => new Adam(p, { lr: 0.01 })],
    ["AdamW on a schedule", (p) => new AdamW(p, { lr: linearSchedule({ lr: 0.1, steps: 12 }) })],
    ["RMSProp", (p) => new RMSProp(p, { lr: 0.01, centered: true, momentum: 0.5 })],
    ["Adagrad", (p) => new Adagrad(p, { lr: 0.1, initialAccumulatorValue: 0.3 })],
    ["Lion", (p) => new Lion(p, { lr: 0.01 })],
    [
      "groups that differ in their state",
      (p) => new SGD([{ params: p.slice(0, 1), momentum: 0.9 }, { params: p.slice(1) }], { lr: 0.1 }),
    ],
  ])("%s", async (_, makeOptimizer) => {
    const uninterrupted = build(makeOptimizer);
    train(uninterrupted, 0, 12);

    const disk = new SimulatedDisk();
    const first = build(makeOptimizer);
    train(first, 0, 5);
    const environment = { disk, processes: simulatedProcesses(1, new Set([1])) };
    const store = await openCheckpoints("/runs", {}, environment);
    const saving = store.save(encodeCheckpoint(first, { step: 5, epoch: 0, cursor: 40 }));
    // Changes after the call do not reach the saved copy.
    train(first, 5, 7);
    await saving;
    await store.close();

    const { checkpoint } = await findNewest("/runs", disk);
    const resumed = build(makeOptimizer, 99);
    expect(bits(resumed)).not.toEqual(bits(uninterrupted));
    expect(loadCheckpoint(checkpoint!, resumed)).toMatchObject({
      step: 5,
      epoch: 0,
      cursor: 40,
      random: null,
    });
    train(resumed, 5, 12);
    expect(bits(resumed)).toEqual(bits(uninterrupted));
    expect(resumed.optimizer.stepCount).toBe(12);
  });
});

it("what is encoded is of one moment", () => {
  const setup = build((p) => new SGD(p, { lr: 0.1, momentum: 0.9 }));
  const random = { position: [4] };
  const metrics = { loss: 1 };
  const content = encodeCheckpoint(setup, { step: 1, epoch: 0, random, metrics });
  const before = structuredClone(content);
  random.position[0] = 5;
  metrics.loss = 2;
  setup.optimizer.lr = 0.2;
  train(setup, 0, 2);
  expect(content).toEqual(before);
});

it("parts are saved as the same files as a copy, and read only then", async () => {
  const setup = build((p) => new AdamW(p, { lr: 0.1 }));
  const parts = checkpointParts(setup, { step: 1, epoch: 0 });
  train(setup, 0, 2);
  const disk = new SimulatedDisk();
  const store = await openCheckpoints("/runs", {}, { disk, processes: simulatedProcesses(1, new Set([1])) });
  await store.save(parts);
  await store.close();
  const { checkpoint } = await findNewest("/runs", disk);
  const copy = encodeCheckpoint(setup, { step: 1, epoch: 0 });
  expect(Object.keys(checkpoint!.files)).toEqual(Object.keys(copy.files));
  for (const [name, bytes] of Object.entries(copy.files))
    expect(Buffer.compare(checkpoint!.files[name as "model.safetensors"], bytes), name).toBe(0);
});

it("loading leaves nothing behind in memory", () => {
  const setup = build((p) => new Adam(p, { lr: 0.1 }));
  const content = encodeCheckpoint(setup, { step: 1, epoch: 0 });
  loadCheckpoint(content, setup);
  const { live } = heap().arena;
  loadCheckpoint(content, setup);
  // It can be negative: the garbage collector may free older memory.
  expect(heap().arena.live).toBeLessThanOrEqual(live);
});

describe("a checkpoint of another job is refused, and nothing is loaded:", () => {
  const sgd = (p: Tensor[]) => new SGD(p, { lr: 0.1, momentum: 0.9 });
  const saved = encodeCheckpoint(build(sgd), { step: 812, epoch: 2 });
  const renamed = () => {
    const setup = build(sgd);
    const entries = [...setup.model.stateDict()].map(
      ([name, x]) => [name.replace("0.bias", "0.offset"), x] as const,
    );
    return { ...setup, model: { stateDict: () => new Map(entries), loadStateDict: () => undefined } };
  };
  const reordered = () => {
    const setup = build(sgd);
    const stateDict = () => new Map([...setup.model.stateDict()].reverse());
    return { ...setup, model: { stateDict, loadStateDict: () => undefined } };
  };

  test.each<[what: string, into: () => Parameters<typeof loadCheckpoint>[1], difference: string | RegExp]>([
    ["shapes", () => build(sgd, 3, 6), "tensor 0.weight is [6,3] float32, in the checkpoint [5,3] float32; "],
    [
      "dtypes",
      () => {
        const setup = build(sgd);
        setup.model.to("float64");
        return { ...setup, optimizer: sgd(setup.model.parameters()) };
      },
      "tensor 0.weight is [5,3] float64, in the checkpoint [5,3] float32; ",
    ],
    [
      "names",
      renamed,
      "tensor 0.offset is not in the checkpoint; tensor 0.bias is in the checkpoint only; build",
    ],
    ["order", reordered, "the tensors come in another order; build"],
    ["optimizer", () => build((p) => new Adam(p)), "the optimizer is Adam, in the checkpoint SGD; build"],
    [
      "optimizer's state",
      () => build((p) => new SGD(p)),
      "optimizer state 0, velocity is in the checkpoint only; ",
    ],
    [
      "groups",
      () => build((p) => sgd([p[0]!])),
      "the parameter groups are [[0]], in the checkpoint [[0,1,2,3]]; build",
    ],
    ["seed", () => ({ ...build(sgd), run: { ...run, seed: 4 } }), "seed is 4, in the checkpoint 3; build"],
    [
      "batch size",
      () => ({ ...build(sgd), run: { ...run, batchSize: 9 } }),
      "batchSize is 9, in the checkpoint 8; ",
    ],
    [
      "shards",
      () => ({ ...build(sgd), run: { ...run, shards: 4 } }),
      "shards is 4, in the checkpoint 2; build",
    ],
    [
      "samples",
      () => ({ ...build(sgd), run: { ...run, samples: 99 } }),
      "samples is 99, in the checkpoint 100; ",
    ],
    [
      "what else decides the samples",
      () => ({ ...build(sgd), run: { ...run, details: { dropLast: true, sampling: "shuffle" } } }),
      "dropLast is true, in the checkpoint false; sampling is shuffle, in the checkpoint not given; fold is not given, in the checkpoint 3; build",
    ],
    ["many", () => build((p) => new Adam(p), 3, 6), /(; .*){3}; build/],
    [
      "very many",
      () => ({ ...build(sgd, 3, 6), run: { seed: 0, batchSize: 0, shards: 0, samples: 0 } }),
      /; and \d+ more; build the same model and optimizer and pass the same options, or start afresh$/,
    ],
  ])("%s", (_, into, difference) => {
    const target = into();
    const values = () =>
      [...(target.model.stateDict() as Map<string, Tensor>).values()].map((x) => x.toArray().join());
    const before = values();
    const load = () => loadCheckpoint(saved, target);
    expect(load).toThrow(CheckpointError);
    expect(load).toThrow(/^checkpoint: that of step 812 is of another job: /);
    expect(load).toThrow(difference);
    expect(values()).toEqual(before);
  });
});

test.each([
  [{ step: -1, epoch: 0 }, /^checkpoint: step is -1, expected a non-negative integer$/],
  [{ step: 1, epoch: 0.5 }, /epoch is 0.5/],
  [{ step: 1, epoch: 0, cursor: Number.NaN }, /cursor is NaN/],
])("a checkpoint at %o is refused", (position, message) => {
  expect(() =>
    encodeCheckpoint(
      build((p) => new SGD(p)),
      position,
    ),
  ).toThrow(message);
});

test("nothing that is not finite is saved by a loop of one's own either", () => {
  const setup = build((parameters) => new Adam(parameters, { lr: 0.01 }));
  train(setup, 0, 2);
  expect(() => encodeCheckpoint(setup, { step: 2, epoch: 0 })).not.toThrow();
  const [m] = Object.values(setup.optimizer.state[0]!);
  const finite = m!.toArray();
  m!.copyFrom(finite.map(() => Number.POSITIVE_INFINITY));
  expect(() => encodeCheckpoint(setup, { step: 2, epoch: 0 })).toThrow(/^checkpoint: 0\.\w+ holds Infinity/);
  m!.copyFrom(finite);
  const [weight] = setup.model.parameters();
  weight!.copyFrom(weight!.toArray().map(() => Number.NaN));
  const saved = () => encodeCheckpoint(setup, { step: 2, epoch: 0 });
  expect(saved).toThrow(NonFiniteError);
  expect(saved).toThrow("checkpoint: 0.weight holds NaN, expected finite numbers; nothing is saved");
  expect(() => checkpointParts(setup, { step: 2, epoch: 0 })).toThrow(NonFiniteError);
});
