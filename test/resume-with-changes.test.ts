// What may change when a run resumes, and what may not. Clipping, metrics, a learning rate and the like affect the
// steps to come, and the run reports them; the data and its order decided the steps that are done.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TrainEvent, TrainOptions } from "@shardgrad/parallel";
import { openCheckpoints, readCheckpoint, train } from "@shardgrad/parallel";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeJob } from "./write-job.ts";

const root = mkdtempSync(join(tmpdir(), "shardgrad-changes-"));
afterAll(() => rmSync(root, { recursive: true }));
let count = 0;
const newDirectory = () => join(root, String(count++));

/** 64 samples, 8 steps an epoch; `parts` come last, and win. */
const jobWith = (parts = "", data = "") =>
  writeJob(`
    import { abs, Linear, mse, SGD, Adam, mul, sub, mean, squeeze } from "@shardgrad/core";
    import { defineJob } from "@shardgrad/parallel";
    const a = Float32Array.from({ length: 64 }, (_, i) => Math.sin(i)), y = a.map((value) => 3 * value + 1);
    ${data}
    const columns = { a: { data: a, shape: [1] }, y: { data: y, shape: [1] } };
    const e = (m, b) => squeeze(abs(sub(m.forward(b.a), b.y)), 1);
    export default defineJob({
      dataset: { train: columns, test: columns }, model: () => new Linear(1, 1),
      loss: (m, b) => mse(m.forward(b.a), b.y), metrics: { e }, optimizer: (p) => new SGD(p, { lr: 0.1 }),
      batchSize: 8, epochs: 4, shards: 4, ${parts} });`);

async function run(job: string, options: TrainOptions) {
  const events: TrainEvent[] = [];
  const running = train(job, { kernels: "wasm", workers: 1, ...options });
  for await (const event of running) events.push(event);
  const resumed = events.flatMap((event) => (event.type === "resume" ? [event] : []))[0];
  const epochs = events.flatMap((event) => (event.type === "epoch" ? [event] : []));
  return { ...(await running), resumed, epochs };
}

const plain = jobWith();
let whole: Awaited<ReturnType<typeof run>>;
beforeAll(async () => {
  whole = await run(plain, {});
});

/** Ten steps of the plain job, then the rest of another. */
async function changed(job: string, options: TrainOptions = {}) {
  const checkpoint = { directory: newDirectory() };
  await run(plain, { steps: 10, checkpoint });
  return { ...(await run(job, { checkpoint, resume: "must", ...options })), checkpoint };
}

const newestIn = (directory: string) => {
  const names = readdirSync(directory).filter((name) => name.startsWith("step-"));
  return readCheckpoint(join(directory, names.sort().at(-1)!));
};

/** Metrics of the finished epochs, as in the newest checkpoint. */
async function metricsIn(directory: string): Promise<Record<string, number>[]> {
  const { random } = (await newestIn(directory)).state;
  return (random as unknown as { epochs: { metrics: Record<string, number> }[] }).epochs.map(
    ({ metrics }) => metrics,
  );
}

describe("a run goes on with another setting, which is told and recorded:", () => {
  it.each<[what: string, parts: string, options: TrainOptions, told: string[]]>([
    ["clipGradNorm", "clipGradNorm: 0.01", {}, ["clipGradNorm 0.01 instead of none"]],
    ["clipGradValue", "clipGradValue: 0.01", {}, ["clipGradValue 0.01 instead of none"]],
    ["the learning rate", "optimizer: (p) => new SGD(p, { lr: 0.01 })", {}, ["lr 0.01 instead of 0.1"]],
    [
      "an option of the optimizer",
      "optimizer: (p) => new SGD(p, { lr: 0.1, weightDecay: 0.5 })",
      {},
      ["weightDecay 0.5 instead of 0"],
    ],
    ["syncEvery", "", { syncEvery: 3 }, ["syncEvery 3 instead of none"]],
  ])("%s", async (_, parts, options, told) => {
    const { resumed, weightsSha256, checkpoint } = await changed(jobWith(parts), options);
    expect(resumed).toMatchObject({ step: 10, changes: told, notes: [] });
    expect(weightsSha256).not.toBe(whole.weightsSha256);
    expect((await newestIn(checkpoint.directory)).state.changes).toEqual([{ step: 10, changes: told }]);
  });

  it("the same bits on any number of workers", async () => {
    const job = jobWith("clipGradNorm: 0.01");
    const [one, two] = [await changed(job), await changed(job, { workers: 2 })];
    expect(two.weightsSha256).toBe(one.weightsSha256);
  });

  it("a schedule, by what it begins with", async () => {
    const job = jobWith("optimizer: (p) => new SGD(p, { lr: (step) => 0.1 / (1 + step) })");
    const { resumed } = await changed(job);
    expect(resumed!.changes).toEqual([
      expect.stringMatching(/^lr from 0\.1 by a function \([0-9a-f]{8}\) instead of 0\.1$/),
    ]);
  });

  it("onNonFinite, as an option, with the bits that there would be without", async () => {
    const { resumed, weightsSha256 } = await changed(plain, { onNonFinite: "skip" });
    expect(resumed!.changes).toEqual(["onNonFinite skip instead of none"]);
    expect(weightsSha256).toBe(whole.weightsSha256);
  });

  it("none, if none is another", async () => {
    const { resumed, weightsSha256, checkpoint } = await changed(plain);
    expect(resumed!.changes).toEqual([]);
    expect(weightsSha256).toBe(whole.weightsSha256);
    expect((await newestIn(checkpoint.directory)).state).toMatchObject({
      changes: [],
      settings: { lr: 0.1 },
    });
  });

  it("an average of the weights, which begins with the weights as they are, and ends when it is given up", async () => {
    const averaging = jobWith("ema: { decay: 0 }");
    const { resumed, weightsSha256, checkpoint } = await changed(averaging, { steps: 20, useEma: true });
    expect(resumed!.changes).toEqual(["ema decay 0 instead of none", "useEma added"]);
    // An average with decay 0 equals the weights.
    expect(weightsSha256).toBe((await run(plain, { steps: 20 })).weightsSha256);
    const back = await run(plain, { checkpoint, resume: "must" });
    expect(back.resumed!.changes).toEqual(["ema decay none instead of 0", "useEma removed"]);
    expect(back.weightsSha256).toBe(whole.weightsSha256);
    expect((await newestIn(checkpoint.directory)).state.changes.map(({ step }) => step)).toEqual([10, 20]);
  });
});

describe("metrics are known by their names:", () => {
  it("one more, and the others in another order", async () => {
    const job = jobWith("metrics: { twice: (m, b) => mul(e(m, b), 2), e }");
    const { resumed, epochs, metrics, checkpoint } = await changed(job);
    expect(resumed!.changes).toEqual(["metric twice added"]);
    expect(epochs.map(({ epoch, metrics: { e } }) => ({ epoch, e }))).toEqual(
      whole.epochs.slice(1).map(({ epoch, metrics: { e } }) => ({ epoch, e })),
    );
    expect(metrics.twice).toBeCloseTo(2 * Number(metrics.e), 12);
    // The first epoch has no value, and none is invented.
    const saved = await metricsIn(checkpoint.directory);
    expect(saved.map((metrics) => Object.keys(metrics))).toEqual([
      ["e", "testLoss"],
      ["twice", "e", "testLoss"],
      ["twice", "e", "testLoss"],
      ["twice", "e", "testLoss"],
    ]);
  });

  it("one less, whose values of earlier epochs stay in the checkpoint", async () => {
    const { resumed, checkpoint, weightsSha256 } = await changed(jobWith("metrics: {}"));
    expect(resumed!.changes).toEqual(["metric e removed"]);
    expect(weightsSha256).toBe(whole.weightsSha256);
    const { metrics, testLoss } = whole.epochs[0]!;
    expect((await metricsIn(checkpoint.directory))[0]).toEqual({ ...metrics, testLoss });
  });

  it("a run that is over has no value of a metric that it did not have", async () => {
    const checkpoint = { directory: newDirectory() };
    await run(plain, { checkpoint });
    const job = jobWith("metrics: { e, twice: (m, b) => mul(e(m, b), 2) }");
    const { metrics } = await run(job, { checkpoint, resume: "must" });
    expect(metrics).toEqual(whole.metrics);
  });

  it("early stopping by a new one does not count the epochs before", async () => {
    const checkpoint = { directory: newDirectory() };
    await run(plain, { epochs: 3, checkpoint });
    const parts =
      'metrics: { e, flat: { perSample: (m, b) => mul(e(m, b), 0), direction: "max" } }, earlyStopping: { metric: "flat", patience: 3 }';
    const { steps, stoppedEarly } = await run(jobWith(parts), { checkpoint, resume: "must", epochs: 20 });
    // Best in its first epoch, the fourth, and three more.
    expect([steps, stoppedEarly]).toEqual([8 * 7, expect.stringContaining("flat was best, 0, in epoch")]);
  });
});

describe("a resume on other data is refused by the name of the column:", () => {
  const checkpoint = { directory: join(root, "data") };
  beforeAll(() => run(plain, { steps: 5, checkpoint }));

  it.each<[what: string, parts: string, data: string, message: RegExp]>([
    [
      "one number",
      "",
      "y[17] += 1e-6;",
      /of another job: column y is float32 \[1\], content [0-9a-f]{16}, in the checkpoint float32 \[1\], content [0-9a-f]{16};/,
    ],
    ["two numbers exchanged", "", "[a[3], a[7]] = [a[7], a[3]];", /of another job: column a is /],
    [
      "another order",
      "sampling: { shuffle: false }",
      "",
      /of another job: order is as stored, in the checkpoint shuffled;/,
    ],
    [
      "another optimizer",
      "optimizer: (p) => new Adam(p)",
      "",
      /of another job: the optimizer is Adam, in the checkpoint SGD/,
    ],
  ])("%s", async (_, parts, data, message) => {
    await expect(run(jobWith(parts, data), { checkpoint, resume: true })).rejects.toThrow(message);
  });

  it("other samples held out, by the same fraction", async () => {
    const heldOut = (by: number) =>
      jobWith(`dataset: { train: columns }, validation: { fraction: 0.25, stratify: (i) => i % ${by} }`);
    const own = { directory: newDirectory() };
    await run(heldOut(2), { steps: 3, checkpoint: own });
    await run(heldOut(2), { steps: 4, checkpoint: own, resume: "must" });
    await expect(run(heldOut(3), { checkpoint: own, resume: true })).rejects.toThrow(
      /of another job: validation is .*, which leaves [0-9a-f]{16}, in the checkpoint .*, which leaves [0-9a-f]{16};/,
    );
  });

  it("but the set to evaluate may be another, which is told", async () => {
    const other = "dataset: { train: columns, test: { a: columns.a, y: { data: a, shape: [1] } } }";
    const { resumed } = await run(jobWith(other), { checkpoint, resume: true });
    expect(resumed!.changes).toEqual([
      expect.stringMatching(/^test set with 64 samples \([0-9a-f]{8}\) instead of with 64 samples/),
    ]);
  });
});

it("what was changed stands in state.json, for people to read", async () => {
  const { checkpoint } = await changed(jobWith("clipGradNorm: 1"));
  const name = readdirSync(checkpoint.directory).sort().at(-1)!;
  const text = readFileSync(join(checkpoint.directory, name, "state.json"), "utf8");
  expect(text).toContain('"clipGradNorm 1 instead of none"');
});

describe("what computed stands in the checkpoint, and a difference is told in one line:", () => {
  it.each<[what: string, other: Record<string, string>, told: string]>([
    ["kernels", { kernels: "wasm-plain kernels" }, "wasm-plain kernels"],
    [
      "a BLAS of another core",
      { kernels: "blas kernels", blas: "OpenBLAS 0.3.21 (Haswell)", simd: "multiply-add fused" },
      "blas kernels, OpenBLAS 0.3.21 (Haswell), multiply-add fused",
    ],
    [
      "SIMD that rounds otherwise",
      { kernels: "wasm-relaxed kernels", simd: "multiply-add in three steps" },
      "wasm-relaxed kernels, multiply-add in three steps",
    ],
  ])("%s", async (_, computedBy, told) => {
    const checkpoint = { directory: newDirectory() };
    await run(plain, { steps: 5, checkpoint });
    const { state, files } = await newestIn(checkpoint.directory);
    const own = Object.values(state.computedBy).join(", ");
    expect(own).toMatch(/^wasm-(plain|relaxed) kernels(, multiply-add (fused|in two steps))?$/);
    const store = await openCheckpoints(checkpoint.directory);
    await store.save({ state: { ...state, computedBy }, files });
    await store.close();
    const { resumed } = await run(plain, { steps: 6, checkpoint, resume: "must" });
    expect(resumed!.notes).toEqual([
      `checkpoint: saved with ${told}, resumed with ${own}: not the bits of an uninterrupted run`,
    ]);
  });

  it("the library, its version and its core, where the machine has a BLAS", async () => {
    const checkpoint = { directory: newDirectory() };
    const running = train(plain, { workers: 1, steps: 5, checkpoint });
    const libraries: (string | undefined)[] = [];
    running.on("start", ({ blas }) => libraries.push(blas));
    await running;
    expect([(await newestIn(checkpoint.directory)).state.computedBy.blas]).toEqual(libraries);
  });
});
