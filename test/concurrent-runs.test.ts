// Several runs in one process at the same time: each as if it were alone.
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Tensor } from "@shardgrad/core";
import { readSafetensors } from "@shardgrad/core";
import { heap, Storage } from "@shardgrad/core/engine";
import type { TrainOptions } from "@shardgrad/parallel";
import { train } from "@shardgrad/parallel";
import { describe, expect, it } from "vitest";
import { holdARun } from "./hold-a-run.ts";
import { writeJob } from "./write-job.ts";

const clusters = new URL("./jobs/clusters.ts", import.meta.url);
const dropout = new URL("./jobs/dropout.ts", import.meta.url);
const batchNorm = new URL("./jobs/batch-norm.ts", import.meta.url);
const pinned: TrainOptions = { workers: 2, shards: 4, epochs: 2 };

const shaOf = async (job: string | URL, options: TrainOptions = pinned) =>
  (await train(job, options)).weightsSha256;

const start = `
  import { SGD, Linear, mean } from "@shardgrad/core";
  import { defineJob, train } from "@shardgrad/parallel";`;
const parts = `{
    dataset: { train: { x: { data: new Float32Array(64).fill(1), shape: [2] } } },
    model: () => new Linear(2, 1),
    loss: (model, { x }) => mean(model.forward(x)),
    optimizer: (parameters) => new SGD(parameters, { lr: 0.1 }),
    batchSize: 16, epochs: 1,
  }`;

/** Is being imported for as long as it takes. */
const slowToLoad = () =>
  writeJob(`${start}
  await new Promise((resolve) => setTimeout(resolve, 300));
  export default defineJob(${parts});`);

describe("the bits of two runs are those of each alone", () => {
  it.each([
    ["of the same job", clusters, clusters],
    ["of different jobs", clusters, dropout],
    ["of different jobs, one with shards that exchange moments", batchNorm, clusters],
  ])("%s", async (_, a, b) => {
    const together = await Promise.all([shaOf(a), shaOf(b)]);
    expect(together).toEqual([await shaOf(a), await shaOf(b)]);
  });

  it("and of three with different numbers of workers", async () => {
    const workers = [1, 2, 3];
    const shas = await Promise.all(workers.map((n) => shaOf(clusters, { ...pinned, workers: n })));
    expect(new Set(shas)).toEqual(new Set([await shaOf(clusters)]));
  });
});

describe("a run may start while another is loading its job", () => {
  it("and both end well", async () => {
    const first = train(slowToLoad(), { workers: 1 });
    const ended = first.then(({ steps }) => steps);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect((await train(clusters, { workers: 1, steps: 3 })).steps).toBe(3);
    expect(await ended).toBe(2);
  });

  it("and end it with an error, without an effect on the other", async () => {
    const broken = writeJob(
      "await new Promise((resolve) => setTimeout(resolve, 100)); throw new Error('no job');",
    );
    const [failed, sha] = await Promise.allSettled([train(broken), shaOf(clusters)]);
    expect(failed).toMatchObject({ status: "rejected", reason: { name: "JobError" } });
    expect(sha).toEqual({ status: "fulfilled", value: await shaOf(clusters) });
  });

  it("but not from within that job", async () => {
    const late = writeJob(`${start}
      export default defineJob(${parts});
      await new Promise((resolve) => setTimeout(resolve, 50));
      await train(${JSON.stringify(clusters.href)}, { workers: 1, steps: 1 });`);
    const [refused, other] = await Promise.allSettled([
      train(late),
      train(clusters, { workers: 1, steps: 1 }),
    ]);
    expect(refused).toMatchObject({
      reason: {
        name: "JobError",
        message: expect.stringContaining("called by a job module while it is imported"),
      },
    });
    expect(other.status).toBe("fulfilled");
  });
});

describe("a module that trains itself before its default export is defined is told so:", () => {
  it.each([
    [
      "one job before",
      1,
      /is the job defined at \S+:\d+:\d+, but that module was not done loading when it called train, and had defined another one, at \S+:\d+:\d+; call train from another file$/m,
    ],
    [
      "two jobs before",
      2,
      /is not done loading, and has not defined its default export \(at \S+:\d+:\d+\) yet; call train below it, or from another file$/m,
    ],
  ])("%s", async (_, before, message) => {
    const early = writeJob(`${start}
      ${`defineJob(${parts});\n`.repeat(before)}
      if (import.meta.main) await train(import.meta.url, { workers: 1 });
      export default defineJob(${parts});`);
    await expect(promisify(execFile)(process.execPath, [early])).rejects.toMatchObject({
      stderr: expect.stringMatching(message),
    });
  });
});

it("a run that fails while another computes leaves it alone", async () => {
  const failing = writeJob(`${start}
    import { isMainThread } from "node:worker_threads";
    let calls = 0;
    const loss = (model, { x }) => {
      if (!isMainThread && ++calls > 1) throw new RangeError("on purpose");
      return mean(model.forward(x));
    };
    export default defineJob({ ...${parts}, loss, epochs: 100 });`);
  const runs = [shaOf(clusters), train(failing, { workers: 2, restarts: 1 }), shaOf(clusters)];
  const [a, failed, b] = await Promise.allSettled(runs);
  expect(failed).toMatchObject({ status: "rejected", reason: { name: "WorkerError" } });
  expect([a, b]).toEqual(Array(2).fill({ status: "fulfilled", value: await shaOf(clusters) }));
});

it("runs with the same file for their weights all end well: the last one has it, and nothing is left beside", async () => {
  const directory = mkdtempSync(join(tmpdir(), "shardgrad-out-"));
  try {
    const out = join(directory, "model.safetensors");
    const seeds = [1, 2, 3];
    const runs = seeds.map((seed) => train(clusters, { workers: 1, steps: 2, seed, out }));
    const weightsIn = (tensors: Iterable<[string, Tensor]>) =>
      Array.from(tensors, ([name, x]) => `${name} ${x.toArray().join()}`).join("\n");
    const models = (await Promise.all(runs)).map(({ model }) => weightsIn(model.stateDict()));
    expect(readdirSync(directory)).toEqual(["model.safetensors"]);
    expect(models).toContain(weightsIn(readSafetensors(readFileSync(out)).tensors));
  } finally {
    rmSync(directory, { recursive: true });
  }
});

it("many runs find room at once", async () => {
  const shas = await Promise.all(Array.from({ length: 5 }, () => shaOf(clusters, { ...pinned, steps: 3 })));
  expect(new Set(shas).size).toBe(1);
});

it("where others have left too little, the error says what the run needs and what is free", async () => {
  const letGo = await holdARun();
  const { arena } = heap();
  const held: Storage[] = [];
  const hold = (bytes: number) => {
    const block = Storage.allocate(bytes, "the test");
    block.retain();
    held.push(block);
  };
  try {
    // An eighth of a MiB or two remains: room for the data, but not for a run.
    while (arena.largestFree() > 2 ** 18) hold(Math.ceil(arena.largestFree() / 2));
    await expect(train(clusters, { workers: 2 })).rejects.toThrow(
      /train: the run needs .* of shared memory, but .* of the 4\.0 GiB that a process has while other runs are under way are free/,
    );
  } finally {
    for (const block of held) block.release();
    await letGo();
  }
  await expect(train(clusters, { workers: 2, steps: 1 })).resolves.toMatchObject({ steps: 1 });
});
