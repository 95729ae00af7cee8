// What a job may ask of a step besides a loss and an optimizer. The same bits for any number of workers as in a plain
// loop over core.
import { createHash } from "node:crypto";
import type { Tensor } from "@shardgrad/core";
import {
  Adam,
  backward,
  clipGradNorm,
  clipGradValue,
  crossEntropy,
  EMA,
  manualSeed,
  Permutation,
  scope,
  stepSchedule,
  useKernels,
} from "@shardgrad/core";
import type { Evaluation, StepEnd, TrainOptions } from "@shardgrad/parallel";
import { NonFiniteError, train } from "@shardgrad/parallel";
import { beforeAll, describe, expect, it } from "vitest";
import { batchOf, clusters } from "./jobs/clusters.ts";
import { model } from "./jobs/steps.ts";
import { hashOf, kernels } from "./run-on-wasm.ts";
import { writeChangedJob, writeJob } from "./write-job.ts";

const steps = new URL("./jobs/steps.ts", import.meta.url);
const wide = new URL("./jobs/wide.ts", import.meta.url);

function hash(tensors: readonly Tensor[]): string {
  const sum = createHash("sha256");
  for (const values of tensors) sum.update(new Uint8Array(values.toArray().buffer));
  return sum.digest("hex");
}

describe("clipping, groups, schedules and an average of the weights: the same bits", () => {
  let expected: string;
  let averaged: string;
  beforeAll(async () => {
    expected = await hashOf(steps, { workers: 1, shards: 4 });
    averaged = await hashOf(steps, { workers: 1, shards: 4, useEma: true });
  });

  it.each([{ workers: 2, capture: false }, { workers: 3 }, { workers: 3, reduce: "coordinator" as const }])(
    "for %o",
    async (options) => {
      expect(await hashOf(steps, { shards: 4, ...options })).toBe(expected);
      expect(await hashOf(steps, { shards: 4, ...options, useEma: true })).toBe(averaged);
      expect(averaged).not.toBe(expected);
    },
  );

  it("and, with one shard, those of a loop over core", async () => {
    useKernels(kernels);
    const { x, y } = clusters(330, 4);
    manualSeed(7);
    const net = model();
    const [first, ...params] = net.parameters() as Tensor[];
    const lr = stepSchedule({ lr: 0.02, stepSize: 3 });
    const optimizer = new Adam([{ params: [first!], lr: 0.003 }, { params }], { lr });
    const ema = new EMA(net.parameters(), { decay: 0.8 });
    const norms: number[] = [];
    for (let epoch = 0; epoch < 2; epoch++) {
      const order = new Permutation(330, 7, epoch);
      for (let start = 0; start < 330; start += 97) {
        scope(() => {
          const rows = Array.from({ length: Math.min(97, 330 - start) }, (_, i) => order.at(start + i));
          const [inputs, labels] = batchOf(rows, x, y);
          optimizer.zeroGrad();
          backward(crossEntropy(net.forward(inputs), labels));
          norms.push(clipGradNorm(net.parameters(), 0.7).item());
          clipGradValue(net.parameters(), 0.02);
          optimizer.step();
          ema.update();
        });
      }
    }
    // Some steps are clipped, and some are not.
    expect(Math.min(...norms)).toBeLessThan(0.7);
    expect(Math.max(...norms)).toBeGreaterThan(0.7);
    const told: number[] = [];
    const run = { kernels, workers: 1, shards: 1 } as const;
    const { weightsSha256 } = await train(steps, {
      ...run,
      onStepEnd: ({ gradNorm }) => told.push(gradNorm),
    });
    expect(weightsSha256).toBe(hash(net.parameters()));
    expect(told.map(Math.fround)).toEqual(norms);
    expect(await hashOf(steps, { ...run, useEma: true })).toBe(hash(ema.averages));
  });
});

describe("accumulate", () => {
  it.each([wide, steps])(
    "4 micro-batches of 32 are one batch of 128, with the same shards: %s",
    async (job) => {
      const whole = await hashOf(job, { workers: 1, shards: 8, batchSize: 128 });
      for (const options of [{ workers: 1 }, { workers: 3 }, { workers: 2, capture: false }]) {
        expect(await hashOf(job, { shards: 8, batchSize: 32, accumulate: 4, ...options })).toBe(whole);
      }
      expect(await hashOf(job, { workers: 1, shards: 8, batchSize: 32 })).not.toBe(whole);
    },
  );

  it("has a shard per worker and micro-batch, unless they are pinned", async () => {
    const run = train(wide, { kernels, workers: 2, batchSize: 24, accumulate: 4, epochs: 1 });
    run.on("start", (event) => {
      expect(event).toMatchObject({ shards: 8, batchSize: 96, accumulate: 4, steps: 4 });
    });
    expect((await run).weightsSha256).toBe(
      await hashOf(wide, { workers: 1, shards: 8, batchSize: 96, epochs: 1 }),
    );
  });
});

const broken = (change: string) =>
  writeJob(`
    import { isMainThread, threadId } from "node:worker_threads";
    import { Adam, SGD, Linear, Module, add, mean, mul, sqrt, sum } from "@shardgrad/core";
    import { defineJob } from "@shardgrad/parallel";
    const x = Float32Array.from({ length: 128 }, (_, i) => Math.sin(i));
    class One extends Module {
      used = new Linear(2, 1);
    }
    class Two extends One {
      spare = new Linear(2, 1);
    }
    const parts = {
      dataset: { train: { x: { data: x, shape: [2] } } },
      sampling: { shuffle: false },
      model: () => new One(),
      loss: (model, { x }) => mean(model.used.forward(x)),
      optimizer: (parameters) => new SGD(parameters, { lr: 0.01 }),
      batchSize: 16, epochs: 2, shards: 4,
    };
    ${change}`);

// Sample 21, in step 2 and its shard 1: the root has an infinite gradient at 0, so the weights' gradient is NaN.
const rootOfZero = `
    for (let i = 0; i < 128; i++) x[i] = 1 + (i % 7);
    x[42] = x[43] = 0;
    const loss = (model, { x }) => mean(add(sqrt(sum(mul(x, mul(model.used.weight, model.used.weight)), 1)), sum(mul(model.used.bias, model.used.bias))));`;
const failing = `${rootOfZero} export default defineJob({ ...parts, loss, onNonFinite: "stop" });`;

describe("what is not finite", () => {
  it.each([1, 2, 3])("ends the run, and is named, with %i workers", async (workers) => {
    const error = await train(broken(failing), { workers }).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(NonFiniteError);
    expect((error as Error).message).toMatch(
      /^train: step 2: shard 1 has a gradient that is not finite, first in used\.weight; expected finite numbers: /,
    );
  });

  it.each<[what: string, job: string, line: string]>([
    [
      "of one shard by its loss, of the next by its gradient",
      `dataset: { train: { x: col(1, 1), y: col(1e20, 1), z: col(1, 0) } },
       loss: (model, { x, y, z }) => {
         const p = model.forward(x);
         return add(mse(p, y), mean(sqrt(mul(mul(p, p), z))));
       },`,
      "shard 0 has the loss Infinity",
    ],
    [
      "in the sum of gradients that are finite",
      `dataset: { train: { x: col(3e38, 3e38) } }, loss: (model, { x }) => mean(model.forward(x)),`,
      "the sum over all shards is not finite",
    ],
  ])("is named the same for any number of workers: %s", async (_, parts, line) => {
    const job = writeJob(`
      import { add, Linear, mean, mse, mul, SGD, sqrt } from "@shardgrad/core";
      import { defineJob } from "@shardgrad/parallel";
      const col = (...v) => ({ data: Float32Array.from(v), shape: [1] });
      export default defineJob({ ${parts} model: () => new Linear(1, 1), optimizer: (p) => new SGD(p, { lr: 1e-38 }),
        onNonFinite: "stop", sampling: { shuffle: false }, lossOver: "shard", batchSize: 2, shards: 2, epochs: 1 });`);
    for (const workers of [1, 2]) {
      const error = await train(job, { workers }).catch((reason: unknown) => reason);
      expect((error as Error).message).toBe(
        `train: step 1: ${line}; expected finite numbers: lower the learning rate, clip gradients, or look at the data`,
      );
    }
  });

  it("of samples that weigh next to nothing is nothing, for any number of workers", async () => {
    const job = writeJob(`
      import { Linear, mse, SGD } from "@shardgrad/core";
      import { defineJob } from "@shardgrad/parallel";
      const x = Float32Array.from({ length: 8 }, (_, i) => 1 + Math.sin(i));
      const w = new Float32Array(8).fill(0);
      w[1] = w[6] = 1.4e-45;
      export default defineJob({ dataset: { train: { x: { data: x, shape: [1] }, y: { data: x, shape: [1] }, w } },
        model: () => new Linear(1, 1), sampleWeight: "w", loss: (m, b) => mse(m.forward(b.x), b.y), lossOver: "shard",
        optimizer: (p) => new SGD(p, { lr: 0.1 }), batchSize: 8, shards: 2, epochs: 2 });`);
    const [one, two] = [await train(job, { workers: 1 }), await train(job, { workers: 2 })];
    expect(one.weightsSha256).toBe(two.weightsSha256);
  });

  it("is skipped, if asked: as if the step had not been", async () => {
    const job = broken(failing);
    const seen: StepEnd[] = [];
    const first = await train(job, {
      workers: 2,
      onNonFinite: "skip",
      epochs: 1,
      onStepEnd: (step) => seen.push(step),
    });
    expect(first).toMatchObject({ skipped: 1, steps: 4 });
    expect(seen.map(({ skipped }) => skipped)).toEqual([false, true, false, false]);
    expect(first.model.parameters().every((parameter) => parameter.toArray().every(Number.isFinite))).toBe(
      true,
    );
    const others = await Promise.all(
      [1, 3, 4].map((workers) => hashOf(job, { workers, onNonFinite: "skip", epochs: 1 })),
    );
    expect(new Set([await hashOf(job, { workers: 2, onNonFinite: "skip", epochs: 1 }), ...others]).size).toBe(
      1,
    );
    const capture = await hashOf(job, { workers: 2, onNonFinite: "skip", epochs: 1, capture: false });
    expect(capture).toBe(others[0]);
  });

  it("and skipped, leaves no trace in weights, their average, optimizer or schedule", async () => {
    const trained = (data: string) =>
      broken(`${rootOfZero} export default defineJob({
        ...parts, loss, onNonFinite: "skip", ema: { decay: 0.5 },
        dataset: { train: { x: { data: ${data}, shape: [2] } } },
        optimizer: (parameters) => new Adam(parameters, { lr: (step) => 0.1 / (1 + step) }),
      });`);
    // The same without the samples of step 2, which each of two epochs skips.
    const without = trained("Float32Array.from([...x.subarray(0, 32), ...x.subarray(64)])");
    for (const useEma of [false, true]) {
      const skipping = await train(trained("x"), { kernels, workers: 2, useEma });
      expect(skipping).toMatchObject({ skipped: 2, steps: 8 });
      expect(skipping.weightsSha256).toBe(await hashOf(without, { workers: 1, useEma }));
    }
  });

  it("if a loss, ends the run also unasked, before the weights change", async () => {
    const infinite = broken(
      `export default defineJob({ ...parts, loss: (model, { x }) => mul(mean(model.used.forward(x)), Infinity) });`,
    );
    await expect(train(infinite, { workers: 2 })).rejects.toThrow(
      /^train: step 1: shard 0 has the loss -?Infinity and a gradient that is not finite, first in used\.weight;/,
    );
  });
});

describe("graphs", () => {
  it("that differ from shard to shard are an error at the first step", async () => {
    const job = broken(`
      export default defineJob({ ...parts, model: () => new Two(), lossOver: "shard", loss: (model, { x }) => mean((x.data()[2] > 0 ? model.used : model.spare).forward(x)) });`);
    await expect(train(job, { workers: 2, shards: 2, capture: false })).rejects.toThrow(
      /^train: step 1 has different graphs: used\.weight, used\.bias, spare\.weight, spare\.bias got a gradient from only one of shard 0 and shard 1/,
    );
  });

  it("of parameters that come later are an error, too", async () => {
    const job = broken(`export default defineJob({ ...parts, loss: (model, { x }) => {
      model.late ??= new Linear(2, 1);
      return mean(model.used.forward(x));
    } });`);
    await expect(train(job, { workers: 2 })).rejects.toThrow(
      /^train: the first pass changed the model's parameters \(late\.weight \[1,2\], late\.bias \[1\]\)/,
    );
  });

  it("of optimizers that depend on the thread, too", async () => {
    const job = broken(
      "export default defineJob({ ...parts, optimizer: (p) => new SGD(p, { lr: isMainThread ? 0.1 : 0.2 }) });",
    );
    await expect(train(job, { workers: 2 })).rejects.toThrow(
      /^train: optimizer\(\) built SGD \(parameters 0 1: lr 0\.2, .*lr 0\.1/,
    );
  });
});

describe("early stopping", () => {
  const rule = (parts: string) =>
    writeChangedJob(new URL("./jobs/clusters.ts", import.meta.url), `epochs: 40, earlyStopping: ${parts}`);

  it("comes at the same step for any number of workers, also if the coordinator averages", async () => {
    const job = rule('{ metric: "accuracy", patience: 2 }');
    const runs = await Promise.all(
      [{ workers: 1 }, { workers: 2 }, { workers: 3 }, { workers: 2, reduce: "coordinator" as const }].map(
        (options) => train(job, { shards: 3, kernels, ...options }),
      ),
    );
    const [{ steps: done, weightsSha256, stoppedEarly }] = runs as [(typeof runs)[0]];
    expect(done).toBeLessThan(40 * 11);
    expect(done % 11).toBe(0);
    expect(stoppedEarly).toMatch(
      /^accuracy was best, 0\.\d+, in epoch \d+, and has not improved in 2 epochs$/,
    );
    for (const run of runs)
      expect(run).toMatchObject({ steps: done, weightsSha256, stoppedEarly, stopped: true });
  });

  it("follows the loss of training where it is told to, and knows what there is", async () => {
    const { steps: done } = await train(rule('{ metric: "loss", patience: 1, minDelta: 100 }'), {
      workers: 2,
    });
    expect(done).toBe(22);
    await expect(train(rule('{ metric: "f1", patience: 1 }'), { workers: 2 })).rejects.toThrow(
      'defineJob: earlyStopping looks at "f1", expected one of loss, testLoss, accuracy',
    );
  });
});

describe("callbacks", () => {
  it("see every step once, in order, before the epoch that it belongs to", async () => {
    const seen: (string | StepEnd | Evaluation)[] = [];
    await train(steps, {
      workers: 2,
      onStepEnd: (step) => seen.push(step),
      onEvaluate: (evaluation) => seen.push(evaluation),
      onEpochEnd: ({ epoch }) => seen.push(`epoch ${epoch}`),
    });
    const short = seen.map((entry) =>
      typeof entry === "string" ? entry : "metrics" in entry ? `evaluate ${entry.step}` : entry.step,
    );
    expect(short).toEqual([1, 2, 3, 4, "evaluate 4", "epoch 1", 5, 6, 7, 8, "evaluate 8", "epoch 2"]);
    expect(seen[0]).toMatchObject({ epoch: 1, skipped: false, loss: expect.closeTo(2.1, 0) });
  });

  it("that throw end the run", async () => {
    const run = train(steps, {
      workers: 2,
      onEpochEnd: () => {
        throw new RangeError("enough");
      },
    });
    await expect(run).rejects.toThrow("enough");
  });
});

describe("lines for the user", () => {
  /** What a run writes to standard error on this thread. */
  const linesOf = async (job: string, options: TrainOptions) => {
    const lines: string[] = [];
    const write = process.stderr.write;
    process.stderr.write = ((text: string) => lines.push(String(text)) > 0) as typeof write;
    try {
      await train(job, options);
    } finally {
      process.stderr.write = write;
    }
    return lines.join("");
  };

  it("name parameters without a gradient, once", async () => {
    const job = broken("export default defineJob({ ...parts, model: () => new Two() });");
    expect(await linesOf(job, { workers: 2 })).toBe(
      "train: no gradient reaches spare.weight, spare.bias; it counts as zero, in this and every step\n",
    );
  });

  it("tell of the first steps that are skipped, even if they come all at once", async () => {
    const told = await linesOf(broken(failing), { workers: 2, onNonFinite: "skip", epochs: 7 });
    const reason = "shard 1 has a gradient that is not finite, first in used.weight";
    const lines = [2, 6, 10, 14, 18].map((step) => `train: step ${step} is skipped: ${reason}`);
    expect(told).toBe(`${lines.join("\n")}; further ones are only counted\n`);
  });
});
