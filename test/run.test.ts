// A run as a script sees it: events, stopping, the result, and what it leaves behind.
import { mkdirSync } from "node:fs";
import { lstat, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { Module } from "@shardgrad/core";
import { accuracy, scope } from "@shardgrad/core";
import { heap } from "@shardgrad/core/engine";
import type { TrainEvent, TrainOptions } from "@shardgrad/parallel";
import { JobError, OutputError, train, WorkerError } from "@shardgrad/parallel";
import { describe, expect, it, vi } from "vitest";
import { batchOf, clusters } from "./jobs/clusters.ts";
import { writeJob } from "./write-job.ts";

const job = new URL("./jobs/clusters.ts", import.meta.url);

describe("events", () => {
  it("arrive in order, typed, and end with the result", async () => {
    const events: TrainEvent[] = [];
    const run = train(job, { workers: 2, epochs: 3 });
    for await (const event of run) events.push(event);
    const kinds = events.map(({ type }) => type).filter((type) => type !== "progress");
    expect(kinds).toEqual(["start", "epoch", "epoch", "epoch", "end"]);
    expect(events[0]).toMatchObject({
      workers: 2,
      shards: 2,
      parameters: 16 * 33 + 33 + 33 * 8 + 8,
      steps: 33,
    });
    const { model: _, ...end } = await run;
    expect(events.at(-1)).toEqual(end);
    expect(end.metrics.accuracy).toBeGreaterThan(0.8);
    // The start of the workers takes longer than these epochs, and is no part of it.
    const shares = events.flatMap((event) => (event.type === "epoch" ? [event.waitShare] : []));
    expect(end.waitShare).toBeGreaterThan(Math.min(...shares) / 2);
    expect(end.waitShare).toBeLessThan(1);
  });

  it("`steps` ends within an epoch, after an evaluation", async () => {
    const { steps, metrics, stopped } = await train(job, { workers: 2, steps: 13 });
    expect(steps).toBe(13);
    expect(stopped).toBe(false);
    // One of eight classes by chance.
    expect(metrics.accuracy).toBeGreaterThan(0.8);
  });

  it("leaving the loop stops the run", async () => {
    const run = train(job, { workers: 2, epochs: 100_000 });
    for await (const event of run) if (event.type === "epoch") break;
    const { stopped, steps } = await run;
    expect(stopped).toBe(true);
    expect(steps).toBeLessThan(100_000);
  });

  it("stopping when it starts trains nothing", async () => {
    const run = train(job, { workers: 2 });
    run.on("start", () => run.stop());
    const { steps, stopped, metrics, samplesPerSecond } = await run;
    expect({ steps, stopped, metrics, samplesPerSecond }).toEqual({
      steps: 0,
      stopped: true,
      metrics: {},
      samplesPerSecond: 0,
    });
  });

  it("stopping works while the coordinator averages", async () => {
    const run = train(job, { workers: 2, epochs: 100_000, reduce: "coordinator" });
    run.on("progress", () => run.stop());
    expect((await run).stopped).toBe(true);
  });
});

it("says where each worker's time went, if asked", async () => {
  const { phaseMs, seconds } = await train(job, { workers: 2, epochs: 2, timePhasesFrom: 0 });
  expect(phaseMs).toHaveLength(2);
  for (const phases of phaseMs!) {
    const { forward, backward, evaluate } = phases;
    expect(Math.min(forward, backward, evaluate)).toBeGreaterThan(0);
    expect(Math.min(...Object.values(phases))).toBeGreaterThanOrEqual(0);
    const total = Object.values(phases).reduce((sum, ms) => sum + ms, 0);
    expect(total).toBeLessThanOrEqual(seconds * 1000);
  }
  const unasked = await train(job, { workers: 2, epochs: 1 });
  expect(unasked).not.toHaveProperty("phaseMs");
  const wrong = train(job, { timePhasesFrom: -1 });
  await expect(wrong).rejects.toThrow("timePhasesFrom is -1, expected the number of a step, from 0 on");
});

describe("the result's model", () => {
  const { x, y } = clusters(300, 5);
  const [inputs, labels] = batchOf([...y.keys()], x, y);
  const score = (model: Module) => scope(() => accuracy(model.forward(inputs), labels).toArray());
  const mean = (values: ArrayLike<number>) => Array.from(values).reduce((sum, value) => sum + value, 0) / 300;

  it("is the trained one: on this thread it scores what the run did, far above chance", async () => {
    const { model, metrics } = await train(job, { workers: 2, epochs: 5 });
    expect(metrics.accuracy).toBeGreaterThan(0.9);
    expect(mean(score(model))).toBe(metrics.accuracy);
  });

  it("has memory of its own: a later run leaves it as it was", async () => {
    const { model } = await train(job, { workers: 2 });
    const weights = () => model.parameters().map((parameter) => parameter.toArray());
    const before = weights();
    await train(job, { workers: 2, seed: 8 });
    expect(weights()).toEqual(before);
  });
});

it("writes the weights as safetensors", async () => {
  const directory = await mkdtemp(join(tmpdir(), "shardgrad-"));
  try {
    const file = join(directory, "model.safetensors");
    await train(job, { workers: 1, steps: 1, out: file });
    const bytes = await readFile(file);
    const header = JSON.parse(bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE())).toString());
    expect(header["0.weight"]).toMatchObject({ dtype: "F32", shape: [33, 16] });
  } finally {
    await rm(directory, { recursive: true });
  }
});

it("writes the weights to where a link leads, and to a device", async () => {
  const directory = await mkdtemp(join(tmpdir(), "shardgrad-"));
  try {
    const link = join(directory, "link");
    const file = join(directory, "model.safetensors");
    await writeFile(file, "the one before");
    await symlink(file, link);
    await train(job, { workers: 1, steps: 1, out: link });
    expect((await readFile(file)).length).toBeGreaterThan(1000);
    expect((await lstat(link)).isSymbolicLink()).toBe(true);
    // A link to what is not there yet.
    const next = join(directory, "next");
    await symlink("later.safetensors", next);
    await train(job, { workers: 1, steps: 1, out: next });
    expect((await lstat(next)).isSymbolicLink()).toBe(true);
    expect((await readFile(join(directory, "later.safetensors"))).length).toBeGreaterThan(1000);
    const before = await lstat("/dev/null");
    await train(job, { workers: 1, steps: 1, out: "/dev/null" });
    expect((await lstat("/dev/null")).ino).toBe(before.ino);
    expect((await readdir(directory)).sort()).toEqual([
      "later.safetensors",
      "link",
      "model.safetensors",
      "next",
    ]);
  } finally {
    await rm(directory, { recursive: true });
  }
});

it("a file of weights that cannot be written leaves the one before as it was", async () => {
  const directory = await mkdtemp(join(tmpdir(), "shardgrad-"));
  try {
    // The temporary file's name is longer, too long: that is found before the run.
    const long = join(directory, `${"m".repeat(238)}.safetensors`);
    await writeFile(long, "the one before");
    const started = vi.fn();
    const refused = train(job, { workers: 1, steps: 1, out: long }).on("start", started);
    await expect(refused).rejects.toThrow(JobError);
    await expect(refused).rejects.toThrow(
      /^train: cannot write .*m\.safetensors: no file can be made there \(ENAMETOOLONG: name too long\); name another file$/,
    );
    expect(started).not.toHaveBeenCalled();
    expect(await readFile(long, "utf8")).toBe("the one before");
    // And what comes into its way during the run, only after it.
    const out = join(directory, "m.safetensors");
    const late = train(job, { workers: 1, steps: 1, out }).on("start", () => mkdirSync(out));
    await expect(late).rejects.toThrow(OutputError);
    await expect(late).rejects.toThrow(/^train: cannot write the weights to .*m\.safetensors: Error: E/);
    expect((await readdir(directory)).sort()).toEqual([basename(out), basename(long)].sort());
  } finally {
    await rm(directory, { recursive: true });
  }
});

it.each<[options: object, message: RegExp]>([
  [
    { checkpoints: { directory: "." } },
    /^train: there is no option "checkpoints"; did you mean checkpoint\? There are workers, .*checkpoint,/,
  ],
  [{ checkpoint: "runs" }, /^train: checkpoint is "runs", expected an object, such as \{ directory \}/],
  [{ out: 3 }, /^train: out is 3, expected the path of a file/],
  [{ onStepEnd: 3 }, /^train: onStepEnd is 3, expected a function/],
  [
    { checkpoint: { directory: "runs", best: { metric: "mae", direction: "min" } } },
    /^train: checkpoint\.best\.metric is "mae", expected one of loss, testLoss, accuracy/,
  ],
])("refuses the options %j", async (options, message) => {
  const run = train(job, options as TrainOptions);
  await expect(run).rejects.toThrow(JobError);
  await expect(run).rejects.toThrow(message);
});

it("what a job's timer throws when the work is done is no error of this process", async () => {
  const late = writeJob(`
    import job from ${JSON.stringify(job.href)};
    import { isMainThread } from "node:worker_threads";
    const loss = (model, batch) => {
      if (!isMainThread) setTimeout(() => { throw new Error("late"); }, 1);
      return job.loss(model, batch);
    };
    export default { ...job, loss };`);
  const { weightsSha256 } = await train(job, { workers: 2, shards: 2 });
  // Whether the thread dies of it before or after it has told of its last step is a matter of microseconds.
  const outcomes = new Set<string>();
  for (let i = 0; i < 3; i++) {
    await train(late, { workers: 2, shards: 2, restarts: 0 }).then(
      (result) => outcomes.add(result.weightsSha256),
      (error) => outcomes.add(String(error).replace(/: .*: /, ": ")),
    );
  }
  expect(["WorkerError: late", weightsSha256]).toEqual(expect.arrayContaining([...outcomes]));
});

it("a layer that a job has frozen stays so after an evaluation: the same bits after a failure", async () => {
  const frozen = writeJob(`
    import { existsSync, rmSync, writeFileSync } from "node:fs";
    import { isMainThread } from "node:worker_threads";
    import job from ${JSON.stringify(job.href)};
    import { Dropout, Linear, Sequential } from "@shardgrad/core";
    let calls = 0;
    export default { ...job,
      model: () => new Sequential(new Linear(16, 16), new Dropout(0.5).eval(), new Linear(16, 8)),
      augment: () => { if (process.env.FAIL && !isMainThread && ++calls === 700) throw new Error("now and then"); },
    };`);
  const restarts: string[] = [];
  const runOnce = () =>
    train(frozen, { workers: 1, epochs: 3, snapshotEvery: 5 }).on("restart", ({ message }) =>
      restarts.push(message),
    );
  const { weightsSha256 } = await runOnce();
  expect(restarts).toEqual([]);
  process.env.FAIL = "1";
  try {
    expect((await runOnce()).weightsSha256).toBe(weightsSha256);
    // A worker counts from 0, and 700 samples are about half of the run.
    expect(restarts).toHaveLength(2);
  } finally {
    delete process.env.FAIL;
  }
});

it("an async callback that rejects ends the run", async () => {
  const onEpochEnd = async () => {
    throw new Error("no such table");
  };
  await expect(train(job, { workers: 2, epochs: 400, onEpochEnd })).rejects.toThrow("no such table");
});

it("gives all memory back, run after run", async () => {
  const cycle = async () => {
    const { model } = await train(job, { workers: 2, steps: 2 });
    for (const parameter of model.parameters()) parameter.dispose();
    return heap().arena.live;
  };
  const before = await cycle();
  // It can be negative: the garbage collector may free what earlier tests left.
  for (let i = 0; i < 3; i++) expect(await cycle()).toBeLessThanOrEqual(before);
});

it("never blocks the main thread: its event loop turns while workers compute", async () => {
  const wait = vi.spyOn(Atomics, "wait");
  try {
    const run = train(job, { workers: 2, epochs: 100_000 });
    let turns = 0;
    // If this thread were blocked until the workers are done, nobody could stop them.
    const turn = () => (++turns < 100 ? setImmediate(turn) : run.stop());
    let begun = false;
    run.on("progress", () => {
      if (!begun) turn();
      begun = true;
    });
    expect((await run).stopped).toBe(true);
    expect(wait).not.toHaveBeenCalled();
  } finally {
    wait.mockRestore();
  }
});

it("workers do not wait for the main thread: they go on while it is blocked", async () => {
  const run = train(job, { workers: 2, epochs: 100_000 });
  const steps: number[] = [];
  run.on("progress", ({ step }) => {
    steps.push(step);
    if (steps.length === 2) run.stop();
    // Blocks this thread, event loop and all, for half a second.
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
  });
  await run;
  expect(steps[1]! - steps[0]!).toBeGreaterThan(50);
});

it("an error that nobody awaits is not lost", async () => {
  const errors: unknown[] = [];
  const listeners = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection").on("unhandledRejection", (error) => errors.push(error));
  train("no-such-job.ts").on("epoch", () => undefined);
  await expect(train("no-such-job.ts")).rejects.toThrow(/no such file/);
  await new Promise((resolve) => setImmediate(resolve));
  process.removeAllListeners("unhandledRejection");
  for (const listener of listeners) process.on("unhandledRejection", listener);
  expect(errors.map(String)).toEqual([expect.stringMatching(/JobError: .* there is no such file/)]);
});

it("a loss that changes by a number outside of tensors ends the run, instead of being frozen", async () => {
  const annealed = () =>
    writeJob(`
    import { isMainThread } from "node:worker_threads";
    import { SGD, Linear, mean, mul } from "@shardgrad/core";
    import { defineJob } from "@shardgrad/parallel";
    let calls = 0;
    export default defineJob({
      dataset: { train: { x: { data: new Float32Array(64).fill(1), shape: [2] } } },
      model: () => new Linear(2, 1),
      // A worker's first call is compared with the main thread's, two record, and the fourth is the check after ten replays.
      loss: (model, { x }) => mul(mean(model.forward(x)), !isMainThread && ++calls > 3 ? 2 : 1),
      optimizer: (parameters) => new SGD(parameters, { lr: 0.1 }),
      batchSize: 8, epochs: 100,
    });`);
  const run = train(annealed(), { workers: 1 });
  await expect(run).rejects.toThrow(
    /loss: it depends on something outside of tensors that changed while it was replayed.*--no-capture.*after 10 replays/,
  );
  const eager = await train(annealed(), { workers: 1, capture: false });
  expect([eager.captured, eager.steps]).toEqual([false, 400]);
});

describe("a worker that fails", () => {
  const failing = (statement: string) =>
    writeJob(`
      import { isMainThread } from "node:worker_threads";
      import { SGD, Linear, mean } from "@shardgrad/core";
      import { defineJob } from "@shardgrad/parallel";
      let calls = 0;
      export default defineJob({
        dataset: { train: { x: { data: new Float32Array(64).fill(1), shape: [2] } } },
        model: () => new Linear(2, 1),
        loss: (model, { x }) => { if (!isMainThread && ++calls === 3) { ${statement} } return mean(model.forward(x)); },
        optimizer: (parameters) => new SGD(parameters, { lr: 0.1 }),
        batchSize: 8, epochs: 100_000,
      });`);

  it.each([
    [
      "throws",
      'throw new RangeError("no more")',
      /worker [01] failed in step 2 \(forward\): RangeError: no more/,
    ],
    ["throws null", "throw null", /worker [01] failed in step 2 \(forward\): the job threw null/],
    [
      "throws what cannot be cloned",
      "throw Object.assign(new Error('f'), { f() {} })",
      /step 2 \(forward\): f/,
    ],
    ["exits", "process.exit(3)", /worker [01] failed in step \d+ \(\w+\): the thread died/],
  ])("%s ends the run with one error that says where", async (_, statement, message) => {
    const error = await train(await failing(statement), { workers: 2 }).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(WorkerError);
    expect((error as WorkerError).message).toMatch(message);
  });
});
