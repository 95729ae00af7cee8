// Whole runs over data that is drawn, weighted, computed, augmented or held out: the results are right, and do not
// depend on the number of workers.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  Adam,
  backward,
  crossEntropy,
  div,
  manualSeed,
  mul,
  Permutation,
  scope,
  sum,
  tensor,
} from "@shardgrad/core";
import type { TrainEvent, TrainOptions } from "@shardgrad/parallel";
import { JobError, train, WorkerError } from "@shardgrad/parallel";
import { describe, expect, it } from "vitest";
import { model } from "./jobs/clusters.ts";
import type { SampledJob } from "./jobs/sampled.ts";
import { data, row, sampledJob, weightOf } from "./jobs/sampled.ts";
import { writeJob } from "./write-job.ts";

const hashOf = async (name: SampledJob, options: TrainOptions) =>
  (await train(sampledJob(name), options)).weightsSha256;

/** All parameters of a model, one after another; frees the model. */
function flat(net: { parameters(): { toArray(): ArrayLike<number>; dispose(): void }[] }): number[] {
  return net.parameters().flatMap((parameter) => {
    const values = Array.from(parameter.toArray());
    parameter.dispose();
    return values;
  });
}

function largestDifference(a: number[], b: number[]): number {
  expect(a).toHaveLength(b.length);
  return Math.max(...a.map((value, i) => Math.abs(value - b[i]!)));
}

describe.each<SampledJob>([
  "ordered",
  "weighted",
  "balanced",
  "computed",
  "augmented",
  "weights",
  "ignored",
  "validated",
  "computed fold",
])("%s, with 3 shards", (name) => {
  it("1 and 3 workers end with the same bits and metrics, captured or not", async () => {
    const runs = [];
    for (const options of [{ workers: 1, capture: false }, { workers: 3 }]) {
      runs.push(await train(sampledJob(name), { shards: 3, ...options }));
    }
    expect(runs.map(({ captured }) => captured)).toEqual([false, true]);
    const [first, ...others] = runs.map(({ weightsSha256, metrics }) => ({ weightsSha256, metrics }));
    for (const other of others) expect(other).toEqual(first);
    for (const { model: net } of runs) flat(net);
  });

  it("one shard computes the same to rounding", async () => {
    // Few steps: Adam magnifies what rounding does to small gradients.
    const ends = [];
    for (const shards of [1, 3]) {
      const losses: number[] = [];
      const run = train(sampledJob(name), { workers: 1, shards, steps: 3 });
      run.on("epoch", ({ loss }) => losses.push(loss));
      ends.push({ weights: flat((await run).model), losses });
    }
    expect(largestDifference(ends[0]!.weights, ends[1]!.weights)).toBeLessThan(1e-4);
    expect(ends[1]!.losses[0]).toBeCloseTo(ends[0]!.losses[0]!, 5);
  });
});

it("the coordinator averages by weights to the same bits, and another seed leads to others", async () => {
  const [byWorkers, byCoordinator, otherSeed] = await Promise.all([
    hashOf("weights", { workers: 2, shards: 3 }),
    hashOf("weights", { workers: 2, shards: 3, reduce: "coordinator" }),
    hashOf("weights", { workers: 2, shards: 3, seed: 8 }),
  ]);
  expect(byCoordinator).toBe(byWorkers);
  expect(otherSeed).not.toBe(byWorkers);
});

it("every way to draw leads to other weights", async () => {
  const names = ["plain", "ordered", "weighted", "balanced", "computed", "augmented", "weights"] as const;
  const hashes = [];
  for (const name of names) hashes.push(await hashOf(name, { workers: 1, shards: 1 }));
  expect(new Set(hashes).size).toBe(names.length);
});

it("samples that are computed train like the same samples in memory, bit for bit", async () => {
  expect(await hashOf("recomputed", { workers: 2, shards: 4 })).toBe(
    await hashOf("plain", { workers: 1, shards: 4 }),
  );
});

it("a job's validation holds out what `splitColumns` does: the same weights and metrics", async () => {
  const events: TrainEvent[] = [];
  const run = train(sampledJob("validated"), { workers: 2, shards: 2 });
  for await (const event of run) events.push(event);
  expect(events[0]).toMatchObject({ trainSamples: 120, testSamples: 30, evaluates: "validation", steps: 10 });
  const { weightsSha256, metrics } = await run;
  expect(await train(sampledJob("presplit"), { workers: 2, shards: 2 })).toMatchObject({
    weightsSha256,
    metrics,
  });
  expect(metrics.accuracy).toBeGreaterThan(0.3);
});

it("shards that a last batch leaves empty weigh nothing: any number of shards computes the same", async () => {
  // 150 samples in batches of 37: the last step has 2 for 37 shards.
  const ends = [];
  for (const shards of [1, 37]) {
    const { model: net, steps } = await train(sampledJob("plain"), {
      workers: 1,
      batchSize: 37,
      shards,
      epochs: 1,
    });
    expect(steps).toBe(5);
    ends.push(flat(net));
  }
  expect(largestDifference(ends[0]!, ends[1]!)).toBeLessThan(1e-4);
  const hashes = [];
  for (const workers of [1, 3]) hashes.push(await hashOf("plain", { workers, batchSize: 37, shards: 37 }));
  expect(hashes[0]).toBe(hashes[1]);
});

describe("weights of samples", () => {
  /** A plain loop over core: the weighted mean over each whole batch; and over all of them. */
  function loop(steps: number): { weights: number[]; loss: number } {
    let [lossSum, weightSum] = [0, 0];
    manualSeed(7);
    const net = model();
    const optimizer = new Adam(net.parameters(), { lr: 0.01 });
    const order = new Permutation(150, 7, 0);
    for (let step = 0; step < steps; step++) {
      scope(() => {
        const rows = Array.from({ length: 24 }, (_, i) => order.at(step * 24 + i));
        const x = tensor(rows.map((i) => [...row(i)]));
        const y = tensor(
          rows.map((i) => data.y[i]!),
          { dtype: "int32" },
        );
        const w = tensor(rows.map(weightOf));
        const losses = crossEntropy(net.forward(x), y, { reduction: "none" });
        const total = sum(mul(losses, w));
        lossSum += total.item();
        weightSum += sum(w).item();
        optimizer.zeroGrad();
        backward(div(total, sum(w)));
        optimizer.step();
      });
    }
    return { weights: flat(net), loss: lossSum / weightSum };
  }

  it.each([1, 2, 5, 24])("%i shards give the mean over the batch by weights, to rounding", async (shards) => {
    const losses: number[] = [];
    const run = train(sampledJob("weights"), { workers: Math.min(2, shards), shards, steps: 4 });
    const { model: net } = await run.on("epoch", ({ loss }) => losses.push(loss));
    const expected = loop(4);
    expect(largestDifference(flat(net), expected.weights)).toBeLessThan(2e-5);
    expect(losses[0]).toBeCloseTo(expected.loss, 5);
  });
});

const start = `
  import { SGD, Linear, mean, mse } from "@shardgrad/core";
  import { computed, defineJob } from "@shardgrad/parallel";
  const columns = { x: { shape: [2] }, y: { shape: [1] } };
  const good = (i) => ({ x: [i, 1], y: i });
  const set = (sample) => computed({ samples: 40, columns, sample });
  const memory = {
    x: { data: new Float32Array(80).fill(1), shape: [2] },
    y: { data: new Float32Array(40).fill(1), shape: [1] },
    w: new Float32Array(40),
  };
  const parts = {
    dataset: { train: memory },
    model: () => new Linear(2, 1),
    loss: (model, { x, y }) => mse(model.forward(x), y),
    optimizer: (parameters) => new SGD(parameters, { lr: 0.001 }),
    batchSize: 8, epochs: 1, seed: 3,
  };
  const metrics = { error: (model, { x, y }) => mse(model.forward(x), y, { reduction: "none" }) };`;

/** The error that a run ends with. */
function failureOf(job: string, options: TrainOptions): Promise<Error | undefined> {
  return train(job, options).then(
    () => undefined,
    (reason: unknown) => reason as Error,
  );
}

it("in a run, every draw of a sample and every epoch has random numbers of its own", async () => {
  // One sample, drawn repeatedly; the loss is the mean of its random numbers, uniform from 0 to 1.
  const job = writeJob(`
    import { add, Linear, mean, mul, SGD } from "@shardgrad/core";
    import { computed, defineJob } from "@shardgrad/parallel";
    const sample = (_, rng) => ({ x: rng.uniform() });
    export default defineJob({
      dataset: { train: computed({ samples: 1, columns: { x: { shape: [1] } }, sample }) },
      sampling: { weights: [1], samples: 2000 },
      model: () => new Linear(1, 1),
      loss: (model, { x }) => add(mean(x), mul(mean(model.forward(x)), 0)),
      optimizer: (parameters) => new SGD(parameters, { lr: 0.1 }),
      batchSize: 500, epochs: 3, shards: 3,
    });`);
  const losses: number[] = [];
  await train(job, { workers: 2 }).on("epoch", ({ loss }) => losses.push(loss));
  expect(new Set(losses).size).toBe(3);
  // Within four standard deviations of a mean of 2000.
  for (const loss of losses) expect(Math.abs(loss - 0.5)).toBeLessThan(4 * Math.sqrt(1 / 12 / 2000));
});

describe("what does not fit ends the run with a JobError that says what", () => {
  it.each<[name: string, change: string, message: RegExp]>([
    [
      "a sample of wrong length",
      "dataset: { train: set((i) => ({ ...good(i), x: i === 17 ? [1] : [1, 2] })) }",
      /^dataset: train column x of sample 17 has 1 numbers, expected 2 numbers$/,
    ],
    [
      "a promise",
      "dataset: { train: set(async (i) => good(i)) }",
      /^dataset: train sample \d+: sample\(\) returned a promise/,
    ],
    [
      "a computed test set with other columns",
      "metrics, dataset: { train: memory, test: set(good) }",
      /^dataset: test columns are .*train columns/,
    ],
    [
      "a bad first test sample, found before the training",
      "metrics, dataset: { train: set(good), test: set((i) => ({ ...good(i), y: NaN })) }, loss: () => { throw new Error('step') }",
      /^dataset: test column y of sample 0 has NaN at place 0/,
    ],
    [
      "a bad test sample",
      "metrics, dataset: { train: set(good), test: set((i) => ({ ...good(i), y: i < 30 ? 1 : NaN })) }",
      /^dataset: test column y of sample 30 has NaN at place 0/,
    ],
    [
      "augmentation that leaves NaN",
      "augment: ({ x }) => { x[0] = 0 / 0 }",
      /^dataset: train column x of sample \d+ has NaN at place 0/,
    ],
    [
      "a computed set that is hidden in a function",
      "dataset: () => ({ train: set(good) })",
      /^dataset: train is computed, but a function returned it/,
    ],
    [
      "weights of samples that are all 0",
      "sampleWeight: 'w'",
      /^train: sampleWeight w is 0 for all 40 samples, expected some above 0/,
    ],
    [
      "weights of samples that are not there",
      "sampleWeight: 'weight'",
      /^train: sampleWeight names column weight, which is not there; expected a column of single float32/,
    ],
    [
      "weights of samples that are vectors",
      "sampleWeight: 'x'",
      /^train: sampleWeight names column x, which is float32 \[2\]; expected a column of single float32/,
    ],
    [
      "a weight of a sample below 0",
      "sampleWeight: 'w', dataset: { train: { ...memory, w: new Float32Array(40).fill(-1, 7, 8) } }",
      /^train: sampleWeight: sample 7 has -1, expected a finite number of at least 0/,
    ],
    [
      "an augmented weight below 0",
      "sampleWeight: 'w', augment: () => ({ w: -1 })",
      /^train: sampleWeight w is -1 for a sample, expected a number of at least 0/,
    ],
    [
      "weights for draws from a computed column",
      "dataset: { train: set(good) }, sampling: { weights: 'y' }",
      /^sampling.weights: column y is computed, and not known beforehand; give an array, or a function/,
    ],
    [
      "validation beside a test set",
      "metrics, validation: 0.1, dataset: { train: memory, test: memory }",
      /^train: the job has `validation`, and its dataset has `test` columns; leave one of them out/,
    ],
    [
      "bytes that are scaled in one of the two sets only",
      "dataset: { train: { x: { data: new Uint8Array(4), scale: 1 } }, test: { x: new Uint8Array(4) } }",
      /^dataset: test columns are x int32 \[\], train columns x float32 \[\]; they must agree/,
    ],
    ["validation of everything", "validation: 1", /^defineJob: validation: fraction is 1, expected a number/],
    [
      "more shards than samples in a batch",
      "shards: 9",
      /^train: 9 shards for batches of 8 samples; every shard needs at least one sample/,
    ],
  ])("%s", async (_, change, message) => {
    const job = writeJob(`${start}\nexport default defineJob({ ...parts, ${change} });`);
    const error = await failureOf(job, { workers: 2 });
    expect(String(error?.message)).toMatch(message);
    expect(error).toBeInstanceOf(JobError);
  });

  it("but for what a sample throws: that is tried again, once if it comes again", async () => {
    const throwing = (once: boolean) => {
      const marker = JSON.stringify(join(mkdtempSync(join(tmpdir(), "shardgrad-sample-")), "thrown"));
      const failing = once ? `index === 5 && !existsSync(${marker})` : "index === 5";
      return writeJob(`
        import { existsSync, writeFileSync } from "node:fs";
        ${start}
        const sample = (index) => {
          if (!(${failing})) return good(index);
          writeFileSync(${marker}, "");
          throw new RangeError("no file");
        };
        export default defineJob({ ...parts, dataset: { train: set(sample) } });`);
    };
    const plain = await train(
      writeJob(`${start}\nexport default defineJob({ ...parts, dataset: { train: set(good) } });`),
      {
        workers: 2,
        shards: 2,
      },
    );
    const passing = await train(throwing(true), { workers: 2, shards: 2 });
    expect(passing.weightsSha256).toBe(plain.weightsSha256);
    const error = await failureOf(throwing(false), { workers: 2, shards: 2 });
    expect(error).toBeInstanceOf(WorkerError);
    expect(String(error?.message)).toMatch(
      /\(gather\): dataset: train sample 5: sample\(\) threw RangeError: no file; a restart did not help$/,
    );
  });

  it("shows where a sample's error came from", async () => {
    const job = writeJob(
      `${start}\nfunction readPicture() { throw new Error("gone"); }\nexport default defineJob({ ...parts, dataset: { train: set(readPicture) } });`,
    );
    const error = await failureOf(job, { workers: 1 });
    expect(String((error?.cause as Error | undefined)?.stack)).toMatch(
      /caused by: Error: gone\n\s+at readPicture/,
    );
  });
});
