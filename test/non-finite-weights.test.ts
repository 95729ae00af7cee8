// No checkpoint, snapshot or file ever holds a number that is not finite: weights, optimizer state, averages,
// statistics.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TrainEvent, TrainOptions } from "@shardgrad/parallel";
import { NonFiniteError, readCheckpoint, train } from "@shardgrad/parallel";
import { afterAll, describe, expect, it } from "vitest";
import { startCommand } from "./start-command.ts";
import { writeJob } from "./write-job.ts";

const root = mkdtempSync(join(tmpdir(), "shardgrad-finite-"));
afterAll(() => rmSync(root, { recursive: true }));
let count = 0;
const newDirectory = () => join(root, String(count++));

/** 64 samples in steps of 8, in their order; in the last step of an epoch `z` is 0. */
const jobWith = (parts: string) =>
  writeJob(`
    import * as c from "@shardgrad/core";
    import { add, Linear, mean, Module, mse, mul, SGD, Adam, sqrt, square, sum } from "@shardgrad/core";
    import { defineJob } from "@shardgrad/parallel";
    const a = Float32Array.from({ length: 64 }, (_, i) => Math.sin(i));
    const y = a.map((v) => 3 * v + 1), z = a.map((_, i) => Number(i < 56));
    const columns = { a: { data: a, shape: [1] }, y: { data: y, shape: [1] }, z };
    const squares = (m, b) => mse(m.forward(b.a), b.y);
    export default defineJob({
      dataset: { train: columns }, model: () => new Linear(1, 1), loss: squares,
      optimizer: (p) => new SGD(p, { lr: 0.1 }), sampling: { shuffle: false }, batchSize: 8, epochs: 2, shards: 2,
      ${parts} });`);

// The root has infinite slope at 0: the last step's loss is finite, its gradient is not.
const lastStep = jobWith("loss: (m, b) => add(squares(m, b), mean(sqrt(mul(b.z, sum(square(m.weight))))))");

async function run(job: string, options: TrainOptions) {
  const events: TrainEvent[] = [];
  const running = train(job, { kernels: "wasm", workers: 2, ...options });
  const error = await (async () => {
    for await (const event of running) events.push(event);
  })().catch((reason: unknown) => reason);
  return { error, events };
}

const newestStep = async (directory: string) => {
  const names = readdirSync(directory).filter((name) => name.startsWith("step-"));
  return (await readCheckpoint(join(directory, names.sort().at(-1)!))).state.step;
};

/** One worker has the gradients of both shards in one sum. */
const messageOf = ({ syncEvery, workers }: TrainOptions) =>
  `train: after step 8, weight holds NaN${syncEvery ? "" : `: ${workers === 1 ? "one of the shards 0 to 1" : "shard 0"} has a gradient that is not finite, first in weight`}; nothing of it is saved; lower the learning rate, clip gradients, or look at the data`;

describe("a NaN in the last step of an epoch ends the run, and the checkpoint before it stays the newest:", () => {
  it.each<TrainOptions>([
    { workers: 1 },
    { workers: 2 },
    { reduce: "coordinator" },
    { capture: false },
    { syncEvery: 5 },
    { hogwild: true, syncEvery: 5 },
  ])("%o", async (options) => {
    const [directory, out] = [newDirectory(), `${newDirectory()}.safetensors`];
    const checkpoint = { directory, everySteps: 5 };
    // Resuming from there leads to the same.
    for (const resume of [false, true]) {
      const { error, events } = await run(lastStep, { ...options, checkpoint, out, resume });
      expect(error).toBeInstanceOf(NonFiniteError);
      // With Hogwild, another shard may see the weight before the synchronization point.
      if (!options.hogwild) expect((error as Error).message).toBe(messageOf(options));
      expect(await newestStep(directory)).toBe(5);
      expect(existsSync(out)).toBe(false);
      // An epoch that ended so is not reported.
      expect(events.filter(({ type }) => type === "epoch" || type === "end")).toEqual([]);
    }
  });

  it("without checkpoints or anything to go back to, too", async () => {
    const out = `${newDirectory()}.safetensors`;
    const { error } = await run(lastStep, { epochs: 1, restarts: 0, out });
    expect(error).toBeInstanceOf(NonFiniteError);
    expect(existsSync(out)).toBe(false);
  });

  it("where early stopping ends the run, too", async () => {
    const { error } = await run(
      jobWith(
        `loss: (m, b) => add(squares(m, b), mean(sqrt(mul(b.z, sum(square(m.weight)))))), epochs: 9,
         earlyStopping: { metric: "loss", patience: 1, minDelta: 1e9 }`,
      ),
      { restarts: 0 },
    );
    expect(error).toBeInstanceOf(NonFiniteError);
  });

  it("and the command with 1", async () => {
    const { ended } = startCommand(new URL(`file://${lastStep}`), ["--workers", "1"]);
    const { code, stderr } = await ended;
    expect([code, stderr]).toEqual([1, expect.stringContaining("after step 8, weight holds NaN")]);
  });
});

describe("what is kept beside the weights is looked at, while these are finite:", () => {
  it.each<[what: string, parts: string, options: TrainOptions, message: string]>([
    [
      "optimizer state, with steps that are not finite skipped",
      'loss: (m, b) => mul(squares(m, b), 1e25), optimizer: (p) => new Adam(p), onNonFinite: "skip"',
      {},
      "v of weight holds Infinity",
    ],
    [
      "running statistics",
      `model: () => new c.Sequential(new Linear(1, 4), new c.BatchNorm1d(4), new Linear(4, 1)),
       loss: (m, b) => mse(m.forward(mul(b.a, 1e21)), b.y)`,
      {},
      "1.runningVar holds Infinity",
    ],
    [
      "state that afterStep moves",
      `model: () => Object.assign(new Linear(1, 1), { teacher: c.buffer(c.zeros([1])) }),
       afterStep: (m, { step }) => { if (step.item() === 4) m.teacher.copyFrom([NaN]); }`,
      {},
      "teacher holds NaN",
    ],
  ])("%s", async (_, parts, options, message) => {
    const directory = newDirectory();
    const { error } = await run(jobWith(parts), { ...options, checkpoint: { directory }, snapshotEvery: 1 });
    expect(error).toBeInstanceOf(NonFiniteError);
    expect((error as Error).message).toContain(message);
    expect(existsSync(directory) && readdirSync(directory).filter((name) => name.startsWith("step"))).toEqual(
      [],
    );
  });
});

describe("before the first step", () => {
  it("weights that are not finite end the run", async () => {
    const { error } = await run(
      jobWith("model: () => { const m = new Linear(1, 1); m.weight.data()[0] = NaN; return m; }"),
      {},
    );
    expect((error as Error).message).toMatch(
      /^train: before step 1, weight holds NaN; expected finite numbers/,
    );
  });

  it("a constant may be infinite", async () => {
    const job = jobWith(
      `model: () => Object.assign(new Linear(1, 1), { mask: c.buffer(c.full([1], -Infinity)) }),
       loss: (m, b) => add(squares(m, b), c.exp(sum(m.mask)))`,
    );
    const out = `${newDirectory()}.safetensors`;
    const { error, events } = await run(job, { checkpoint: { directory: newDirectory() }, out });
    expect(error).toBeUndefined();
    expect(events.at(-1)).toMatchObject({ type: "end", out });
    expect(existsSync(out)).toBe(true);
  });
});

it("a buffer that begins infinite and changes, such as the least value so far, may not become NaN", async () => {
  const least = (then: string) =>
    jobWith(`model: () => { const model = new Linear(1, 1); model.least = c.buffer(c.tensor([Infinity, 1])); return model; },
      afterStep: (m) => m.least.copyFrom([${then}, 1]),`);
  expect((await run(least("Infinity"), {})).error).toBeUndefined();
  const out = join(newDirectory(), "weights.safetensors");
  mkdirSync(dirname(out));
  const { error } = await run(least("NaN"), { out });
  expect(error).toBeInstanceOf(NonFiniteError);
  expect((error as Error).message).toMatch(/^train: after step \d+, least holds NaN; nothing of it is saved/);
  expect(existsSync(out)).toBe(false);
});
