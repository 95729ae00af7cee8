// BatchNorm in parallel training: mean, variance and their gradients are those of the whole batch, however it is split.
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Sequential, Tensor } from "@shardgrad/core";
import {
  accuracy,
  backward,
  crossEntropy,
  manualSeed,
  mean,
  noGrad,
  Permutation,
  readSafetensors,
  SGD,
  scope,
  tensor,
  useKernels,
} from "@shardgrad/core";
import { provideKernels } from "@shardgrad/core/engine";
import type { TrainOptions, TrainResult } from "@shardgrad/parallel";
import { train } from "@shardgrad/parallel";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { foundBlas } from "./found-blas.ts";
import { model, stripes } from "./jobs/batch-norm.ts";
import { writeJob } from "./write-job.ts";

const job = new URL("./jobs/batch-norm.ts", import.meta.url);
const sets = foundBlas ? (["wasm", "blas"] as const) : (["wasm"] as const);

afterEach(() => useKernels("wasm"));

const batchOf = ({ x, y }: ReturnType<typeof stripes>, rows: readonly number[]) => {
  const size = x.data.length / y.length;
  const values = rows.flatMap((row) => [...x.data.subarray(row * size, (row + 1) * size)]);
  const inputs = tensor(Float32Array.from(values), { shape: [rows.length, ...x.shape] });
  return {
    inputs,
    labels: tensor(
      rows.map((row) => y[row]!),
      { dtype: "int32" },
    ),
  };
};

/** The job as a loop over whole batches on this thread. */
function trainHere({ steps, batchSize = 32 }: { steps: number; batchSize?: number }): Sequential {
  const data = stripes(150, 1);
  manualSeed(3);
  const net = model();
  const optimizer = new SGD(net.parameters(), { lr: 0.05, momentum: 0.9 });
  const perEpoch = Math.ceil(150 / batchSize);
  for (let step = 0; step < steps; step++) {
    const order = new Permutation(150, 3, Math.floor(step / perEpoch));
    const start = (step % perEpoch) * batchSize;
    scope(() => {
      const rows = Array.from({ length: Math.min(batchSize, 150 - start) }, (_, i) => order.at(start + i));
      const { inputs, labels } = batchOf(data, rows);
      optimizer.zeroGrad();
      backward(crossEntropy(net.forward(inputs), labels));
      optimizer.step();
    });
  }
  return net;
}

function hashOf(net: Sequential): string {
  const hash = createHash("sha256");
  const buffers = net.namedBuffers().map(([, x]) => x);
  for (const x of [...net.parameters(), ...buffers]) hash.update(new Uint8Array(x.toArray().buffer));
  return hash.digest("hex");
}

/** Norm of the difference over that of `b`, of all numbers that `pick` finds in the two. */
function distance(a: Sequential, b: Sequential, pick: (net: Sequential) => Iterable<number>): number {
  const [left, right] = [[...pick(a)], [...pick(b)]];
  return Math.hypot(...left.map((x, i) => x - right[i]!)) / Math.hypot(...right);
}

const numbers = (tensors: readonly Tensor[]) => tensors.flatMap((x) => [...x.toArray()]);
const statistics = (net: Sequential) => numbers(net.namedBuffers().map(([, x]) => x));

describe.each(sets)(
  "with 4 shards and the kernels %s, weights and running statistics are the same bits",
  (kernels) => {
    const run = async (options: TrainOptions) =>
      (await train(job, { kernels, shards: 4, ...options })).weightsSha256;
    let expected: string;
    beforeAll(async () => {
      expected = await run({ workers: 1 });
    });

    it.each([
      { workers: 2 },
      { workers: 4 },
      { workers: 3, reduce: "coordinator" as const },
      { workers: 2, batchSize: 8, accumulate: 4 },
    ])("for %o", async (options) => {
      expect(await run(options)).toBe(expected);
    });
  },
);

it.each(sets)(
  "one shard computes what a plain loop over core computes, bit for bit, on %s",
  async (kernels) => {
    if (kernels === "blas") provideKernels("blas", foundBlas!.kernels);
    useKernels(kernels);
    const here = hashOf(trainHere({ steps: 10 }));
    useKernels("wasm");
    const { weightsSha256, captured } = await train(job, { workers: 1, shards: 1, kernels });
    expect(weightsSha256).toBe(here);
    expect(captured).toBe(true);
  },
);

it.each([2, 4, 7])("%d shards have the gradient and the statistics of the whole batch", async (shards) => {
  const before = trainHere({ steps: 0 });
  const here = trainHere({ steps: 1 });
  const there = await train<Sequential>(job, { workers: 2, shards, steps: 1, kernels: "wasm" });
  const start = numbers(before.parameters());
  const gradient = (net: Sequential) => numbers(net.parameters()).map((w, i) => (start[i]! - w) / 0.05);
  expect(distance(there.model, here, gradient)).toBeLessThan(1e-5);
  expect(distance(there.model, here, statistics)).toBeLessThan(1e-6);
});

it("shards without samples, and with one, make no difference", async () => {
  // The last of 5 batches has 2 samples: shards 0 and 2 of 4 are empty, the others have one value per channel.
  const options = { batchSize: 37, epochs: 2, kernels: "wasm" as const };
  const here = trainHere({ steps: 10, batchSize: 37 });
  const runs: TrainResult<Sequential>[] = [];
  for (const workers of [1, 2, 3, 4]) runs.push(await train(job, { ...options, workers, shards: 4 }));
  expect(new Set(runs.map(({ weightsSha256 }) => weightsSha256)).size).toBe(1);
  expect(distance(runs[0]!.model, here, statistics)).toBeLessThan(1e-3);
  expect((await train(job, { ...options, workers: 1, shards: 1 })).weightsSha256).toBe(hashOf(here));
});

it("evaluation uses the running statistics, and the file has them", async () => {
  const folder = mkdtempSync(join(tmpdir(), "shardgrad-batch-norm-"));
  try {
    const out = join(folder, "weights.safetensors");
    const result = await train<Sequential>(job, { workers: 2, shards: 4, kernels: "wasm", out });
    const restored = model();
    restored.loadStateDict(readSafetensors(readFileSync(out)).tensors);
    expect(hashOf(restored)).toBe(result.weightsSha256);
    expect(
      restored
        .namedBuffers()
        .find(([name]) => name === "1.numBatchesTracked")![1]
        .item(),
    ).toBe(10);
    const data = stripes(90, 2);
    const rows = Array.from({ length: 90 }, (_, i) => i);
    const evaluate = (net: Sequential) =>
      noGrad(() =>
        scope(() => {
          const { inputs, labels } = batchOf(data, rows);
          return mean(accuracy(net.forward(inputs), labels)).item();
        }),
      );
    restored.eval();
    expect(result.metrics.accuracy).toBeCloseTo(evaluate(restored), 6);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** A job of a model in `model`, which is source code, on numbers of no meaning. */
const small = (source: { model: string; loss?: string; weight?: string; rest?: string }) =>
  writeJob(`
import { BatchNorm1d, checkpoint, Dropout, Linear, Module, buffer, mse, SGD, Sequential, Tanh, add, div, mul, ones, sum, tensor, randn, square, sub } from "@shardgrad/core";
import { defineJob } from "@shardgrad/parallel";
const x = Float32Array.from({ length: 6 * 44 }, (_, i) => Math.sin(i * i));
const y = Float32Array.from({ length: 44 }, (_, i) => Math.cos(i));
const weight = Float32Array.from({ length: 44 }, (_, i) => ${source.weight ?? "1 + (i % 3)"});
${source.model}
export default defineJob({
  dataset: { train: { x: { data: x, shape: [6] }, y: { data: y, shape: [1] }, weight } },
  model: () => new Net(),
  loss: ${source.loss ?? "(net, { x, y }) => mse(net.forward(x), y)"},
  optimizer: (parameters) => new SGD(parameters, { lr: 0.1 }),
  batchSize: 12,
  epochs: 2,
  ${source.rest ?? ""}
});
`);

const net = (body: string, more = "") => `
class Net extends Module {
  a = new Linear(6, 5);
  norm = new BatchNorm1d(5);
  b = new Linear(5, 1);
  drop = new Dropout(0.3);
  tanh = new Tanh();
  ${more}
  forward(x) { ${body} }
}`;

it("a layer that is used twice, checkpoints and dropout go together with it", async () => {
  const file = small({
    model: net(`
      const h = this.norm.forward(this.a.forward(x));
      const g = checkpoint((h) => this.drop.forward(this.norm.forward(this.tanh.forward(h))), h);
      return this.b.forward(g);`),
  });
  const runs = await Promise.all(
    [1, 2, 3].map((workers) => train(file, { workers, shards: 3, kernels: "wasm" })),
  );
  expect(new Set(runs.map(({ weightsSha256 }) => weightsSha256)).size).toBe(1);
  // 8 steps, each of which goes through the layer twice: what a checkpoint computes again does not count.
  const [tracked] = runs[0]!.model.namedBuffers().filter(([name]) => name === "norm.numBatchesTracked");
  expect(tracked![1].item()).toBe(16);
});

it("weights of samples count in the loss, not in the statistics", async () => {
  const loss =
    "(net, { x, y, weight }) => div(sum(mul(sum(square(sub(net.forward(x), y)), 1), weight)), sum(weight))";
  const file = small({
    model: net("return this.b.forward(this.tanh.forward(this.norm.forward(this.a.forward(x))));"),
    loss,
    rest: 'sampleWeight: "weight",',
  });
  const models = await Promise.all(
    [1, 3].map(async (shards) => (await train(file, { workers: 1, shards, kernels: "wasm" })).model),
  );
  const all = models.map((model) => [
    ...numbers(model.parameters()),
    ...numbers(model.namedBuffers().map(([, x]) => x)),
  ]);
  for (const [i, value] of all[0]!.entries()) expect(value).toBeCloseTo(all[1]![i]!, 4);
});

const plain = net("return this.b.forward(this.norm.forward(this.a.forward(x)));");

it.each<[string, Parameters<typeof small>[0], TrainOptions, RegExp]>([
  [
    "capture that is off",
    { model: plain },
    { capture: false },
    /^train: capture is off, but a model with BatchNorm/,
  ],
  [
    "a pass that cannot be captured",
    { model: plain, loss: "(net, { x, y }) => { const l = mse(net.forward(x), y); l.item(); return l; }" },
    {},
    /replayed, and this one cannot be: /,
  ],
  [
    "a loss that changes once it is replayed",
    {
      model: plain,
      // The first call is compared with the main thread's, two kinds of passes are recorded twice each, and the sixth
      // is the check after ten replays.
      loss: "(net, { x, y }) => { globalThis.calls = (globalThis.calls ?? 0) + 1; const l = mse(net.forward(x), y); return globalThis.calls > 5 ? mul(l, 2) : l; }",
      rest: 'epochs: 5, lossOver: "shard",',
    },
    {},
    /did something else after 10 replays/,
  ],
  [
    "batches of one sample",
    { model: plain },
    { batchSize: 43, shards: 2 },
    /the last step of an epoch has 1 of \d+ samples, but BatchNorm needs two values per channel/,
  ],
  [
    "shards without weight",
    {
      model: plain,
      loss: "(net, { x, y, weight }) => div(sum(mul(sum(square(sub(net.forward(x), y)), 1), weight)), sum(weight))",
      weight: "i % 12",
      rest: 'sampleWeight: "weight", sampling: { shuffle: false },',
    },
    { shards: 12, workers: 2 },
    /the samples of shard 0 have no weight, but count in the statistics of BatchNorm/,
  ],
])("refuses %s", async (_what, source, options, message) => {
  await expect(train(small(source), { workers: 2, shards: 2, kernels: "wasm", ...options })).rejects.toThrow(
    message,
  );
});
