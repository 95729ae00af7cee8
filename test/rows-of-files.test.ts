// Rows of .npy files, which the workers read while they compute: the same bits as with columns in memory, and clear errors
// for files that are not whole and for reads that fail.
import { mkdtempSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DataError, rows, writeRows } from "@shardgrad/data";
import { train } from "@shardgrad/parallel";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeJob } from "./write-job.ts";

const folder = mkdtempSync(join(tmpdir(), "shardgrad-rows-"));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);

const count = 150;
const values = (columns: number, from = 0, to = count) =>
  Object.fromEntries(
    Array.from({ length: columns }, (_, c) => [
      `c${c}`,
      Array.from({ length: to - from }, (_, row) => Math.fround(Math.sin(7 * (row + from) + c))),
    ]),
  );

beforeAll(async () => {
  await writeRows(at("x.npy"), values(3));
  await writeRows(at("x0.npy"), values(3, 0, 100));
  await writeRows(at("x1.npy"), values(3, 100));
  await writeRows(at("y.npy"), { y: values(1).c0! });
  await writeRows(at("short.npy"), { y: values(1, 0, 9).c0! });
  await writeRows(at("cut.npy"), values(3));
  truncateSync(at("cut.npy"), 1000);
});

const job = (dataset: string, more = "") => `
import { truncateSync } from "node:fs";
import { BatchNorm1d, Linear, mse, reshape, SGD, Sequential, square, sub, sum } from "@shardgrad/core";
import { columnOf, readNpy, rows } from "@shardgrad/data";
import { computed, defineJob } from "@shardgrad/parallel";
const file = (name) => ${JSON.stringify(folder)} + "/" + name;
const error = (model, { x, y }) => square(sub(reshape(model.forward(x), [-1]), y));
export default defineJob({
  dataset: ${dataset},
  validation: 0.2,
  model: () => new Linear(3, 1),
  loss: (model, { x, y }) => mse(reshape(model.forward(x), [-1]), y),
  optimizer: (parameters) => new SGD(parameters, { lr: 0.1 }),
  metrics: { error: { perSample: error, direction: "min" } },
  batchSize: 32, epochs: 3, shards: 3, ${more}
});`;

const inMemory = `async () => ({ train: { x: columnOf(await readNpy(file("x.npy"))), y: columnOf(await readNpy(file("y.npy"))) } })`;
const oneFile = `{ train: rows({ x: file("x.npy"), y: file("y.npy") }) }`;
const chunks = `{ train: rows({ x: [file("x0.npy"), file("x1.npy")], y: file("y.npy") }, { hold: 0 }) }`;

describe("rows of files train as columns in memory do, bit by bit", () => {
  it.each([
    ["shuffled", ""],
    [
      "in order, where rows that lie together are read at once, and with BatchNorm",
      "sampling: { shuffle: false }, model: () => new Sequential(new Linear(3, 8), new BatchNorm1d(8), new Linear(8, 1)),",
    ],
  ])("%s", async (_, more) => {
    const expected = await train(writeJob(job(inMemory, more)), { workers: 1 });
    const run = await train(writeJob(job(chunks, more)), { workers: 2 });
    expect(run.weightsSha256).toBe(expected.weightsSha256);
    expect(run.metrics).toEqual(expected.metrics);
  });

  it("in separate steps", async () => {
    const options = { workers: 2, syncEvery: 2 };
    const [memory, files] = [job(inMemory), job(oneFile)];
    const expected = await train(writeJob(memory), options);
    expect((await train(writeJob(files), options)).weightsSha256).toBe(expected.weightsSha256);
  });
});

describe("ahead()", () => {
  it.each([
    ["async () => { throw new RangeError('gone'); }", /dataset: train: ahead\(\) failed: RangeError: gone/],
    ["() => 3", /dataset: train: ahead\(\) returned number, expected a promise/],
  ])("%s ends the run", async (ahead, message) => {
    const dataset = `{ train: computed({ samples: 64, columns: { x: { shape: [3] }, y: {} }, sample: () => ({ x: [1, 2, 3], y: 1 }), ahead: ${ahead} }) }`;
    await expect(train(writeJob(job(dataset)), { workers: 1, restarts: 0 })).rejects.toThrow(message);
  });

  it("gets the samples of every step before they are loaded", async () => {
    const dataset = `{ train: computed({
      samples: 64,
      columns: { x: { shape: [3] }, y: {} },
      sample: (index) => {
        if (globalThis.ready?.delete(index) === false) throw new Error("not read: " + index);
        return { x: [index / 64, 0, 1], y: index / 64 };
      },
      ahead: async (indices) => {
        await new Promise((resolve) => setImmediate(resolve));
        globalThis.ready ??= new Set();
        for (const index of indices) globalThis.ready.add(index);
      },
    }) }`;
    const { steps } = await train(writeJob(job(dataset, "metrics: {}, validation: undefined,")), {
      workers: 2,
    });
    expect(steps).toBe(6);
  });
});

it.each([
  ["held in memory", ""],
  ["read row by row", ", { hold: 0 }"],
])("a file that becomes shorter while it is trained on ends the run: %s", async (_, hold) => {
  const name = `shrinks${hold.length}.npy`;
  await writeRows(at(name), values(3));
  const dataset = `{ train: rows({ x: file("${name}"), y: file("y.npy") }${hold}) }`;
  const model = `model: () => { truncateSync(file("${name}"), 200); return new Linear(3, 1); },`;
  await expect(train(writeJob(job(dataset, model)), { workers: 1, restarts: 0 })).rejects.toThrow(
    new RegExp(`rows: .*${name} has become shorter`),
  );
});

describe("refuses", () => {
  it.each([
    [
      () => rows({ x: at("cut.npy") }),
      /cut\.npy has 1000 bytes, expected \d+ for shape \[150,3\]; it is not whole/,
    ],
    [() => rows({ x: at("x.npy"), y: at("short.npy") }), "rows: column y has 9 rows, column x has 150"],
    [() => rows({ x: [at("x.npy"), at("y.npy")] }), /y\.npy holds f4 \[\] a row, .*x\.npy holds f4 \[3\];/],
    [() => rows({ x: at("none.npy") }), "there is no such file"],
    [() => rows({ x: [] }), "rows: column x has no files"],
    [() => rows({}), "rows: expected the files of each column"],
    [() => rows({ x: at("x.npy") }, { from: 5, to: 5 }), "rows: from 5 to 5 is no part of 150 rows"],
    [() => rows({ x: new URL("fixtures/data/fortran.npy", import.meta.url) }), "lies in column-major order"],
    [() => rows({ x: new URL("fixtures/data/words.npy", import.meta.url) }), "holds '<U1', expected numbers"],
  ])("%s", (call, message) => {
    expect(call).toThrow(DataError);
    expect(call).toThrow(message);
  });
});
