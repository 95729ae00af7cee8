// Partly frozen models: the rest trains as usual, for any number of workers, whole or resumed. Frozen parameters do not
// change, and a second run can unfreeze them.
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Module } from "@shardgrad/core";
import type { StartEvent, TrainOptions } from "@shardgrad/parallel";
import { JobError, profileJob, train } from "@shardgrad/parallel";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeJob } from "./write-job.ts";

const root = mkdtempSync(join(tmpdir(), "shardgrad-frozen-"));
afterAll(() => rmSync(root, { recursive: true }));
let count = 0;
const newPath = () => join(root, String(count++));

const job = (parts = "", norm = false) =>
  writeJob(`
import { readFileSync } from "node:fs";
import { Adam, BatchNorm1d, dropout, Linear, Module, mse, mul, ones, readSafetensors, tanh } from "@shardgrad/core";
import { defineJob } from "@shardgrad/parallel";
const x = Float32Array.from({ length: 400 }, (_, i) => Math.sin(i * i));
const y = Float32Array.from({ length: 100 }, (_, i) => x[4 * i] - 2 * x[4 * i + 3]);
const columns = { x: { data: x, shape: [4] }, y: { data: y, shape: [1] } };
class Net extends Module {
  body = new Linear(4, 8);
  ${norm ? "norm = new BatchNorm1d(8);" : ""}
  scale = ones([8], { requiresGrad: true }).keep();
  head = new Linear(8, 1);
  forward(x) {
    const h = ${norm ? "this.norm.forward(this.body.forward(x))" : "this.body.forward(x)"};
    return this.head.forward(mul(tanh(h), this.scale));
  }
}
const freeze = (net) => {
  const frozen = [...net.body.parameters(), net.scale, ${norm ? "net.norm.weight" : ""}];
  for (const parameter of frozen) parameter.requiresGrad = false;
  return net;
};
export default defineJob({
  params: { from: "" },
  dataset: { train: columns, test: columns },
  model: (_, { params: { from } }) => {
    const net = new Net();
    if (from === "") return freeze(net);
    net.loadStateDict(readSafetensors(readFileSync(from)).tensors);
    return net;
  },
  loss: (model, { x, y }) => mse(model.forward(dropout(x, 0.1)), y),
  optimizer: (parameters) => new Adam(parameters, { lr: 0.01, weightDecay: 0.1 }),
  metrics: { error: (model, { x, y }) => mse(model.forward(x), y, { reduction: "none" }) },
  batchSize: 24, epochs: 3, shards: 4, seed: 1,
  ${parts}
});`);

const values = (model: Module) =>
  Object.fromEntries([...model.stateDict()].map(([name, x]) => [name, [...x.toArray()]]));

async function run(url: string, options: TrainOptions = {}) {
  const running = train(url, { workers: 1, kernels: "wasm", ...options });
  let start: StartEvent | undefined;
  running.on("start", (event) => {
    start = event;
  });
  const { weightsSha256, metrics, model } = await running;
  return { weightsSha256, metrics, values: values(model as Module), start: start! };
}
type Result = Awaited<ReturnType<typeof run>>;
const bitsOf = ({ weightsSha256, metrics }: Result) => ({ weightsSha256, metrics });

/** Frozen ones are as they were made; all others have moved. */
function expectFrozen(before: Result, after: Result, frozen: readonly string[]): void {
  const still = Object.keys(after.values).filter(
    (name) => after.values[name]!.join() === before.values[name]!.join(),
  );
  expect(still.sort()).toEqual([...frozen].sort());
}

const frozen = ["body.weight", "body.bias", "scale"];
const plain = job();
let untrained: Result;
let expected: Result;
beforeAll(async () => {
  untrained = await run(job("optimizer: (parameters) => new Adam(parameters, { lr: 0 }),"));
  expected = await run(plain);
});

describe("the rest is trained with the same bits", () => {
  it.each<TrainOptions>([
    { workers: 2 },
    { workers: 3 },
    { workers: 2, capture: false },
    { workers: 2, reduce: "coordinator" },
    { workers: 3, batchSize: 12, accumulate: 2 },
  ])("for %o", async (options) => {
    expectFrozen(untrained, expected, frozen);
    const other = await run(plain, options);
    expect(bitsOf(other)).toEqual(bitsOf(expected));
    expect(other.values).toEqual(expected.values);
  });

  it.each([
    { steps: 3, workers: 1, resumedOn: 3 },
    { steps: 5, workers: 2, resumedOn: 1 },
  ])("ended and resumed: %o", async ({ steps, workers, resumedOn }) => {
    const checkpoint = { directory: newPath() };
    await run(plain, { workers, steps, checkpoint });
    const resumed = await run(plain, { workers: resumedOn, checkpoint, resume: "must" });
    expect(bitsOf(resumed)).toEqual(bitsOf(expected));
  });

  it.each([
    ["of the model", "new Adam(model.parameters(), { lr: 0.01, weightDecay: 0.1 })"],
    [
      "in groups",
      "new Adam([{ params: model.body.parameters() }, { params: [model.scale, ...model.head.parameters()] }], { lr: 0.01, weightDecay: 0.1 })",
    ],
  ])("when the optimizer has all parameters %s", async (_what, optimizer) => {
    const all = job(`optimizer: (_, { model }) => ${optimizer},`);
    for (const workers of [1, 2]) expect(bitsOf(await run(all, { workers }))).toEqual(bitsOf(expected));
    const checkpoint = { directory: newPath() };
    await run(all, { steps: 7, checkpoint });
    expect(bitsOf(await run(all, { workers: 3, checkpoint, resume: "must" }))).toEqual(bitsOf(expected));
  });
});

it.each<[what: string, url: string, still: readonly string[], options: TrainOptions]>([
  ["an average that is evaluated", job("ema: { decay: 0.9 },"), frozen, { useEma: true }],
  ["Local SGD", plain, frozen, { syncEvery: 3 }],
  ["clipping", job("clipGradNorm: 0.1, clipGradValue: 0.01,"), frozen, {}],
  ["BatchNorm, whose statistics move", job("", true), [...frozen, "norm.weight"], {}],
])("and so with %s", async (_what, url, still, options) => {
  const before = await run(url, { ...options, steps: 1, params: {} });
  const one = await run(url, options);
  for (const name of still) expect(one.values[name]).toEqual(before.values[name]);
  expect(
    Object.keys(one.values)
      .filter((name) => one.values[name]!.join() === before.values[name]!.join())
      .sort(),
  ).toEqual([...still].sort());
  expect(bitsOf(await run(url, { ...options, workers: 3 }))).toEqual(bitsOf(one));
});

it("the start event and the command tell how many numbers are frozen", async () => {
  expect(expected.start).toMatchObject({ parameters: 57, frozen: 48 });
  const { start } = await run(job("model: () => new Net(),"), { steps: 1 });
  expect([start.parameters, start.frozen]).toEqual([57, undefined]);
  const { stdout } = await promisify(execFile)(process.execPath, [
    fileURLToPath(new URL("../packages/shardgrad/bin/shardgrad.js", import.meta.url)),
    ...["train", plain, "--workers", "1", "--steps", "1"],
  ]);
  expect(stdout).toMatch(/^57 parameters \(48 frozen\), 100 samples/m);
});

it("profileJob lists no gradients of them", async () => {
  const kernels = async (url: string) =>
    (await profileJob(url, { rounds: 1 })).profile.rows.reduce((sum, { calls }) => sum + calls, 0);
  expect(await kernels(plain)).toBeLessThan(await kernels(job("model: () => new Net(),")));
});

it("a model that is all frozen is refused", async () => {
  const all =
    "model: () => { const net = new Net(); for (const x of net.parameters()) x.requiresGrad = false; return net; },";
  const running = run(job(all));
  await expect(running).rejects.toThrow(JobError);
  await expect(running).rejects.toThrow(
    "train: all parameters of the model are frozen; set requiresGrad of those that are to be trained to true",
  );
});

describe("a second run unfreezes, which begins with the weights of the first", () => {
  it("from its file", async () => {
    const out = newPath();
    await run(plain, { workers: 2, out });
    const begun = await run(job("optimizer: (parameters) => new Adam(parameters, { lr: 0 }),"), {
      params: { from: out },
    });
    expect(begun.values).toEqual(expected.values);
    const [one, two] = [
      await run(plain, { params: { from: out } }),
      await run(plain, { workers: 2, params: { from: out } }),
    ];
    expectFrozen(expected, one, []);
    expect(bitsOf(two)).toEqual(bitsOf(one));
    expect(one.metrics.error).toBeLessThan(expected.metrics.error as number);
  });

  it("from its last checkpoint", async () => {
    const directory = newPath();
    await run(plain, { workers: 2, checkpoint: { directory } });
    const newest = readdirSync(directory)
      .filter((name) => name.startsWith("step-"))
      .sort()
      .at(-1)!;
    const from = join(directory, newest, "model.safetensors");
    const begun = await run(job("optimizer: (parameters) => new Adam(parameters, { lr: 0 }),"), {
      params: { from },
    });
    expect(begun.values).toEqual(expected.values);
  });
});
