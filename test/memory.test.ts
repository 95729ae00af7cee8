// The memory that a run says it will need, compared with what its workers use; and runs that do not fit.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { MemoryError } from "@shardgrad/core";
import { heap } from "@shardgrad/core/engine";
import type { StartEvent, TrainOptions } from "@shardgrad/parallel";
import { train } from "@shardgrad/parallel";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { holdARun } from "./hold-a-run.ts";
import { startCommand } from "./start-command.ts";
import { writeJob } from "./write-job.ts";

const startOf = async (job: string, options: TrainOptions) => {
  const run = train(job, options);
  let start: StartEvent | undefined;
  run.on("start", (event) => {
    start = event;
  });
  await run;
  return start!;
};

const eachOf = ({ memory }: StartEvent, ...names: string[]) =>
  memory.rows.filter(({ what }) => names.includes(what)).reduce((sum, { eachBytes }) => sum + eachBytes, 0);

/** Another module's job, whose workers record their memory at each step. */
const watched = (module: string, folder: string) =>
  writeJob(`
    import { writeFileSync } from "node:fs";
    import { isMainThread, threadId } from "node:worker_threads";
    import { heap } from "@shardgrad/core/engine";
    import job from ${JSON.stringify(new URL(module, import.meta.url).href)};
    const optimizer = (parameters) => {
      const made = job.optimizer(parameters);
      const advance = made.advance.bind(made);
      const note = () => writeFileSync(${JSON.stringify(folder)} + "/" + threadId, String(heap().arena.live));
      made.advance = () => {
        advance();
        if (!isMainThread) note();
      };
      return made;
    };
    export default { ...job, optimizer };`);

describe("what is said of the activations is what workers hold", () => {
  it.each([
    ["an MLP", "./jobs/clusters.ts", { workers: 2 }],
    ["an MLP, in shards of different sizes", "./jobs/clusters.ts", { workers: 2, shards: 5 }],
    ["a LeNet with BatchNorm", "./jobs/batch-norm.ts", { workers: 2 }],
    ["a LeNet with BatchNorm, three shards to a worker", "./jobs/batch-norm.ts", { workers: 2, shards: 6 }],
    ["dropout", "./jobs/dropout.ts", { workers: 3 }],
    ["a small GPT", "../packages/bench/src/jobs/char-gpt.ts", { workers: 2, steps: 2 }],
  ])("of %s", async (_, module, options) => {
    const folder = mkdtempSync(join(tmpdir(), "shardgrad-memory-"));
    try {
      const start = await startOf(watched(module, folder), { kernels: "wasm", ...options });
      const held = readdirSync(folder).map((name) => Number(readFileSync(join(folder, name), "utf8")));
      const said = eachOf(start, "activations", "kernels' workspace");
      expect(held).toHaveLength(options.workers);
      expect(start.memory.complete).toBe(true);
      // There are also a few cells for random streams and sums.
      expect(Math.max(...held)).toBeGreaterThan(0.98 * said);
      expect(Math.max(...held)).toBeLessThan(1.02 * said + 16384);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

const start = `
  import { isMainThread } from "node:worker_threads";
  import { Adam, BatchNorm1d, Linear, ReLU, Sequential, mean, mul, ones } from "@shardgrad/core";
  import { defineJob } from "@shardgrad/parallel";
  const x = { data: Float32Array.from({ length: 256 }, (_, i) => Math.sin(i)), shape: [4] };
  const parts = {
    dataset: { train: { x } },
    model: () => new Sequential(new Linear(4, 16), new ReLU(), new Linear(16, 1)),
    loss: (model, { x }) => mean(model.forward(x)),
    optimizer: (parameters) => new Adam(parameters, { lr: 0.01 }),
    batchSize: 16, epochs: 1, shards: 4,
  };`;
const jobWith = (change: string, before = "") =>
  writeJob(`${start}${before}\nexport default defineJob({ ...parts, ${change} });`);

it("the start of a run tells of all that it takes, row by row", async () => {
  const { memory } = await startOf(jobWith("ema: { decay: 0.9 }"), { workers: 2 });
  const counts = Object.fromEntries(memory.rows.map(({ what, count }) => [what, count]));
  expect(counts).toEqual({
    dataset: 1,
    weights: 1,
    bookkeeping: 1,
    "records of epochs": 1,
    gradients: 4,
    "averaged gradient": 1,
    "optimizer state": 2,
    "average of the weights": 1,
    snapshots: 2,
    activations: 2,
    "kernels' workspace": 2,
  });
  expect(memory.bytes).toBe(memory.rows.reduce((sum, { bytes }) => sum + bytes, 0));
  expect(memory.freeBytes).toBeGreaterThan(memory.bytes);
  expect(memory.machineBytes).toBeGreaterThan(memory.besidesBytes);
});

it("what is said of the shared arrays is what is laid out", async () => {
  const wide = "model: () => new Sequential(new Linear(4, 40_000), new ReLU(), new Linear(40_000, 1))";
  const checkpoint = { directory: mkdtempSync(join(tmpdir(), "shardgrad-memory-")) };
  const before = heap().arena.live;
  const many = "dataset: { train: { x: { data: new Float32Array(640_000), shape: [4] } } }";
  const weights = "sampling: { weights: () => 1 }";
  const job = jobWith(`${wide}, ${many}, ${weights}, ema: { decay: 0.9 }`);
  const run = train(job, { workers: 2, checkpoint, onStepEnd: () => undefined });
  let [said, laidOut] = [0, 0];
  run.on("start", ({ memory }) => {
    const shared = memory.rows.filter(({ unit }) => unit !== "worker");
    said = shared.reduce((sum, { bytes }) => sum + bytes, 0);
    laidOut = heap().arena.live - before;
    run.stop();
  });
  const { model } = await run;
  for (const parameter of model.parameters()) parameter.dispose();
  rmSync(checkpoint.directory, { recursive: true });
  expect(said).toBeGreaterThan(20e6);
  // There are also the records of three snapshots.
  expect(Math.abs(laidOut - said)).toBeLessThan(2 ** 10);
});

describe("a run is not changed by measuring its passes", () => {
  it("whose loss counts its calls, prints, or ends the process where it is measured", async () => {
    const plain = await train(jobWith(""), { workers: 2 });
    const odd = jobWith(
      `loss: (model, batch) => {
        if (isMainThread) { console.log("printed"); process.exit(9); }
        if (++calls > 4) throw new Error("called too often");
        return parts.loss(model, batch);
      }`,
      "let calls = 0;",
    );
    const result = spawnSync(process.execPath, [command, "train", odd, "--workers", "2", "--json"], {
      encoding: "utf8",
    });
    expect(result.stderr).toBe("");
    const events = result.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(events[0].memory.complete).toBe(false);
    expect(events.at(-1).weightsSha256).toBe(plain.weightsSha256);
  });

  it("whose loss keeps a tensor", async () => {
    const keeping = jobWith(
      "loss: (model, { x }) => mean(mul(model.forward(x), (factor ??= ones([1]).keep())))",
      "let factor;",
    );
    const { memory } = await startOf(keeping, { workers: 1, capture: false });
    expect(memory.complete).toBe(true);
    const sha = async (job: string) => (await train(job, { workers: 2, capture: false })).weightsSha256;
    expect(await sha(keeping)).toBe(await sha(jobWith("")));
  });
});

const command = fileURLToPath(new URL("../packages/shardgrad/bin/shardgrad.js", import.meta.url));

describe("a loss that never returns where it is measured is broken off", () => {
  const endless = jobWith(
    `loss: (model, batch) => {
      if (isMainThread) for (writeSync(2, "measuring "); ; );
      return parts.loss(model, batch);
    }`,
    'import { writeSync } from "node:fs";',
  );

  it("after a time", () => {
    const flags = ["train", endless, "--workers", "2", "--stall-seconds", "1"];
    const { status, stderr } = spawnSync(process.execPath, [command, ...flags], { encoding: "utf8" });
    expect(stderr).toMatch(/^measuring shardgrad: train: the job's model, loss .* not returned for 1 s: /);
    expect(status).toBe(2);
  });

  it("by Ctrl-C", async () => {
    const { child, ended } = startCommand(pathToFileURL(endless), ["--workers", "2"]);
    child.stderr!.once("data", () => child.kill("SIGINT"));
    expect((await ended).stderr).toBe("measuring ");
    expect(child.signalCode).toBe("SIGINT");
  });
});

describe("a run that does not fit is refused before it starts", () => {
  // So that there are 4 GiB, whatever the kernels reach.
  let letGo: () => Promise<void>;
  beforeAll(async () => {
    letGo = await holdARun();
  });
  afterAll(() => letGo());
  const many = "dataset: { train: { x: { data: new Float32Array(800_000), shape: [4] } } }";
  /** A computed set, which is not called before its answers are known to fit. */
  const large = (change: string, samples = 600e6) =>
    jobWith(
      `dataset: { train: computed({ samples: ${samples}, columns: { x: { shape: [4] } }, sample: asked }) }, ${change}`,
      `import { computed } from "@shardgrad/parallel";
       const asked = () => { throw new Error("asked for a sample"); };`,
    );

  it.each([
    [
      "for its data",
      jobWith("dataset: { train: { x: new Uint8Array(4.5e9) } }"),
      /the run needs 4\.\d GiB of shared memory, but 4\.0 GiB of the 4\.0 GiB .* most of it is dataset: give the job a computed set/,
    ],
    [
      "for its model",
      jobWith("model: () => new Linear(4, 400_000_000)"),
      /^train: the run needs 1\d\d\.\d GiB of shared memory, .* are free; most of it is snapshots: .*; snapshots: "disk" \(--snapshots disk\) saves 48\.0 GiB\n.*\n(?:.*\n)* {2}weights +7\.5 GiB\n/,
    ],
    [
      "for its gradients",
      // With BatchNorm, each shard keeps a gradient of its own until all have met.
      jobWith(
        `${many}, model: () => new Sequential(new Linear(4, 400_000), new Linear(400_000, 1), new BatchNorm1d(1))`,
      ),
      /most of it is gradients: use fewer shards\n {2}gradients +1000 arrays × /,
      { shards: 1000, batchSize: 1000 },
    ],
    [
      "for its activations",
      jobWith(`${many}, model: () => new Sequential(new Linear(4, 4096), new ReLU(), new Linear(4096, 1))`),
      /most of it is activations: use a smaller batchSize, or fewer workers\n {2}activations +1 worker × /,
      { shards: 1, workers: 1, batchSize: 200_000 },
    ],
    [
      "for the records of its epochs",
      jobWith(""),
      /the run needs 15\.\d GiB of shared memory, .* most of it is records of epochs: use fewer epochs\n {2}records of epochs +200000000 epochs × 80 B/,
      { epochs: 2e8, batchSize: 256 },
    ],
    [
      "for the steps that its shards do apart from each other",
      large("batchSize: 4, shards: 4"),
      /most of it is steps between synchronization points: use a smaller syncEvery\n/,
      { syncEvery: 1e9 },
    ],
    [
      "for the weights that samples are drawn by",
      large("sampling: { weights: asked }"),
      /the run needs 4\.5 GiB of shared memory, .* most of it is weights to draw by: draw without weights, or from fewer samples\n {2}weights to draw by +600000000 samples × 8 B/,
    ],
    ["for classes in balance", large("sampling: { balance: asked }"), /most of it is weights to draw by/],
    [
      "for lists of what is held out",
      large("validation: { fraction: 0.1, stratify: asked }", 2e9),
      /most of it is lists of held-out samples: give a test set instead of validation, or fewer samples/,
    ],
  ] as [string, string, RegExp, TrainOptions?][])("%s", async (_, job, message, options = {}) => {
    const error = await train(job, options).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(MemoryError);
    expect((error as Error).message).toMatch(message);
  });

  it("by the command, for a number of epochs as one writes it", () => {
    const flags = ["train", jobWith(""), "--epochs", "5e8", "--batch-size", "256", "--kernels", "wasm"];
    const { status, stderr } = spawnSync(process.execPath, [command, ...flags], { encoding: "utf8" });
    expect(status).toBe(2);
    expect(stderr).toMatch(
      /^shardgrad: train: the run needs 38\.\d GiB .* records of epochs: use fewer epochs\n/,
    );
  });

  it("and one of more steps than can be counted", async () => {
    await expect(train(jobWith(""), { epochs: 1e9 })).rejects.toThrow(
      "train: 1000000000 epochs of 4 steps are 4000000000 steps, expected at most 2^31 - 1; use fewer epochs, or larger batches",
    );
  });

  it("by the command, with a first line that says it all and an exit code", () => {
    const data = "const bytes = new Uint8Array(4.5e9);";
    const job = jobWith("dataset: { train: { a: bytes, b: bytes, c: bytes, d: bytes } }", data);
    const flags = ["train", job, "--kernels", "wasm"];
    const { status, stderr } = spawnSync(process.execPath, [command, ...flags], { encoding: "utf8" });
    expect(status).toBe(2);
    expect(stderr).toMatch(
      /^shardgrad: train: the run needs .*\n {2}dataset +18\.\d GiB\n {2}and what comes on top .*\n$/,
    );
  });
});

it("three metrics, each of which runs the model, need the memory of one", async () => {
  const evaluation = async (metrics: number) => {
    const job = writeJob(`
      import job from ${JSON.stringify(new URL("./jobs/clusters.ts", import.meta.url).href)};
      const metrics = Object.fromEntries(Array.from({ length: ${metrics} }, (_, i) => ["m" + i, Object.values(job.metrics)[0]]));
      export default { ...job, testLoss: false, metrics };`);
    return eachOf(await startOf(job, { workers: 1, steps: 1 }), "evaluation");
  };
  const one = await evaluation(1);
  expect(one).toBeGreaterThan(0);
  expect(await evaluation(3)).toBe(one);
});
