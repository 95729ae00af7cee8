// Jobs that estimate their gradient: shards exchange numbers, and the bits are the same for any number of workers, after
// a resume and a restart, and as in a plain loop over core.
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { GradientEstimator } from "@shardgrad/core";
import {
  Adam,
  backpropagation,
  coordinateSearch,
  crossEntropy,
  evolutionStrategies,
  finiteDifferences,
  forwardGradient,
  layerByLayer,
  manualSeed,
  Permutation,
  scope,
  spsa,
  useKernels,
} from "@shardgrad/core";
import type { TrainOptions } from "@shardgrad/parallel";
import { defineJob, profileJob } from "@shardgrad/parallel";
import { afterAll, describe, expect, it } from "vitest";
import clustersJob, { batchOf, clusters as clusterData, model } from "./jobs/clusters.ts";
import { hashOf, kernels, runOnWasm } from "./run-on-wasm.ts";
import { writeChangedJob } from "./write-job.ts";

const dropout = new URL("./jobs/dropout.ts", import.meta.url);
const clusters = new URL("./jobs/clusters.ts", import.meta.url);

const root = mkdtempSync(join(tmpdir(), "shardgrad-gradient-free-"));
afterAll(() => rmSync(root, { recursive: true }));

const estimators: [text: string, make: () => GradientEstimator][] = [
  ["spsa({ seed: 3, samples: 2 })", () => spsa({ seed: 3, samples: 2 })],
  ["evolutionStrategies({ seed: 3, population: 4 })", () => evolutionStrategies({ seed: 3, population: 4 })],
  ["forwardGradient({ seed: 3 })", () => forwardGradient({ seed: 3 })],
  ['finiteDifferences({ scheme: "forward" })', () => finiteDifferences({ scheme: "forward" })],
];

describe.each(estimators)("gradient: %s", (text, make) => {
  it("has the same bits for any number of workers, with and without capture", async () => {
    const job = writeChangedJob(dropout, `gradient: ${text}`);
    // 40 samples in 7 shards.
    const options = { shards: 7, steps: text.includes("finite") ? 2 : 6 } as const;
    const hashes = [
      await hashOf(job, { ...options, workers: 1 }),
      await hashOf(job, { ...options, workers: 3, capture: false }),
    ];
    expect(new Set(hashes).size).toBe(1);
  });

  it("with one shard, is a loop over core", async () => {
    const steps = text.includes("finite") ? 2 : 12;
    const found = await runOnWasm(writeChangedJob(clusters, `gradient: ${text}`), {
      shards: 1,
      workers: 1,
      steps,
    });
    useKernels(kernels);
    const { x, y } = clusterData(500, 4);
    manualSeed(7);
    const net = model();
    const optimizer = new Adam(net.parameters(), { lr: 0.01 });
    const estimator = make();
    for (let step = 0; step < steps; step++) {
      const order = new Permutation(500, 7, Math.floor(step / 11));
      const start = (step % 11) * 48;
      const rows = Array.from({ length: Math.min(48, 500 - start) }, (_, i) => order.at(start + i));
      scope(() => {
        const [inputs, labels] = batchOf(rows, x, y);
        const loss = () => crossEntropy(net.forward(inputs), labels);
        const { gradients } = estimator.estimate(loss, net.parameters());
        net.parameters().forEach((parameter, i) => {
          parameter.grad = gradients[i]!;
        });
        optimizer.step();
      });
    }
    const hash = createHash("sha256");
    for (const parameter of net.parameters()) hash.update(new Uint8Array(parameter.toArray().buffer));
    expect(found.weightsSha256).toBe(hash.digest("hex"));
  });
});

it("resumes exactly, on another number of workers, and tells the norm of the estimate", async () => {
  const job = writeChangedJob(dropout, "gradient: spsa({ seed: 3, samples: 4 }), clipGradNorm: 1");
  const checkpoint = { directory: join(root, "resumed"), everySteps: 3 };
  const norms: number[] = [];
  const options = {
    shards: 4,
    steps: 9,
    onStepEnd: ({ gradNorm }: { gradNorm: number }) => norms.push(gradNorm),
  };
  const expected = await hashOf(job, { ...options, workers: 1 });
  expect(norms.every((norm) => norm > 0)).toBe(true);
  await runOnWasm(job, { ...options, steps: 5, workers: 1, checkpoint });
  expect(await hashOf(job, { ...options, workers: 3, checkpoint, resume: "must" })).toBe(expected);
});

describe("chosen by a function of params", () => {
  const parts = `params: { samples: 2, seed: 3 },
    gradient: ({ params, state }) =>
      params.samples === 0 || state !== undefined ? undefined : spsa({ seed: params.seed, samples: params.samples })`;
  const job = writeChangedJob(clusters, parts);
  const short = { workers: 1, shards: 2, steps: 3 } as const;

  it("is the estimator that it returns, and backpropagation without one", async () => {
    const given = (samples: number) => ({ ...short, params: { samples } });
    const fixed = writeChangedJob(clusters, "gradient: spsa({ seed: 3, samples: 4 })");
    expect(await hashOf(job, given(4))).toBe(await hashOf(fixed, short));
    expect(await hashOf(job, given(0))).toBe(await hashOf(clusters, short));
  });

  it("resumes with the same settings only", async () => {
    const checkpoint = { directory: join(root, "settings") };
    await runOnWasm(job, { ...short, checkpoint });
    const resumed = (params: Record<string, number>) =>
      runOnWasm(job, { ...short, steps: 5, checkpoint, resume: "must", params });
    await expect(resumed({ seed: 4 })).rejects.toThrow(
      /^.*gradient is spsa \(seed 4, perturbation 0\.001, samples 2\), in the checkpoint spsa \(seed 3, perturbation 0\.001, samples 2\).*$/,
    );
    await expect(resumed({ samples: 0 })).rejects.toThrow(
      "gradient is not given, in the checkpoint spsa (seed 3",
    );
    expect((await resumed({})).steps).toBe(5);
  });
});

it("trains on a loss that cannot be differentiated: the share of wrong answers of a rounded network", async () => {
  const parts = `
    model: () => new Sequential(new Linear(16, 16), new Rounded(), new Linear(16, 8)),
    loss: (net, { x, y }) => sub(1, mean(accuracy(net.forward(x), y))),
    optimizer: (parameters) => new SGD(parameters, { lr: 0.3 }),
    batchSize: 500`;
  const options = { shards: 4, workers: 2, steps: 40 } as const;
  const losses: number[] = [];
  const watching = { ...options, onStepEnd: ({ loss }: { loss: number }) => losses.push(loss) };
  const job = writeChangedJob(
    clusters,
    `${parts}, gradient: evolutionStrategies({ seed: 1, population: 32, sigma: 0.1 })`,
    "class Rounded extends Module { forward(x) { return sign(x); } }",
  );
  const { metrics } = await runOnWasm(job, watching);
  expect(losses[0]).toBeGreaterThan(0.8);
  expect(metrics.accuracy).toBeGreaterThan(0.5);
});

describe("is refused in one line", () => {
  const parts = { ...clustersJob, gradient: undefined };
  it.each([
    [
      backpropagation(),
      "defineJob: gradient is backpropagation, which is what a job without gradient does; leave it out, or let a function return undefined",
    ],
    [coordinateSearch(), "defineJob: gradient is coordinateSearch, which shards cannot share; expected spsa"],
    [layerByLayer([]), "defineJob: gradient is layerByLayer, which shards cannot share; expected spsa"],
    ["spsa", "defineJob: gradient is string; expected spsa"],
  ])("%#: %j", (gradient, message) => {
    expect(() => defineJob({ ...parts, gradient } as never)).toThrow(message);
  });

  it("by a function that returns something else", async () => {
    const job = writeChangedJob(clusters, 'gradient: () => "spsa"');
    await expect(runOnWasm(job, { workers: 1 })).rejects.toThrow(
      "train: gradient() is string; expected spsa(…)",
    );
  });

  it.each<[string, TrainOptions, message: string]>([
    [
      "",
      { hogwild: true },
      "hogwild is given; shards that train apart have no losses in common: leave hogwild out",
    ],
    [
      "",
      { syncEvery: 2 },
      "syncEvery is given; shards that train apart have no losses in common: leave syncEvery out",
    ],
    [
      "",
      { reduce: "coordinator" },
      'reduce is "coordinator"; shards bring no gradients that it could average: use "workers"',
    ],
    [
      "model: () => new Sequential(new Linear(16, 8), new BatchNorm1d(8)),",
      {},
      "the model has BatchNorm; its statistics would change with every evaluation: use LayerNorm or GroupNorm",
    ],
  ])("%s %o", async (changes, options, message) => {
    const job = writeChangedJob(clusters, `${changes} gradient: spsa({ seed: 1 })`);
    await expect(runOnWasm(job, { workers: 1, ...options })).rejects.toThrow(
      `train: the job's gradient is spsa, but ${message}`,
    );
  });

  it("by profileJob", async () => {
    const job = writeChangedJob(clusters, "gradient: spsa({ seed: 1 })");
    await expect(profileJob(job, { kernels })).rejects.toThrow("profile: the job's gradient is spsa");
  });
});
