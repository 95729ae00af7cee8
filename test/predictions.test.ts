// What was trained answers for new rows: without the data, the same numbers as in the run, and with one clear line where
// something does not fit.
import { copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { Linear, readSafetensors, writeSafetensors } from "@shardgrad/core";
import { heap } from "@shardgrad/core/engine";
import { CheckpointError, evaluate, JobError, load, predict, train } from "@shardgrad/parallel";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { clusters } from "./jobs/clusters.ts";
import { houses } from "./jobs/prices.ts";
import { writeJob } from "./write-job.ts";

const kernels = "wasm";
const prices = new URL("./jobs/prices.ts", import.meta.url);
const classes = new URL("./jobs/clusters.ts", import.meta.url);
const folder = mkdtempSync(join(tmpdir(), "shardgrad-predictions-"));
const weights = join(folder, "prices.safetensors");
const checkpoints = join(folder, "checkpoints");
const labels = join(folder, "clusters.safetensors");
let mae: number;
let accuracy: number;
let loss: number;

beforeAll(async () => {
  const saved = { out: weights, checkpoint: { directory: checkpoints } };
  const { metrics } = await train(prices, { workers: 1, kernels, ...saved, params: { hidden: 6 } });
  mae = metrics.mae as number;
  const trained = await train(classes, { workers: 1, kernels, out: labels });
  accuracy = trained.metrics.accuracy as number;
  loss = trained.testLoss!;
  process.env.SHARDGRAD_NO_DATA = "1";
});
afterAll(() => {
  delete process.env.SHARDGRAD_NO_DATA;
  rmSync(folder, { recursive: true });
});

const withoutPrice = (count?: number) => {
  const { size, city } = houses(count);
  return { size, city };
};

describe("load", () => {
  it("brings params and state back, and the model in evaluation mode, without the data", async () => {
    using loaded = await load(prices, weights, { kernels });
    expect(loaded.params).toEqual({ hidden: 6 });
    expect(loaded.state).toMatchObject({ cities: ["Rome", "Oslo", "Bern"] });
    expect((loaded.state as { means: unknown }).means).toBeInstanceOf(Float64Array);
    expect(loaded.model.modules().some(({ training }) => training)).toBe(false);
  });

  it("takes a checkpoint, its files, and the newest in a folder", async () => {
    const rows = withoutPrice(3);
    const answers: unknown[] = [];
    const newest = join(checkpoints, "step-0000000018");
    const files = [
      weights,
      checkpoints,
      newest,
      join(newest, "state.json"),
      join(newest, "model.safetensors"),
    ];
    for (const file of files) {
      using loaded = await load(prices, file, { kernels });
      answers.push(loaded.predict(rows));
    }
    for (const answer of answers) expect(answer).toEqual(answers[0]);
  });

  it("rows are answered as objects, as one object, as columns, and as encoded columns", async () => {
    using loaded = await load(prices, weights, { kernels });
    const { size, city } = withoutPrice(3);
    const answers = loaded.predict({ size, city });
    const objects = size.map((one, row) => ({ size: one, city: city[row] }));
    expect(loaded.predict(objects)).toEqual(answers);
    expect(objects.flatMap((row) => loaded.predict(row))).toEqual(answers);
    const { means } = loaded.state as { means: Float64Array };
    const x = Float32Array.of((size[0]! - means[0]!) / 30, 1, 0, 0);
    expect(loaded.predict({ x })).toEqual([answers[0]]);
    expect(loaded.predict({ x: { data: x, shape: [4] } })).toEqual([answers[0]]);
    // With what is to be predicted, as in a test set.
    expect(loaded.predict(houses(3))).toEqual(answers);
    expect([loaded.predict([]), loaded.predict({ size: [], city: [] })]).toEqual([[], []]);
  });

  it("the answers are the numbers that a metric saw, to the bit", async () => {
    const seen = writeJob(`
      import job from "../jobs/clusters.ts";
      import { writeFileSync } from "node:fs";
      export default { ...job, metrics: { seen: {
        outputs: (net, { x, y }) => [net.forward(x), y],
        score: ([{ data }]) => (writeFileSync(process.env.SEEN_FILE, Buffer.from(data.buffer, data.byteOffset, data.byteLength)), 0),
      } } };`);
    process.env.SEEN_FILE = join(folder, "seen");
    await train(seen, { workers: 1, kernels });
    const bytes = readFileSync(process.env.SEEN_FILE);
    const expected = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
    using loaded = await load(classes, labels, { kernels });
    const { x } = clusters(300, 5);
    const rows = loaded.predict({ x }) as Float32Array[];
    expect(rows.flatMap((row) => [...row])).toEqual([...expected]);
  });

  it("predicting leaves no memory behind, and no gradients", async () => {
    using loaded = await load(prices, weights, { kernels });
    const rows = withoutPrice(2);
    loaded.predict(rows);
    const before = heap().arena.live;
    for (let i = 0; i < 1000; i++) loaded.predict(rows);
    expect(heap().arena.live).toBe(before);
    expect(loaded.model.parameters().every(({ grad }) => grad === null)).toBe(true);
  });

  it("two jobs side by side, and one twice", async () => {
    using one = await load(prices, weights, { kernels });
    using other = await load(classes, labels, { kernels });
    const rows = withoutPrice(3);
    const answers = one.predict(rows);
    const { x } = clusters(3, 5);
    const before = other.predict({ x });
    {
      using again = await load(prices, weights, { kernels });
      expect(again.predict(rows)).toEqual(answers);
    }
    expect(one.predict(rows)).toEqual(answers);
    expect(other.predict({ x })).toEqual(before);
    one.dispose();
    expect(() => one.predict(rows)).toThrow("predict: the model was disposed; load it again");
  });

  it("in a thread of one's own", async () => {
    const file = writeJob(`
      import { parentPort } from "node:worker_threads";
      import { load } from "@shardgrad/parallel";
      const loaded = await load(${JSON.stringify(prices.href)}, ${JSON.stringify(weights)}, { kernels: "wasm" });
      parentPort.postMessage(loaded.predict({ size: 50, city: "Oslo" }));`);
    const worker = new Worker(file);
    const answer = await new Promise((resolve, reject) => worker.on("message", resolve).on("error", reject));
    await worker.terminate();
    using loaded = await load(prices, weights, { kernels });
    expect(loaded.predict({ size: 50, city: "Oslo" })).toEqual(answer);
  });

  it("several outputs by name, and numbers where nothing decodes", async () => {
    const named = writeJob(`
      import job from "../jobs/clusters.ts";
      export default { ...job, predict: (net, { x }) => { const y = net.forward(x); return { y, first: y.view([x.shape[0]], [8]) }; } };`);
    using loaded = await load<Linear, { y: Float32Array; first: number }>(named, labels, { kernels });
    const [answer] = loaded.predict({ x: clusters(1, 5).x });
    expect(answer!.y).toHaveLength(8);
    expect(answer!.first).toBe(answer!.y[0]);
  });
});

describe("predict", () => {
  it.each([1, 2, 3])("answers the same on %i threads", async (workers) => {
    using loaded = await load(prices, weights, { kernels });
    const rows = withoutPrice();
    expect(await predict(prices, weights, rows, { kernels, workers, batch: 64 })).toEqual(
      loaded.predict(rows, { batch: 64 }),
    );
  });

  it("an error in a thread is that of the job", async () => {
    const failing = writeJob(`
      import job from "../jobs/clusters.ts";
      export default { ...job, decode: () => [1] };`);
    const { x } = clusters(600, 5);
    await expect(predict(failing, labels, { x }, { kernels, workers: 2 })).rejects.toThrow(
      "predict: decode() returned 1 values for 256 samples, expected an array with a value for each",
    );
  });
});

describe("evaluate", () => {
  it("is what the run found, over the same samples", async () => {
    delete process.env.SHARDGRAD_NO_DATA;
    const found = await evaluate(prices, weights, { kernels });
    process.env.SHARDGRAD_NO_DATA = "1";
    expect(found).toMatchObject({ samples: 280, evaluates: "validation" });
    expect(found.metrics.mae).toBe(mae);
    expect((await evaluate(classes, labels, { kernels })).metrics).toEqual({ accuracy, testLoss: loss });
  });

  it("of given samples", async () => {
    const { metrics, samples } = await evaluate(classes, labels, { kernels, input: clusters(300, 5) });
    expect([metrics.accuracy, samples]).toEqual([accuracy, 300]);
    expect((await evaluate(prices, weights, { kernels, input: houses(5) })).samples).toBe(5);
    await expect(evaluate(prices, weights, { kernels, input: withoutPrice(5) })).rejects.toThrow(
      'evaluate: the rows have no column "price"',
    );
  });
});

describe("a run on rows", () => {
  const shifted = writeJob(`
    import { mse } from "@shardgrad/core";
    import job, { houses } from "../jobs/prices.ts";
    const { fit, encode } = job.dataset;
    export default { ...job, params: { hidden: 4, shift: 0 }, shards: 2,
      dataset: ({ params }) => {
        const { price, ...rest } = houses();
        return { load: () => ({ ...rest, price: price.map((one) => one + params.shift) }), fit, encode };
      },
      loss: (model, { x, y }, { state }) => {
        if (!(state.means instanceof Float64Array)) throw new Error("no typed array");
        return mse(model.forward(x), y);
      } };`);
  const run = { workers: 2, kernels } as const;

  it("has its state on every thread, is resumed with the same rows, and refuses others", async () => {
    const checkpoint = { directory: join(folder, "shifted") };
    const { weightsSha256 } = await train(shifted, run);
    await train(shifted, { ...run, steps: 7, checkpoint });
    expect((await train(shifted, { ...run, checkpoint, resume: "must" })).weightsSha256).toBe(weightsSha256);
    await expect(
      train(shifted, { ...run, checkpoint, resume: "must", params: { shift: 1 } }),
    ).rejects.toThrow(
      /of another job: params\.shift was 0, now 1; state is \w+, in the checkpoint \w+; resume with/,
    );
  });
});

describe("refuses", () => {
  it("an error of the job's own functions, with its place", async () => {
    const failing = writeJob(`
      import job from "../jobs/clusters.ts";
      export default { ...job, decode: () => { throw new TypeError("no such word"); } };`);
    using loaded = await load(failing, labels, { kernels });
    expect(() => loaded.predict({ x: clusters(1, 5).x })).toThrow(
      /^predict: the job's decode\(\) threw TypeError: no such word \(job-\S+\)$/,
    );
  });

  const damaged = (name: string, change: (file: string) => void) => {
    const file = join(folder, name);
    copyFileSync(weights, file);
    change(file);
    return file;
  };
  it.each<[name: string, job: URL, file: () => string, message: string]>([
    ["no file", prices, () => join(folder, "none"), "load: there is no file "],
    ["an empty folder", prices, () => mkdtempSync(join(folder, "empty-")), "is a folder without checkpoints"],
    [
      "weights of another job",
      classes,
      () => weights,
      "load: the weights are of another job: they have the param hidden",
    ],
    ["weights of another model", prices, () => labels, "has the weights of another job"],
    [
      "a truncated file",
      prices,
      () => damaged("cut", (file) => truncateSync(file, 900)),
      "the file is damaged, or not safetensors",
    ],
    [
      "an empty file",
      prices,
      () => damaged("nothing", (file) => truncateSync(file, 0)),
      "the file is damaged",
    ],
    [
      "a file that is none",
      prices,
      () => new URL("./jobs/prices.ts", import.meta.url).pathname,
      "not safetensors",
    ],
    [
      "weights that say nothing of their columns",
      prices,
      () =>
        damaged("old", (file) =>
          writeFileSync(file, writeSafetensors(new Linear(1, 1).stateDict(), { format: "pt" })),
        ),
      "does not say with which columns it was trained; write it by train",
    ],
  ])("%s", async (_, job, file, message) => {
    const error = await load(job, file(), { kernels }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(JobError);
    expect((error as Error).message).toContain(message);
    expect((error as Error).message).not.toContain("\n");
  });

  it("a damaged checkpoint", async () => {
    const { tensors, metadata } = readSafetensors(readFileSync(weights));
    const checkpoint = join(checkpoints, "step-0000000018", "model.safetensors");
    const before = readFileSync(checkpoint);
    writeFileSync(checkpoint, writeSafetensors(tensors, { ...metadata, more: "text" }));
    const error = await load(prices, join(checkpoints, "step-0000000018")).catch((reason: unknown) => reason);
    writeFileSync(checkpoint, before);
    expect(error).toBeInstanceOf(CheckpointError);
  });

  it.each<[name: string, given: unknown, message: string]>([
    [
      "a shape",
      { x: { data: new Float32Array(6), shape: [3] } },
      "predict: column x is float32 [3], expected float32 [16], as the",
    ],
    [
      "too few numbers",
      { x: new Float32Array(15) },
      "predict: column x has 15 numbers, expected a multiple of 16",
    ],
    ["a type", { x: new Int32Array(16) }, "predict: column x is int32 [16], expected float32 [16]"],
    ["a name", { z: new Float32Array(16) }, "predict: the model knows no column z, but x, y"],
    [
      "NaN",
      { x: new Float32Array(32).fill(Number.NaN, 20) },
      "predict: column x has NaN in sample 1, expected finite",
    ],
    ["a row", { x: 3 }, "predict: got a row as an object, but this job was trained on columns"],
    ["rows", [{ x: 3 }], "predict: got rows as objects, but this job was trained on columns"],
    ["a number", 3, "predict: got number, expected columns or rows"],
    ["nothing", {}, "predict: has no columns; expected at least one"],
    ["what is to be predicted only", { x: [[1, 2]] }, "predict: column x is an array of 1 rows; write"],
  ])("columns that do not fit: %s", async (_, given, message) => {
    using loaded = await load(classes, labels, { kernels });
    expect(() => loaded.predict(given as never)).toThrow(message);
    expect(() => loaded.predict(given as never)).toThrow(JobError);
  });

  it("a column that predict() needs", async () => {
    const job = writeJob(`
      import job from "../jobs/clusters.ts";
      export default { ...job, predict: (net, { x }) => net.forward(x) };`);
    using loaded = await load(job, labels, { kernels });
    expect(() => loaded.predict({ y: Int32Array.of(1) })).toThrow(
      'predict: what is given has no column "x", but y',
    );
  });

  it("rows, where no encoder is found", async () => {
    const hidden = writeJob(`
      import job from "../jobs/prices.ts";
      export default { ...job, dataset: () => job.dataset };`);
    using loaded = await load(hidden, weights, { kernels });
    expect(() => loaded.predict({ size: [3], city: ["Rome"] })).toThrow(
      "the model knows no column size, but x, y; for raw rows put the data set itself into `dataset`, or name an encoder",
    );
  });
});
