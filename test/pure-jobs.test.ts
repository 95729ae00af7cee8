// A job's results must not depend on who computes what. State that its functions keep, their own random numbers, and
// variables that only one thread sets are found and named, even with a single worker.
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Tensor } from "@shardgrad/core";
import type { TrainOptions } from "@shardgrad/parallel";
import { JobError, train } from "@shardgrad/parallel";
import { afterAll, describe, expect, it } from "vitest";
import { writeJob } from "./write-job.ts";

const root = mkdtempSync(join(tmpdir(), "shardgrad-pure-"));
afterAll(() => rmSync(root, { recursive: true }));

/** A job of 5 steps an epoch, with `parts` in place of its own. */
const job = (parts: string) =>
  writeJob(`
import { isMainThread } from "node:worker_threads";
import { add, buffer, clamp, detach, dropout, Generator, Linear, Module, mse, mul, noGrad, ones, parameter, rand, relu, SGD, sub, tensor, withGenerator, BatchNorm1d } from "@shardgrad/core";
import { computed, defineJob } from "@shardgrad/parallel";
const x = Float32Array.from({ length: 320 }, (_, i) => Math.sin(i));
const y = Float32Array.from({ length: 160 }, (_, i) => x[2 * i] - x[2 * i + 1]);
const columns = { x: { data: x, shape: [2] }, y: { data: y, shape: [1] } };
class Net extends Module {
  body = new Linear(2, 8);
  head = new Linear(8, 1);
  teacher = new Linear(2, 1);
  mean = buffer(ones([2]));
  scale = tensor([1, 1]).keep();
  constructor() { super(); for (const p of this.teacher.parameters()) p.requiresGrad = false; }
  forward(x) { return this.head.forward(relu(this.body.forward(mul(x, this.scale)))); }
}
const grow = (x, by = 1.01) => noGrad(() => x.copyFrom(mul(x, by)));
const fit = (model, { x, y }) => mse(model.forward(x), y);
const errors = (model, { x, y }) => mse(model.forward(x), y, { reduction: "none" });
const generator = new Generator(3);
let calls = 0;
const drawn = new Map();
let unit = 1;
export default defineJob({
  dataset: { train: columns, test: columns },
  model: () => new Net(),
  loss: fit,
  metrics: { error: errors },
  optimizer: (parameters) => new SGD(parameters, { lr: 0.1 }),
  batchSize: 32, epochs: 2, shards: 4, seed: 1,
  ${parts}
});`);

const run = (parts: string, options: TrainOptions = {}) =>
  train(job(parts), { workers: 1, kernels: "wasm", ...options });

async function refuses(parts: string, options: TrainOptions, message: RegExp) {
  const error: unknown = await run(parts, options).then(
    () => undefined,
    (error) => error,
  );
  expect(error).toBeInstanceOf(JobError);
  expect((error as Error).message).toMatch(message);
}

const loss = (statement: string) => `loss: (model, batch) => { ${statement} return fit(model, batch); },`;

describe("what functions that see no rows keep from call to call is refused before step 1", () => {
  const lost = "what it keeps in variables of its own begins anew after a restart or a resume$";
  const sgd = (lr: string) => `optimizer: (parameters) => new SGD(parameters, { lr: ${lr} }),`;

  it.each<[what: string, parts: string, message: string]>([
    [
      "a schedule that counts its calls",
      sgd("() => 0.1 / ++calls"),
      `^train: lr\\(0\\) differs: [\\d.]+ when it was first called, [\\d.]+ when it was called again; .*${lost}`,
    ],
    [
      "a schedule that lowers a variable at some steps",
      sgd("(step) => (step % 7 === 6 ? (unit *= 0.5) : unit)"),
      `^train: lr\\(0\\) differs: 1 when it was first called, 0.5 when it was called again; .*${lost}`,
    ],
    [
      "that of a parameter group",
      "optimizer: (parameters) => new SGD([{ params: parameters.slice(0, 2) }, { params: parameters.slice(2), lr: (step) => (unit = Math.max(unit, step)) }], { lr: 0.1 }),",
      `^train: lr of parameter group 1\\(0\\) differs: 1 when .*, 9 when .*${lost}`,
    ],
    [
      "the decay of an average",
      "ema: { decay: () => Math.min(0.9, ++calls / 100) },",
      `^train: ema\\.decay\\(0\\) differs: .*${lost}`,
    ],
    [
      "finish",
      "metrics: { mean: { sums: (model, batch) => [errors(model, batch), ones([])], finish: (...sums) => (unit = 0.9 * unit + 0.1 * sums[0]) } },",
      `^metrics\\.mean: finish gave [\\d.e-]+ when it was first called, [\\d.e-]+ when it was called again, for the same numbers; ${lost}`,
    ],
    [
      "score",
      "metrics: { best: { outputs: (model, { x, y }) => [model.forward(x), y], score: ([, { data }]) => (unit = Math.max(unit, data.length)) } },",
      "^metrics\\.best: score gave 2 when it was first called, 3 when it was called again",
    ],
    [
      "afterStep: a variable",
      "afterStep: ({ mean }) => { mean.copyFrom(mul(mean, 1 / ++calls)); },",
      `^train: afterStep\\(\\) gives another mean: element 0 is [\\d.]+ when it was first called, [\\d.]+ when it was called again, from the same tensors; keep .* in a buffer of the model: ${lost}`,
    ],
    [
      "afterStep: what it has seen before",
      "afterStep: (model) => { model.head.bias.copyFrom([model.before ?? 0]); model.before = model.body.weight.toArray()[0]; },",
      "^train: afterStep\\(\\) gives another head\\.bias: element 0 is 0 when",
    ],
    [
      "afterStep: Math.random",
      "afterStep: ({ mean }) => { mean.copyFrom(mul(mean, Math.random())); },",
      "^train: afterStep\\(\\) gives another mean: element 0 is",
    ],
    [
      "afterStep: a generator of its own",
      "afterStep: ({ mean }) => { mean.copyFrom(withGenerator(generator, () => rand([2]))); },",
      "^afterStep: it draws from a generator of its own \\(seed 3\\), .*leave the generator out",
    ],
    [
      "afterStep: another tensor in place of one",
      "afterStep: (model) => { model.mean = buffer(mul(model.mean, 2)); },",
      "^train: afterStep\\(\\) replaced mean; change it in place with copyFrom\\(\\)",
    ],
  ])("%s", async (_what, parts, message) => {
    await refuses(parts, {}, new RegExp(message));
  });

  it("what is the same again is not, and the calls leave the model as it is", async () => {
    const parts = `${sgd("(step) => 0.1 / (1 + step)")}
      ema: { decay: (updates) => Math.min(0.9, updates / 10) },
      metrics: { median: { outputs: (model, { x, y }) => [model.forward(x), y], score: ([{ data }]) => data.sort()[data.length >> 1] } },
      afterStep: ({ mean, body, teacher }, { step }) => {
        mean.copyFrom(add(mean, rand([2])));
        body.weight.copyFrom(clamp(body.weight, { min: -0.5, max: 0.5 }));
        teacher.bias.copyFrom([step.item()]);
      },`;
    const { model, weightsSha256 } = await run(parts);
    expect((model as unknown as { teacher: { bias: Tensor } }).teacher.bias.item()).toBe(9);
    expect((await run(parts, { workers: 2 })).weightsSha256).toBe(weightsSha256);
    // Called for steps 3 and 4 on the main thread as it goes on.
    const checkpoint = { directory: join(root, "again"), everySteps: 3 };
    await run(parts, { checkpoint, steps: 3 });
    expect((await run(parts, { checkpoint, resume: "must" })).weightsSha256).toBe(weightsSha256);
  });
});

describe("what sample() or augment() keep from call to call is refused before step 1", () => {
  it.each<[what: string, parts: string, message: RegExp]>([
    [
      "a counter",
      "augment: (sample) => { sample.x[0] += 0.01 * calls++; },",
      /^train: batch\.x differs: .* when it was first called, .* when it was called again/,
    ],
    [
      "the first draw of each sample",
      "augment: ({ x, y }, rng) => { const key = y[0]; if (!drawn.has(key)) drawn.set(key, rng.normal()); x[0] += drawn.get(key); },",
      /^train: batch\.x differs: .* on worker 0, .* on the main thread/,
    ],
    [
      "the first draw of each sample of a computed set",
      `dataset: { train: computed({ samples: 160, columns: { x: { shape: [2] }, y: { shape: [1] } },
        sample: (i, rng) => { if (!drawn.has(i)) drawn.set(i, rng.normal()); return { x: [x[2 * i], drawn.get(i)], y: [y[i]] }; } }) }, metrics: {},`,
      /^train: batch\.x differs: .* on worker 0, .* on the main thread/,
    ],
  ])("%s", async (_, parts, message) => {
    await refuses(parts, {}, message);
  });
});

describe("state that a job's functions change is refused before step 1", () => {
  it.each<[what: string, parts: string, message: RegExp]>([
    [
      "a frozen parameter in the loss",
      loss("grow(model.teacher.weight);"),
      /^train: loss\(\) changed teacher\.weight, a frozen parameter, .*before step 1; .*change it in afterStep\(model, \{ step \}\)/,
    ],
    ["a buffer in the loss", loss("grow(model.mean);"), /^train: loss\(\) changed mean, a buffer,/],
    [
      "a tensor that is no part of the state",
      loss("grow(model.scale);"),
      /^train: loss\(\) changed scale, a tensor that is neither a parameter nor a buffer, .*make it a buffer/,
    ],
    [
      "a trained weight",
      loss("for (const p of model.parameters()) grow(p, 0.5);"),
      /^train: loss\(\) changed body\.weight, a parameter,/,
    ],
    [
      "a buffer in a metric",
      "metrics: { error: (model, batch) => { grow(model.mean); return errors(model, batch); } },",
      /^train: a metric changed mean, a buffer,/,
    ],
  ])("%s", async (_what, parts, message) => {
    for (const options of [{}, { workers: 2 }, { capture: false }]) await refuses(parts, options, message);
  });
});

describe("state that is changed later is refused, too", () => {
  const late = (from: number, statement: string) =>
    loss(`if (!isMainThread && ++calls === ${from}) ${statement}`);

  // A call for the comparison, and four shards a step.
  it.each<[what: string, parts: string, options: TrainOptions, message: RegExp]>([
    [
      "in step 1",
      late(3, "grow(model.teacher.weight);"),
      {},
      /^train: loss\(\) changed teacher\.weight, a frozen parameter, in step 1;/,
    ],
    [
      "in the first step, by capture",
      late(4, "grow(model.mean);"),
      { capture: true },
      /^train: loss\(\) changed mean, a buffer, in step 1;/,
    ],
    [
      "in a later step, if it lasts",
      late(15, "grow(model.teacher.weight);"),
      {},
      /changed teacher\.weight, a frozen parameter, in the evaluation after step 5/,
    ],
    ["in the last step", late(39, "grow(model.scale);"), {}, /^train: loss\(\) changed scale, .*in step 10/],
    [
      "a weight in the last step",
      `testLoss: false, ${late(39, "grow(model.head.weight);")}`,
      { workers: 1 },
      /^train: loss\(\) changed head\.weight, a parameter, in step 10/,
    ],
    [
      "shards that train apart",
      late(6, "grow(model.teacher.weight);"),
      { syncEvery: 5 },
      /^train: loss\(\) changed teacher\.weight, .*in step 5 or before/,
    ],
    [
      "by a metric",
      "metrics: { error: (model, batch) => { if (!isMainThread && ++calls > 1) grow(model.mean); return errors(model, batch); } },",
      {},
      /^train: a metric changed mean, a buffer, in the evaluation after step 5/,
    ],
    [
      "by afterStep, where nobody else sees it",
      "afterStep: (model) => grow(model.scale),",
      {},
      /^train: afterStep\(\) changed scale, a tensor that is neither a parameter nor a buffer, in step 1; .*make it a buffer/,
    ],
    [
      "beside afterStep",
      `afterStep: (model) => grow(model.mean), ${late(4, "grow(model.mean);")}`,
      {},
      /^train: loss\(\) changed mean, a buffer, in step 1/,
    ],
  ])("%s", async (_what, parts, options, message) => {
    await refuses(parts, { capture: false, ...options }, message);
  });

  it("before it is saved", async () => {
    const directory = join(root, "saved");
    const parts = `afterStep: (model) => grow(model.mean), ${late(15, "grow(model.mean);")}`;
    const checkpoint = { directory, everySteps: 2 };
    await refuses(
      parts,
      { capture: false, checkpoint },
      /^train: loss\(\) changed mean, a buffer, in step 4/,
    );
    expect(readdirSync(directory).filter((name) => name.startsWith("step-"))).toEqual(["step-0000000002"]);
  });
});

describe("what differs from thread to thread is refused before step 1", () => {
  const values = "[\\d.e-]+ on worker 0, [\\d.e-]+ on the main thread";

  it.each<[what: string, parts: string, message: RegExp]>([
    [
      "Math.random in model()",
      "model: () => { const net = new Net(); net.scale = tensor([Math.random(), 1]).keep(); return net; },",
      new RegExp(`^train: model\\(\\) made another scale: element 0 is ${values}; .*not with Math\\.random`),
    ],
    [
      "the same in a weight",
      "model: () => { const net = new Net(); net.head.bias.copyFrom([Math.random()]); return net; },",
      new RegExp(`^train: model\\(\\) made another head\\.bias: element 0 is ${values}`),
    ],
    [
      "Math.random in loss",
      "loss: (model, batch) => mul(fit(model, batch), Math.random()),",
      /^train: loss differs: [\d.e-]+ when it was first called, .*, for the same rows; .*rand, randn, dropout/,
    ],
    [
      "what a model carries on from call to call",
      "loss: (model, batch) => { const hidden = model.hidden ?? 1; model.hidden = hidden * 2; return mul(fit(model, batch), hidden); },",
      /^train: loss differs: [\d.e-]+ when it was first called, [\d.e-]+ when it was called again, .*keep no state.*afterStep/,
    ],
    [
      "a variable that dataset() sets, in a metric",
      "dataset: () => { unit = 1000; return { train: columns, test: columns }; }, metrics: { plain: errors, inUnits: (model, batch) => mul(errors(model, batch), unit) },",
      new RegExp(`^train: metrics\\.inUnits differs: element 0 is ${values}`),
    ],
    [
      "a constant of the thread, in the loss",
      "loss: (model, batch) => mul(fit(model, batch), isMainThread ? 1 : 2),",
      new RegExp(`^train: loss differs: ${values}, for the same rows; .*rand, randn, dropout`),
    ],
    [
      "Math.random in augment",
      "augment: ({ x }) => { x[1] += Math.random(); },",
      /^train: batch\.x differs: element 1 is [\d.e-]+ when it was first called, [\d.e-]+ when it was called again, .* from rng$/,
    ],
    [
      "a counter in sample()",
      "dataset: { train: computed({ samples: 64, columns: { x: { shape: [2] }, y: { shape: [1] } }, sample: () => ({ x: [isMainThread ? 1 : 2, 0], y: 0 }) }) }, metrics: {},",
      /^train: batch\.x differs: element 0 is 2 on worker 0, 1 on the main thread/,
    ],
  ])("%s", async (_what, parts, message) => {
    await refuses(parts, {}, message);
  });

  it("a metric that fails, before the first epoch", async () => {
    const parts = "metrics: { error: (model, batch) => { throw new RangeError('no'); } },";
    await expect(run(parts, { restarts: 0 })).rejects.toThrow(/^metrics\.error: RangeError: no \(job-/);
  });
});

describe("a generator of the job's own is refused", () => {
  const message = (what: string) =>
    new RegExp(`^${what}: it draws from a generator of its own \\(seed 3\\), .*leave the generator out`);

  it.each<[what: string, parts: string]>([
    [
      "loss",
      "loss: (model, batch) => withGenerator(generator, () => fit(model, { x: dropout(batch.x, 0.3), y: batch.y })),",
    ],
    [
      "metrics.error",
      "metrics: { error: (model, batch) => withGenerator(generator, () => mul(errors(model, batch), rand([]))) },",
    ],
    ["batch", "augment: ({ x }) => { x[0] += withGenerator(generator, () => rand([]).item()); },"],
  ])("in %s", async (what, parts) => {
    for (const capture of [true, false]) await refuses(parts, { capture }, message(what));
  });

  it("but not the shard's own stream", async () => {
    const parts = "loss: (model, batch) => fit(model, { x: dropout(batch.x, 0.3), y: batch.y }),";
    const { weightsSha256 } = await run(parts);
    expect((await run(parts, { workers: 2 })).weightsSha256).toBe(weightsSha256);
  });
});

describe("unfreezing in mid-run", () => {
  const unfreeze = "for (const p of model.teacher.parameters()) p.requiresGrad = true;";
  const message =
    /^train: requiresGrad of teacher\.weight was false and is true in step \d+; .*two runs, .*learning rate of 0 .*schedule/;

  it.each<[where: string, parts: string, options: TrainOptions]>([
    ["in the loss", loss(`if (!isMainThread && ++calls === 20) { ${unfreeze} }`), { capture: false }],
    ["in the loss, at once", loss(`if (!isMainThread) { ${unfreeze} }`), {}],
    ["in the loss, on all threads", loss(unfreeze), {}],
    ["in the loss, on all threads but with shards apart", loss(unfreeze), { syncEvery: 2 }],
    [
      "in the loss, when the first epoch is over",
      loss(`if (!isMainThread && epoch.item() === 1) { ${unfreeze} }`).replace("batch)", "batch, { epoch })"),
      {},
    ],
    [
      "in afterStep of the last step",
      `afterStep: (model, { step }) => { if (step.item() === 9) { ${unfreeze} } },`,
      {},
    ],
    [
      "in a metric of averaged weights",
      `ema: { decay: 0.9 }, metrics: { error: (model, batch) => { if (!isMainThread) { ${unfreeze} } return errors(model, batch); } },`,
      { useEma: true },
    ],
    ["in afterStep", `afterStep: (model, { step }) => { if (step.item() === 3) { ${unfreeze} } },`, {}],
    [
      "in a metric",
      `metrics: { error: (model, batch) => { if (!isMainThread) { ${unfreeze} } return errors(model, batch); } },`,
      {},
    ],
  ])("%s is an error that says how", async (_where, parts, options) => {
    await refuses(parts, options, message);
  });

  it("freezing, too", async () => {
    const freeze = loss("if (!isMainThread && ++calls === 20) model.head.bias.requiresGrad = false;");
    await refuses(
      freeze,
      { capture: false },
      /^train: requiresGrad of head\.bias was true and is false in step 5;/,
    );
  });
});

it("BatchNorm moves its statistics, and nothing else does: the same bits as ever", async () => {
  const parts =
    "model: () => { const net = new Net(); net.norm = new BatchNorm1d(8); net.forward = function (x) { return this.head.forward(relu(this.norm.forward(this.body.forward(x)))); }; return net; },";
  const { weightsSha256 } = await run(parts);
  expect((await run(parts, { workers: 2 })).weightsSha256).toBe(weightsSha256);
});
