// Shards that train separately: Local SGD has the same bits for any number of workers as a plain loop over core.
// Hogwild has them on one worker, and learns on several.
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { AnyModule, Tensor } from "@shardgrad/core";
import {
  Adam,
  backward,
  clipGradNorm,
  crossEntropy,
  manualSeed,
  Permutation,
  scope,
  useKernels,
} from "@shardgrad/core";
import type { StepEnd, TrainOptions } from "@shardgrad/parallel";
import { NonFiniteError, train } from "@shardgrad/parallel";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { batchOf, clusters as clusterData, model } from "./jobs/clusters.ts";
import { hashOf, kernels, runOnWasm } from "./run-on-wasm.ts";
import { writeChangedJob, writeJob } from "./write-job.ts";

// 5 steps an epoch of 40 samples, and dropout; 11 steps of 48 samples, the last of 20.
const dropout = new URL("./jobs/dropout.ts", import.meta.url);
const clusters = new URL("./jobs/clusters.ts", import.meta.url);

const root = mkdtempSync(join(tmpdir(), "shardgrad-local-"));
afterAll(() => rmSync(root, { recursive: true }));
let directories = 0;
const newDirectory = () => join(root, String(directories++));

describe("Local SGD has the same bits", () => {
  // 7 shards of batches of 40 samples, and of a last one of 5: some are empty.
  const uneven = { shards: 7, epochs: 3, syncEvery: 3 } as const;
  const job = writeChangedJob(
    dropout,
    "dataset: async () => { const { train, test } = job.dataset(); return { train: { x: { ...train.x, data: train.x.data.subarray(0, 165 * 16) }, y: train.y.subarray(0, 165) }, test }; }",
  );
  let expected: string;
  beforeAll(async () => {
    expected = await hashOf(job, { workers: 1, ...uneven });
  });

  it.each([{ workers: 2 }, { workers: 4 }, { workers: 3, capture: false }])("for %o", async (options) => {
    expect(await hashOf(job, { ...uneven, ...options })).toBe(expected);
  });

  it("and others for another syncEvery, or none", async () => {
    const others = [
      await hashOf(job, { workers: 2, ...uneven, syncEvery: 2 }),
      await hashOf(job, { workers: 2, shards: 7, epochs: 3 }),
    ];
    expect(new Set([expected, ...others]).size).toBe(3);
  });

  it("as without it, if there is one shard", async () => {
    const alone = { workers: 1, shards: 1 } as const;
    expect(await hashOf(dropout, { ...alone, syncEvery: 2 })).toBe(await hashOf(dropout, alone));
  });

  it("with synchronizations further apart than an epoch, as with one at the end of each", async () => {
    const options = { workers: 2, shards: 4 } as const;
    expect(await hashOf(dropout, { ...options, syncEvery: 1e9 })).toBe(
      await hashOf(dropout, { ...options, syncEvery: 5 }),
    );
  });
});

interface Reference {
  shards: number;
  syncEvery: number;
  hogwild: boolean;
  clip?: number;
}

/** The sum of neighbours, of the sums of these, and so on. */
function sumOfPairs(terms: readonly number[], round = (sum: number) => sum): number {
  if (terms.length === 1) return terms[0]!;
  const pairs = terms.flatMap((term, i) => {
    if (i % 2 === 1) return [];
    return i + 1 < terms.length ? round(term + terms[i + 1]!) : term;
  });
  return sumOfPairs(pairs, round);
}

/** Overwrites all arrays with their mean by weight, each product and sum rounded to float32; a full shard counts 1. */
function average(arrays: Float32Array[], weights: readonly number[]): void {
  const { fround } = Math;
  const unit = Math.ceil(48 / weights.length);
  const scale = fround(unit / sumOfPairs(weights));
  const mean = arrays[0]!.map((_, i) => {
    const terms = arrays.map((values, s) => fround(fround(weights[s]! / unit) * values[i]!));
    return scale * sumOfPairs(terms, fround);
  });
  for (const values of arrays) values.set(mean);
}

/** The same as a loop over core: the clusters job for two epochs, all shards in turn. */
function reference({ shards, syncEvery, hogwild, clip }: Reference) {
  useKernels(kernels);
  const { x, y } = clusterData(500, 4);
  const build = () => {
    manualSeed(7);
    return model();
  };
  const shared = build();
  const nets: AnyModule[] = Array.from({ length: shards }, () => (hogwild ? shared : build()));
  const optimizers = nets.map((net) => new Adam(net.parameters(), { lr: 0.01 }));
  const values = (tensors: readonly Tensor[]) => tensors.map((tensor) => tensor.data() as Float32Array);
  const seen = nets.map(() => 0);
  const steps: { loss: number; gradNorm: number }[] = [];
  for (let step = 0; step < 22; step++) {
    const order = new Permutation(500, 7, Math.floor(step / 11));
    const start = (step % 11) * 48;
    const count = Math.min(48, 500 - start);
    const brought: { loss: number[]; gradNorm: number[] } = { loss: [], gradNorm: [] };
    nets.forEach((net, shard) => {
      scope(() => {
        const [from, to] = [shard, shard + 1].map((edge) => Math.floor((count * edge) / shards)) as [
          number,
          number,
        ];
        const rows = Array.from({ length: to - from }, (_, i) => order.at(start + from + i));
        const [inputs, labels] = batchOf(rows, x, y);
        optimizers[shard]!.zeroGrad();
        const loss = crossEntropy((net as ReturnType<typeof model>).forward(inputs), labels);
        backward(loss);
        if (clip !== undefined)
          brought.gradNorm.push(clipGradNorm(net.parameters(), clip).item() * rows.length);
        optimizers[shard]!.step();
        brought.loss.push(loss.item() * rows.length);
        seen[shard]! += rows.length;
      });
    });
    steps.push({
      loss: sumOfPairs(brought.loss) / count,
      gradNorm: clip === undefined ? 0 : sumOfPairs(brought.gradNorm) / count,
    });
    if (((step % 11) + 1) % syncEvery !== 0 && step % 11 !== 10) continue;
    const averageAll = (all: readonly Tensor[]) => average(values(all), seen);
    if (!hogwild) {
      shared.parameters().forEach((_, p) => {
        averageAll(nets.map((net) => net.parameters()[p]!));
      });
    }
    optimizers[0]!.state.forEach((state, p) => {
      for (const name of Object.keys(state)) {
        average(values(optimizers.map((optimizer) => optimizer.state[p]![name]!)), seen);
      }
    });
    seen.fill(0);
  }
  const hash = createHash("sha256");
  for (const parameter of nets[0]!.parameters()) hash.update(new Uint8Array(parameter.toArray().buffer));
  return { weightsSha256: hash.digest("hex"), steps };
}

describe("a loop over core comes to the same bits", () => {
  it("Local SGD, with the losses of all steps", async () => {
    const options = { shards: 5, syncEvery: 4 } as const;
    const expected = reference({ ...options, hogwild: false });
    const told: (StepEnd | string)[] = [];
    const { weightsSha256 } = await runOnWasm(clusters, {
      ...options,
      workers: 2,
      onStepEnd: (step) => told.push(step),
      onEpochEnd: ({ epoch }) => told.push(`epoch ${epoch}`),
    });
    expect(weightsSha256).toBe(expected.weightsSha256);
    const steps = told.filter((entry) => typeof entry !== "string");
    expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 22 }, (_, i) => i + 1));
    expect(steps.map(({ loss }) => loss)).toEqual(expected.steps.map(({ loss }) => loss));
    expect([told.indexOf("epoch 1"), told.indexOf("epoch 2")]).toEqual([11, 23]);
  });

  it("with clipping, each shard by the norm of its own gradient", async () => {
    const options = { shards: 3, syncEvery: 2 } as const;
    const expected = reference({ ...options, hogwild: false, clip: 1 });
    const norms: number[] = [];
    const job = writeChangedJob(clusters, "clipGradNorm: 1");
    const { weightsSha256 } = await runOnWasm(job, {
      ...options,
      workers: 2,
      onStepEnd: ({ gradNorm }) => norms.push(gradNorm),
    });
    expect(weightsSha256).toBe(expected.weightsSha256);
    norms.forEach((norm, step) => {
      expect(norm).toBeCloseTo(expected.steps[step]!.gradNorm, 5);
    });
    expect(Math.min(...norms)).toBeLessThan(1);
    expect(Math.max(...norms)).toBeGreaterThan(1);
  });

  it("Hogwild on one worker", async () => {
    for (const syncEvery of [4, undefined]) {
      const expected = reference({ shards: 3, hogwild: true, syncEvery: syncEvery ?? 100 });
      const options = { workers: 1, shards: 3, hogwild: true, ...(syncEvery && { syncEvery }) };
      expect(await hashOf(clusters, options)).toBe(expected.weightsSha256);
    }
  });
});

it("Local SGD with a synchronization point after every step is synchronous, if the optimizer keeps no state", async () => {
  const job = writeChangedJob(clusters, "optimizer: (parameters) => new SGD(parameters, { lr: 0.05 })");
  const options = { workers: 2, shards: 5 } as const;
  const [together, apart] = await Promise.all([
    runOnWasm(job, options),
    runOnWasm(job, { ...options, syncEvery: 1 }),
  ]);
  const valuesOf = ({ model }: { model: AnyModule }) => model.parameters().flatMap((p) => [...p.toArray()]);
  const expected = valuesOf(together);
  const furthest = valuesOf(apart).reduce(
    (most, value, i) => Math.max(most, Math.abs(value - expected[i]!)),
    0,
  );
  expect(furthest).toBeLessThan(1e-6);
  expect(apart.metrics).toEqual(together.metrics);
});

describe("a run that was interrupted goes on at a synchronization point, to the same bits", () => {
  // Synchronization after steps 3, 5, 8, 10 and so on.
  const options = { shards: 4, epochs: 4, syncEvery: 3 } as const;
  let whole: Awaited<ReturnType<typeof runOnWasm>>;
  beforeAll(async () => {
    whole = await runOnWasm(dropout, { ...options, workers: 1 });
  });

  it.each([
    { steps: 7, synchronization: 8, workers: 1, resumedOn: 3 },
    { steps: 10, synchronization: 10, workers: 2, resumedOn: 1 },
    { steps: 14, synchronization: 15, workers: 3, resumedOn: 4 },
  ])("%o", async ({ steps, synchronization, workers, resumedOn }) => {
    const checkpoint = { directory: newDirectory(), everySteps: 4 };
    const first = await runOnWasm(dropout, { ...options, workers, steps, checkpoint });
    expect(first.steps).toBe(synchronization);
    const second = runOnWasm(dropout, { ...options, workers: resumedOn, checkpoint, resume: "must" });
    const resumed: number[] = [];
    second.on("resume", ({ step }) => resumed.push(step));
    expect(await second).toMatchObject({ weightsSha256: whole.weightsSha256, metrics: whole.metrics });
    expect(resumed).toEqual([synchronization]);
  });

  it("also if it was stopped", async () => {
    const long = { ...options, epochs: 200 };
    const checkpoint = { directory: newDirectory() };
    const stopping = runOnWasm(dropout, { ...long, workers: 2, checkpoint });
    stopping.on("epoch", () => stopping.stop());
    const { steps, stopped } = await stopping;
    expect(stopped).toBe(true);
    expect([0, 3]).toContain(steps % 5);
    const resumed = await hashOf(dropout, { ...long, workers: 1, checkpoint, resume: "must" });
    expect(resumed).toBe(await hashOf(dropout, { ...long, workers: 3 }));
  });

  it("or with other synchronizations, or none, which is told", async () => {
    const told = async (other: TrainOptions) => {
      const checkpoint = { directory: newDirectory() };
      await runOnWasm(dropout, { ...options, workers: 1, steps: 5, checkpoint });
      const resumed = runOnWasm(dropout, {
        shards: 4,
        workers: 1,
        steps: 8,
        checkpoint,
        resume: true,
        ...other,
      });
      const changes: string[] = [];
      resumed.on("resume", (event) => changes.push(...event.changes));
      await resumed;
      return changes;
    };
    expect(await told({ syncEvery: 2 })).toEqual(["syncEvery 2 instead of 3"]);
    expect(await told({})).toEqual(["syncEvery none instead of 3"]);
    expect(await told({ syncEvery: 3, hogwild: true })).toEqual(["hogwild added"]);
  });
});

it("Hogwild on two workers learns, and goes on from a checkpoint", async () => {
  const options = { workers: 2, shards: 2, hogwild: true, syncEvery: 5, epochs: 8 } as const;
  const checkpoint = { directory: newDirectory() };
  const half = await runOnWasm(clusters, { ...options, epochs: 4, checkpoint });
  expect(half.steps).toBe(44);
  const { steps, metrics } = await runOnWasm(clusters, { ...options, checkpoint, resume: "must" });
  expect(steps).toBe(88);
  // Chance would give 0.125.
  expect(metrics.accuracy).toBeGreaterThan(0.9);
});

describe("what is not finite ends the run, and is named", () => {
  // Sample 21, in step 2 and its shard 1: the root has an infinite gradient at 0, so the weights' gradient is NaN.
  const job = writeJob(`
    import { add, Linear, Module, mean, mul, SGD, sqrt, sum } from "@shardgrad/core";
    import { defineJob } from "@shardgrad/parallel";
    const x = Float32Array.from({ length: 128 }, (_, i) => 1 + (i % 7));
    x[42] = x[43] = 0;
    export default defineJob({
      dataset: { train: { x: { data: x, shape: [2] } } },
      sampling: { shuffle: false },
      model: () => new Linear(2, 1),
      loss: ({ weight, bias }, { x }) => mean(add(sqrt(sum(mul(x, mul(weight, weight)), 1)), sum(mul(bias, bias)))),
      optimizer: (parameters) => new SGD(parameters, { lr: 0.01 }),
      onNonFinite: "stop", batchSize: 16, epochs: 2, shards: 4,
    });`);

  it.each<TrainOptions>([
    { workers: 1, syncEvery: 3 },
    { workers: 3, syncEvery: 3 },
    { workers: 2, hogwild: true },
  ])("%o", async (options) => {
    const error = await runOnWasm(job, options).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(NonFiniteError);
    expect((error as Error).message).toMatch(
      /^train: step 2: shard 1 has a gradient that is not finite, first in weight; expected finite numbers: /,
    );
  });
});

describe("refuses", () => {
  const normalized =
    "model: () => new Sequential(new Linear(16, 8), new BatchNorm1d(8)), loss: job.loss, batchSize: 40";
  it.each<[string, string, TrainOptions, RegExp]>([
    ["a syncEvery of 0", "", { syncEvery: 0 }, /^train: syncEvery is 0, expected an integer of at least 1$/],
    ["half a step", "", { syncEvery: 1.5 }, /^train: syncEvery is 1\.5, expected an integer/],
    ["a hogwild that is no boolean", "", { hogwild: 1 as never }, /^train: hogwild is 1, expected true or/],
    [
      "the coordinator's averages",
      "",
      { syncEvery: 2, reduce: "coordinator" },
      /^train: reduce is "coordinator", but with syncEvery no gradients are averaged; leave one of the two out$/,
    ],
    [
      "an average of weights",
      "ema: { decay: 0.9 }",
      { hogwild: true },
      /^train: the job has ema.* with hogwild/,
    ],
    [
      "skipping",
      'onNonFinite: "skip"',
      { syncEvery: 2 },
      /^train: onNonFinite is "skip", but with syncEvery .*; use "stop"$/,
    ],
    [
      "BatchNorm",
      normalized,
      { syncEvery: 2 },
      /^train: the model has BatchNorm.*; leave syncEvery out, or use/,
    ],
  ])("%s", async (_, parts, options, message) => {
    await expect(runOnWasm(writeChangedJob(clusters, parts), { workers: 1, ...options })).rejects.toThrow(
      message,
    );
  });
});

it("refuses a job that has one model for all shards", async () => {
  const single = writeJob(`
    import { manualSeed } from "@shardgrad/core";
    import job from ${JSON.stringify(fileURLToPath(clusters))};
    manualSeed(1);
    const one = job.model();
    export default { ...job, model: () => one };`);
  const run = train(single, { workers: 1, shards: 2, syncEvery: 4, epochs: 1 });
  await expect(run).rejects.toThrow(/model\(\) returns the same model each time, but with syncEvery/);
});
