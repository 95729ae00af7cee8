// Edge batches: too small for BatchNorm, which is refused before the start; and without any weight, which are skipped.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TrainOptions } from "@shardgrad/parallel";
import { JobError, train } from "@shardgrad/parallel";
import { afterAll, describe, expect, it } from "vitest";
import { startCommand } from "./start-command.ts";
import { writeJob } from "./write-job.ts";

const root = mkdtempSync(join(tmpdir(), "shardgrad-edges-"));
afterAll(() => rmSync(root, { recursive: true }));

/** Samples with two inputs; `parts` come last, and win. */
const normalized = (samples: number, parts: string) =>
  writeJob(`
    import * as c from "@shardgrad/core";
    import { BatchNorm1d, Linear, Module, mse, Sequential, SGD } from "@shardgrad/core";
    import { computed, defineJob } from "@shardgrad/parallel";
    const x = Float32Array.from({ length: ${2 * samples} }, (_, i) => Math.sin(3 * i));
    const y = Float32Array.from({ length: ${samples} }, (_, i) => x[2 * i]);
    const columns = { x: { data: x, shape: [2] }, y: { data: y, shape: [1] } };
    export default defineJob({
      dataset: { train: columns }, model: () => new Sequential(new Linear(2, 8), new BatchNorm1d(8), new Linear(8, 1)),
      loss: (m, b) => mse(m.forward(b.x), b.y), optimizer: (p) => new SGD(p, { lr: 0.1 }),
      batchSize: 32, epochs: 2, ${parts} });`);

const run = (job: string, options: TrainOptions = {}) =>
  train(job, { kernels: "wasm", workers: 2, ...options });

/** A model without the layer, that normalizes by a function. */
const byFunction = `model: () => new Linear(2, 8), loss: (m, b) => c.mean(c.square(c.batchNorm(m.forward(b.x), { training: true })))`;

describe("a batch too small for BatchNorm is refused before the start:", () => {
  const last = (samples: number) =>
    `train: the last step of an epoch has 1 of ${samples} samples, but BatchNorm needs two values per channel; leave it out with sampling: { dropLast: true }, or use another batchSize`;

  it.each<[what: string, job: string, options: TrainOptions, message: string]>([
    ["a remainder", normalized(65, ""), {}, last(65)],
    ["of what is held out of", normalized(161, "validation: 0.2"), {}, last(129)],
    ["of micro-batches", normalized(65, "batchSize: 8, accumulate: 4"), {}, last(65)],
    ["of an option", normalized(64, ""), { batchSize: 9 }, last(64)],
    ["of draws", normalized(20, "sampling: { weights: () => 1, samples: 33 }"), {}, last(33)],
    [
      "of a computed set",
      normalized(
        1,
        "dataset: { train: computed({ samples: 33, columns: { x: { shape: [2] }, y: { shape: [1] } }, sample: (i) => ({ x: [i, 1], y: i }) }) }",
      ),
      {},
      last(33),
    ],
    [
      "every batch",
      normalized(8, ""),
      { batchSize: 1, workers: 1 },
      "train: a step has 1 sample, but BatchNorm needs two values per channel; use a batchSize of at least 2",
    ],
    [
      "shards that normalize by themselves",
      normalized(64, byFunction),
      { shards: 20 },
      "train: 20 shards of 32 samples have 1 sample each, or some of them, but batchNorm, which is over a shard in a model without a BatchNorm layer, needs two values per channel; use fewer shards, or BatchNorm layers",
    ],
    [
      "shards of a remainder",
      normalized(67, byFunction),
      { shards: 2 },
      "train: the last step of an epoch has 3 of 67 samples, for 2 shards, but batchNorm, which is over a shard in a model without a BatchNorm layer, needs two values per channel; leave it out with sampling: { dropLast: true }, or use fewer shards, or BatchNorm layers",
    ],
    [
      "an evaluation without running statistics",
      normalized(
        257,
        `dataset: { train: { x: columns.x, y: columns.y }, test: columns }, sampling: { dropLast: true }, metrics: { e: (m, b) => mse(m.forward(b.x), b.y, { reduction: "none" }) },
         model: () => new Sequential(new Linear(2, 8), new BatchNorm1d(8, { trackRunningStats: false }), new Linear(8, 1))`,
      ),
      {},
      "train: 257 samples are evaluated 256 at a time, and the last one is alone, but BatchNorm without running statistics needs two values per channel; leave one out, or keep running statistics",
    ],
  ])("%s", async (_, job, options, message) => {
    const running = run(job, options);
    const started: string[] = [];
    running.on("start", ({ type }) => started.push(type));
    await expect(running).rejects.toEqual(new JobError(message));
    expect(started).toEqual([]);
  });

  it.each<[what: string, job: string, options: TrainOptions]>([
    ["dropLast leaves it out", normalized(65, "sampling: { dropLast: true }"), {}],
    ["a run that ends before it does not come to it", normalized(65, ""), { steps: 2 }],
    ["two samples are enough", normalized(66, ""), { shards: 8 }],
    [
      "so is one sample with more values than one",
      normalized(
        33,
        `model: () => new Sequential(new Linear(2, 8), new BatchNorm1d(2), new Linear(8, 1)),
         loss: (m, b) => c.mean(c.square(m.forward(c.stack([b.x, b.x], 1))))`,
      ),
      {},
    ],
  ])("%s", async (_, job, options) => {
    expect((await run(job, { epochs: 1, ...options })).steps).toBeGreaterThan(0);
  });
});

/** 64 samples in steps of 8, in order; step 3 has no weight, and in step 5 the first half has none. */
const weighted = (parts = "") =>
  writeJob(`
    import { Adam, BatchNorm1d, div, EMA, Linear, mul, Sequential, SGD, square, squeeze, sub, sum } from "@shardgrad/core";
    import { defineJob } from "@shardgrad/parallel";
    const a = Float32Array.from({ length: 64 }, (_, i) => Math.sin(i)), y = a.map((v) => 3 * v + 1);
    const w = a.map((_, i) => Number((i < 16 || i > 23) && (i < 32 || i > 35)));
    export default defineJob({
      dataset: { train: { a: { data: a, shape: [1] }, y, w } }, sampleWeight: "w", model: () => new Linear(1, 1),
      loss: (m, b) => div(sum(mul(square(sub(squeeze(m.forward(b.a), 1), b.y)), b.w)), sum(b.w)),
      optimizer: (p) => new Adam(p, { lr: (step) => 0.1 / (1 + step) }), sampling: { shuffle: false },
      batchSize: 8, epochs: 3, shards: 2, ${parts} });`);

describe("a step whose samples have no weight is left out, and counted:", () => {
  const job = weighted();
  const without = weighted(
    `dataset: { train: { a: { data: a.filter((_, i) => i < 16 || i > 23), shape: [1] }, y: y.filter((_, i) => i < 16 || i > 23), w: w.filter((_, i) => i < 16 || i > 23) } }`,
  );

  it("with the bits of a run without its samples, for any number of workers, also where schedules count", async () => {
    const expected = await run(without);
    expect(expected.skipped).toBe(0);
    for (const options of [
      { workers: 1 },
      { workers: 2 },
      { workers: 2, capture: false },
      { workers: 2, reduce: "coordinator" as const },
      { workers: 1, onNonFinite: "skip" as const },
      { workers: 2, onNonFinite: "stop" as const },
      { workers: 2, batchSize: 4, accumulate: 2 },
    ]) {
      const { weightsSha256, skipped } = await run(job, options);
      expect({ options, weightsSha256, skipped }).toEqual({
        options,
        weightsSha256: expected.weightsSha256,
        skipped: 3,
      });
    }
  });

  it("what is told of it: no loss, no gradient", async () => {
    const told: unknown[] = [];
    const losses: number[] = [];
    const running = run(weighted("clipGradNorm: 1"), { onStepEnd: (step) => told.push(step) });
    running.on("epoch", ({ loss }) => losses.push(loss));
    await running;
    expect(told[2]).toMatchObject({
      step: 3,
      epoch: 1,
      loss: Number.NaN,
      gradNorm: Number.NaN,
      skipped: true,
    });
    expect(told[3]).toMatchObject({ step: 4, skipped: false });
    expect(losses.every(Number.isFinite)).toBe(true);
  });

  it("the first step, too, after which graphs are compared in the second", async () => {
    const first = weighted(
      "dataset: { train: { a: { data: a, shape: [1] }, y, w: w.map((_, i) => Number(i > 7)) } }",
    );
    for (const options of [{}, { reduce: "coordinator" as const }, { syncEvery: 1 }]) {
      expect((await run(first, options)).skipped).toBe(3);
    }
  });

  it("after a resume", async () => {
    const checkpoint = { directory: join(root, "resumed") };
    await run(job, { steps: 10, checkpoint });
    const { skipped, weightsSha256 } = await run(job, { workers: 1, checkpoint, resume: "must" });
    expect([skipped, weightsSha256]).toEqual([3, (await run(job)).weightsSha256]);
  });

  it("with BatchNorm, whose running statistics it does not move", async () => {
    const parts = `model: () => new Sequential(new Linear(1, 4), new BatchNorm1d(4), new Linear(4, 1)), shards: 2`;
    const full = parts.replace(
      "shards: 2",
      "dataset: { train: { a: { data: a, shape: [1] }, y, w: w.map((_, i) => Number(i < 16 || i > 23)) } }",
    );
    const dropped = full
      .replaceAll("a: { data: a,", "a: { data: a.filter((_, i) => i < 16 || i > 23),")
      .replace(
        "y, w: w.map((_, i) => Number(i < 16 || i > 23))",
        "y: y.filter((_, i) => i < 16 || i > 23), w: w.subarray(8).fill(1)",
      );
    const expected = await run(weighted(dropped));
    for (const workers of [1, 2]) {
      const { weightsSha256, skipped } = await run(weighted(full), { workers });
      expect([weightsSha256, skipped]).toEqual([expected.weightsSha256, 3]);
    }
    await expect(run(weighted(parts))).rejects.toThrow(
      /the samples of shard 0 have no weight, but count in the/,
    );
  });

  it.each([{ syncEvery: 1 }, { syncEvery: 3 }, { syncEvery: 8 }])(
    "apart from each other: %o",
    async (options) => {
      const [one, two] = [await run(job, { workers: 1, ...options }), await run(job, options)];
      expect([one.skipped, two.skipped]).toEqual([3, 3]);
      expect(two.weightsSha256).toBe(one.weightsSha256);
      expect(two.model.parameters().every((x) => x.toArray().every(Number.isFinite))).toBe(true);
    },
  );

  it("and Hogwild", async () => {
    expect((await run(job, { hogwild: true, syncEvery: 1 })).skipped).toBe(3);
  });

  it("told in one line, once", async () => {
    const { ended } = startCommand(new URL(`file://${job}`), ["--workers", "2"]);
    const { code, stderr } = await ended;
    expect([code, stderr]).toEqual([
      0,
      "train: step 3 is skipped: its samples have no weight; further ones like it are only counted\n",
    ]);
  });

  it("but where no sample has any, that is a mistake", async () => {
    const none = weighted("dataset: { train: { a: { data: a, shape: [1] }, y, w: w.fill(0) } }");
    await expect(run(none)).rejects.toThrow(
      "train: sampleWeight w is 0 for all 64 samples, expected some above 0",
    );
  });
});
