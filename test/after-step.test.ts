// State that moves once per step and that no gradient trains: the same bits for any number of workers, whole or
// resumed, and as in a plain loop. The run's result and its file have it, too.
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Adam, Module, Tensor } from "@shardgrad/core";
import {
  backward,
  cast,
  Generator,
  manualSeed,
  noGrad,
  Permutation,
  readSafetensors,
  reshape,
  scope,
  stream,
  tensor,
  useKernels,
  withGenerator,
} from "@shardgrad/core";
import type { TrainOptions } from "@shardgrad/parallel";
import { train } from "@shardgrad/parallel";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import meanTeacher, { Pair, x, y } from "./jobs/mean-teacher.ts";
import { writeJob } from "./write-job.ts";

const job = new URL("./jobs/mean-teacher.ts", import.meta.url);
const root = mkdtempSync(join(tmpdir(), "shardgrad-after-step-"));
afterAll(() => rmSync(root, { recursive: true }));
let count = 0;
const newDirectory = () => join(root, String(count++));

async function run(options: TrainOptions) {
  const { weightsSha256, metrics, model } = await train(job, { kernels: "wasm", ...options });
  return { weightsSha256, metrics, teacher: valuesOf((model as Pair).teacher) };
}

const valuesOf = (model: Module) => [...model.stateDict().values()].map((values) => [...values.toArray()]);

function hash(tensors: Iterable<Tensor>): string {
  const sum = createHash("sha256");
  for (const values of tensors) sum.update(new Uint8Array(values.toArray().buffer));
  return sum.digest("hex");
}

let expected: Awaited<ReturnType<typeof run>>;
beforeAll(async () => {
  expected = await run({ workers: 1 });
});

describe("a teacher that follows has the same bits", () => {
  it.each<TrainOptions>([
    { workers: 2 },
    { workers: 4 },
    { workers: 3, capture: false },
    { workers: 2, reduce: "coordinator" },
    { workers: 2, batchSize: 10, accumulate: 2 },
  ])("for %o", async (options) => {
    expect(await run(options)).toEqual(expected);
  });

  it.each([
    { steps: 7, workers: 1, resumedOn: 3 },
    { steps: 10, workers: 4, resumedOn: 1 },
  ])("ended and resumed: %o", async ({ steps, workers, resumedOn }) => {
    const checkpoint = { directory: newDirectory() };
    await run({ workers, steps, checkpoint });
    expect(await run({ workers: resumedOn, checkpoint, resume: "must" })).toEqual(expected);
  });

  it("with one shard as in a loop over core", async () => {
    useKernels("wasm");
    manualSeed(5);
    const model = new Pair();
    const context = { params: {}, state: undefined };
    const optimizer = meanTeacher.optimizer(model.parameters(), context as never) as Adam;
    const noise = new Generator(5, stream.noise);
    const after = new Generator(5, stream.afterStep);
    for (let step = 0; step < 10; step++) {
      const order = new Permutation(100, 5, Math.floor(step / 5));
      const rows = Array.from({ length: 20 }, (_, i) => order.at((step % 5) * 20 + i));
      const batch = {
        x: tensor(rows.map((row) => [...x.subarray(4 * row, 4 * row + 4)])),
        y: tensor(rows.map((row) => [y[row]!])),
      };
      scope(() => {
        optimizer.zeroGrad();
        backward(withGenerator(noise.restart(step), () => meanTeacher.loss(model, batch, context as never)));
        optimizer.step();
        const number = cast(reshape(tensor([step]), []), "int32");
        noGrad(() =>
          withGenerator(after.restart(step), () =>
            meanTeacher.afterStep!(model, { ...context, step: number }),
          ),
        );
      });
    }
    const { weightsSha256 } = await run({ workers: 1, shards: 1, epochs: 2 });
    const trained = model.parameters().filter(({ frozen }) => !frozen);
    const untrained = [...model.stateDict().values()].filter((values) => !trained.includes(values));
    expect(weightsSha256).toBe(hash([...trained, ...untrained]));
  });
});

it("what is returned and written holds the state as it is at the end", async () => {
  const out = join(root, "out.safetensors");
  const { model } = await train(job, { kernels: "wasm", workers: 2, out });
  const written = readSafetensors(readFileSync(out)).tensors;
  const numbers = (state: ReadonlyMap<string, Tensor>) =>
    [...state].map(([name, values]) => [name, [...values.toArray()]]);
  expect(numbers(written)).toEqual(numbers(model.stateDict()));
  // The sum of the numbers of all steps.
  expect((model as Pair).updates.item()).toBe((15 * 14) / 2);
  expect(expected.teacher).not.toEqual(valuesOf(new Pair().teacher));
});

const small = (parts: string) =>
  writeJob(`
import { add, buffer, Linear, Module, mse, mul, ones, SGD, zeros } from "@shardgrad/core";
import { defineJob } from "@shardgrad/parallel";
const x = Float32Array.from({ length: 64 }, (_, i) => Math.sin(i));
class Net extends Module {
  line = new Linear(1, 1);
  calls = buffer(zeros([]));
  forward(x) { return this.line.forward(x); }
}
export default defineJob({
  dataset: { train: { x: { data: x, shape: [1] }, y: { data: x, shape: [1] } } },
  model: () => new Net(),
  loss: (model, { x, y }) => mse(model.forward(x), y),
  afterStep: ({ calls }) => { calls.copyFrom(add(calls, 1)); },
  optimizer: (parameters) => new SGD(parameters, { lr: 0.01 }),
  batchSize: 16, epochs: 2, shards: 2,
  ${parts}
});`);
const rest = { kernels: "wasm", workers: 2 } as const;

it("it is not called for steps that are skipped", async () => {
  const path = small(
    `onNonFinite: "skip", sampling: { shuffle: false },
     dataset: { train: { x: { data: x, shape: [1] }, y: { data: x.map((v, i) => (i === 20 ? 3e38 : v)), shape: [1] } } },`,
  );
  const { model, skipped } = await train(path, rest);
  const { calls } = model as unknown as { calls: Tensor };
  expect([skipped, calls.item()]).toEqual([2, 6]);
});

it.each<[what: string, parts: string, options: TrainOptions, message: RegExp]>([
  [
    "what throws",
    "afterStep: () => { throw new RangeError('no'); },",
    { restarts: 0 },
    /step 1 \(update\).*afterStep\(\) threw RangeError: no/,
  ],
  ["a promise", "afterStep: async () => {},", {}, /afterStep: it returned a promise/],
  ["what is no function", "afterStep: 3,", {}, /defineJob: afterStep is number, expected a function/],
  ["shards that train apart", "", { syncEvery: 2 }, /the job has afterStep, .*syncEvery/],
])("refuses %s", async (_what, parts, options, message) => {
  await expect(train(small(parts), { ...rest, ...options })).rejects.toThrow(message);
});
