// The `shardgrad` command as programs and people use it: JSON lines, exit codes, its options. cli-mistakes.test.ts has its
// answers to mistakes.
import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { foundBlas } from "./found-blas.ts";
import type { Ended } from "./run-command.ts";
import { command, shardgrad, shardgradIn } from "./run-command.ts";
import { signalAtCheckpoint } from "./start-command.ts";
import { writeJob } from "./write-job.ts";

const job = fileURLToPath(new URL("./jobs/clusters.ts", import.meta.url));

/** A loss that reads a value on the host. */
const readingJob = `
    import { SGD, Linear, mean, mul, square } from "@shardgrad/core";
    import { defineJob } from "@shardgrad/parallel";
    export default defineJob({
      dataset: { train: { x: { data: new Float32Array(64).fill(1), shape: [2] } } },
      model: () => new Linear(2, 1),
      loss: (model, { x }) => { const y = mean(square(model.forward(x))); return mul(y, y.item() > 1 ? 2 : 1); },
      optimizer: (parameters) => new SGD(parameters, { lr: 0.1 }),
      batchSize: 8, epochs: 3,
    });`;

it("--json prints one object a line, and nothing else", async () => {
  const { code, stdout, stderr } = await shardgrad("train", job, "--workers", "2", "--shards", "4", "--json");
  expect(stderr).toBe("");
  expect(code).toBe(0);
  const events = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(events.map(({ type }) => type)).toEqual(["start", "epoch", "epoch", "end"]);
  expect(events[0]).toMatchObject({
    workers: 2,
    shards: 4,
    kernels: expect.any(String),
    params: {},
    parameters: 833,
  });
  expect(events[1]).toEqual({
    type: "epoch",
    epoch: 1,
    step: 11,
    loss: expect.any(Number),
    testLoss: expect.any(Number),
    metrics: { accuracy: expect.any(Number) },
    gradNorm: expect.any(Number),
    lr: expect.any(Number),
    samplesPerSecond: expect.any(Number),
    waitShare: expect.any(Number),
  });
  expect(events[3]).toMatchObject({
    captured: true,
    steps: 22,
    seconds: expect.any(Number),
    samplesPerSecond: expect.any(Number),
    metrics: { accuracy: expect.any(Number) },
    weightsSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
});

/** Prints on every way to standard output, and leaves a timer that never ends. */
const openJob = writeJob(`
    import { stdout } from "node:process";
    import { isMainThread } from "node:worker_threads";
    import { SGD, Linear, mean, square } from "@shardgrad/core";
    import { defineJob } from "@shardgrad/parallel";
    process.stdout.write("raw 1\\n");
    console.log("console 2");
    stdout.write(Buffer.from("imported 3\\n"));
    if (isMainThread) setInterval(() => {}, 1000);
    export default defineJob({
      dataset: { train: { x: { data: new Float32Array(16).fill(1), shape: [2] } } },
      model: () => new Linear(2, 1),
      loss: (model, { x }) => mean(square(model.forward(x))),
      optimizer: (parameters) => new SGD(parameters, { lr: 0.1 }),
      batchSize: 8, epochs: 1,
    });`);

it("what a job prints to standard output goes to standard error with --json, from all threads", async () => {
  const { code, stdout, stderr } = await shardgrad("train", openJob, "--workers", "1", "--json");
  const types = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line).type);
  expect([code, types]).toEqual([0, ["start", "epoch", "end"]]);
  for (const text of ["raw 1\n", "console 2\n", "imported 3\n"]) {
    // From the main thread and the worker; the output of an ending thread may be cut.
    expect(stderr.split(text).length).toBeGreaterThanOrEqual(2);
  }
  const plain = await shardgrad("train", openJob, "--workers", "1");
  expect(plain.stdout).toContain("raw 1\nconsole 2\nimported 3\n");
});

it("a job that leaves a timer open does not keep the command, which ends when all of its output is read", async () => {
  const flags = ["--workers", "1", "--epochs", "3000", "--json"];
  const child = spawn(process.execPath, [command, "train", openJob, ...flags], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const ended = new Promise((resolve) => child.on("close", resolve));
  let text = "";
  // A slow reader: the pipe is full most of the time.
  for await (const part of child.stdout.setEncoding("utf8")) {
    text += part;
    await new Promise((resolve) => setTimeout(resolve));
  }
  expect(await ended).toBe(0);
  const events = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(events.filter(({ type }) => type === "epoch")).toHaveLength(3000);
  expect(events.at(-1)).toMatchObject({ type: "end", steps: 3000 });
});

it("trains a job that cannot be captured all the same, and says once why it is slower", async () => {
  const reading = writeJob(readingJob);
  const captured = ({ stdout }: Ended) => JSON.parse(stdout.trim().split("\n").at(-1)!).captured;
  const run = await shardgrad("train", reading, "--workers", "2", "--json");
  expect(run.code).toBe(0);
  expect(run.stderr).toMatch(
    /^train: steps are run anew instead of replayed.*item\(\) inside a compiled function.*\n$/,
  );
  expect(captured(run)).toBe(false);
  const quiet = await shardgrad("train", reading, "--workers", "2", "--json", "--no-capture");
  expect([quiet.stderr, captured(quiet)]).toEqual(["", false]);
});

it("a reader that goes away, as head does, ends the run without a word", async () => {
  const flags = ["--workers", "2", "--epochs", "100000", "--json"];
  const child = spawn(process.execPath, [command, "train", job, ...flags], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stderr = "";
  child.stderr.on("data", (text) => {
    stderr += text;
  });
  child.stdout.once("data", () => child.stdout.destroy());
  const code = await new Promise((resolve) => child.on("close", resolve));
  expect([code, stderr]).toEqual([141, ""]);
});

it.runIf(existsSync("/dev/full"))("output that cannot be written ends the run by one line", async () => {
  const full = openSync("/dev/full", "w");
  const flags = ["--workers", "1", "--epochs", "100000"];
  const child = spawn(process.execPath, [command, "train", job, ...flags], {
    stdio: ["ignore", full, "pipe"],
  });
  closeSync(full);
  let stderr = "";
  child.stderr!.on("data", (text) => {
    stderr += text;
  });
  const code = await new Promise((resolve) => child.on("close", resolve));
  expect([code, stderr]).toEqual([
    1,
    "shardgrad: train: the output cannot be written: ENOSPC: no space left on device, write; the run was stopped\n",
  ]);
});

it("a reader of standard error that has gone does not keep a signal from saving", async () => {
  const directory = mkdtempSync(join(tmpdir(), "shardgrad-cli-"));
  const flags = [
    "--workers",
    "1",
    "--epochs",
    "100000",
    "--checkpoint",
    directory,
    "--checkpoint-every",
    "20",
  ];
  const child = spawn(process.execPath, [command, "train", job, ...flags], { stdio: "pipe" });
  let text = "";
  child.stdout.once("data", () => child.stderr.destroy());
  signalAtCheckpoint(child, "SIGINT", "checkpoint  step");
  child.stdout.on("data", (part) => {
    text += part;
  });
  await new Promise((resolve) => child.on("close", resolve));
  expect(child.exitCode).toBe(130);
  expect(text).toContain("go on from there with --resume");
  rmSync(directory, { recursive: true });
});

it("profile shows where the time of a step goes", async () => {
  const table = await shardgrad("profile", job, "--workers", "2", "--rounds", "2", "--kernels", "wasm");
  expect([table.code, table.stderr]).toEqual([0, ""]);
  expect(table.stdout).toMatch(
    /^the step of one worker, with one shard of 24 samples, on wasm-\w+ kernels\nmostly .*; over the whole step [\d.]+ GFLOP\/s\n\nkernel +operands +calls/,
  );
  expect(table.stdout).toMatch(/\ngemm +\[24,16\] \[16,33\] \[24,33\] \[33\] +1 /);
  expect(table.stdout).toMatch(/\nwhole step [\d.]+ ms\n$/);
  const { kernels, samples, flops, ms, rows } = JSON.parse(
    (await shardgrad("profile", job, "--workers", "2", "--rounds", "2", "--kernels", "wasm", "--json"))
      .stdout,
  );
  expect([kernels.slice(0, 5), samples, ms > 0]).toEqual(["wasm-", 24, true]);
  // 16-33-8: three products of the second layer, two of the first.
  expect(flops).toBe(2 * 24 * (2 * 16 * 33 + 3 * 33 * 8));
  expect(rows.map((row: { kernel: string }) => row.kernel)).toContain("adam");
  const wrong = await shardgrad("profile", job, "--rounds", "0");
  expect([wrong.code, wrong.stderr]).toEqual([
    2,
    "shardgrad: profile: rounds is 0, expected an integer of at least 1\n",
  ]);
  const uncaptured = await shardgrad("profile", writeJob(readingJob));
  expect(uncaptured.code).toBe(2);
  expect(uncaptured.stderr).toMatch(
    /^shardgrad: profile: the loss cannot be recorded, .* item\(\) inside .*\n$/,
  );
});

it("--json keeps what a job prints out of standard output", async () => {
  const chatty = writeJob(`
    import job from ${JSON.stringify(job)};
    console.log("loaded");
    const loss = (model, batch) => {
      process.stdout.write("called");
      return job.loss(model, batch);
    };
    export default { ...job, loss };`);
  const { stdout, stderr } = await shardgrad("train", chatty, "--workers", "1", "--steps", "1", "--json");
  for (const line of stdout.trim().split("\n")) expect(() => JSON.parse(line)).not.toThrow();
  expect(stderr).toContain("loaded");
});

it("prints plain lines where the output is no terminal", async () => {
  const { code, stdout } = await shardgrad("train", job, "--workers", "2");
  expect(code).toBe(0);
  expect(stdout).toMatch(/^833 parameters, 500 samples \(300 to test\); 2 workers/);
  expect(stdout).toMatch(
    /epoch 2\/2 {2}loss \d\.\d{4} {2}test loss \d\.\d{4}, accuracy 0\.\d{4} +[\d,]+ samples\/s/,
  );
  expect(stdout).not.toContain("\u001b");
});

it("what is held out is called validation", async () => {
  const validated = await writeJob(`
    import job from ${JSON.stringify(job)};
    export default { ...job, dataset: async () => ({ train: (await job.dataset()).train }), validation: 0.2 };`);
  const { stdout, stderr } = await shardgrad("train", validated, "--workers", "2", "--epochs", "1");
  expect(stderr).toBe("");
  expect(stdout).toMatch(/^833 parameters, 400 samples \(100 held out\); 2 workers/);
  expect(stdout).toMatch(/epoch 1\/1 {2}loss \d\.\d{4} {2}validation loss \d\.\d{4}, accuracy 0\.\d{4}/);
});

it("--checkpoint-best keeps the best epoch, and the last lines tell where it is", async () => {
  const directory = mkdtempSync(join(tmpdir(), "shardgrad-cli-"));
  const saving = ["--checkpoint", directory, "--checkpoint-keep", "1", "--checkpoint-best", "loss:min"];
  const { code, stdout } = await shardgrad("train", job, "--workers", "2", "--epochs", "3", ...saving);
  expect(code).toBe(0);
  expect(stdout).toMatch(/\nbest {5}loss \d\.\d{4} in .*step-0000000033\n/);
  rmSync(directory, { recursive: true });
});

it("--sync-every and --hogwild are the options of train, and the first line says so", async () => {
  const flags = ["train", job, "--workers", "2", "--epochs", "1"];
  const [apart, shared, json, wrong] = await Promise.all([
    shardgrad(...flags, "--sync-every", "4"),
    shardgrad(...flags, "--hogwild"),
    shardgrad(...flags, "--sync-every", "4", "--hogwild", "--json"),
    shardgrad(...flags, "--sync-every", "0"),
  ]);
  expect(apart.stdout).toMatch(/, 11 steps of 48, Local SGD \(averaged every 4 steps\)\n/);
  expect(shared.stdout).toMatch(/, 11 steps of 48, Hogwild \(waiting every 100 steps\)\n/);
  expect([apart, shared, json].map(({ code, stderr }) => [code, stderr])).toEqual([
    [0, ""],
    [0, ""],
    [0, ""],
  ]);
  expect(JSON.parse(json.stdout.split("\n")[0]!)).toMatchObject({ syncEvery: 4, hogwild: true });
  expect([wrong.code, wrong.stderr]).toEqual([
    2,
    "shardgrad: train: syncEvery is 0, expected an integer of at least 1\n",
  ]);
});

it("--accumulate, --on-non-finite and --use-ema are the options of train", async () => {
  const steps = fileURLToPath(new URL("./jobs/steps.ts", import.meta.url));
  const flags = ["--shards", "4", "--batch-size", "24", "--accumulate", "4", "--on-non-finite", "skip"];
  const { code, stdout } = await shardgrad("train", steps, "--workers", "1", ...flags, "--json");
  expect(code).toBe(0);
  const [begin, end] = [stdout.split("\n")[0]!, stdout.trim().split("\n").at(-1)!].map((line) =>
    JSON.parse(line),
  );
  expect(begin).toMatchObject({ batchSize: 96, accumulate: 4 });
  expect(end).toMatchObject({ skipped: 0 });
  const averaged = await shardgrad("train", steps, "--workers", "2", ...flags, "--use-ema");
  expect(averaged.stdout).toContain("8 steps of 96 (4 micro-batches)");
  expect(averaged.stdout).toContain("weights  sha256 ");
  expect(averaged.stdout).not.toContain(end.weightsSha256.slice(0, 16));
  const wrong = await shardgrad("train", job, "--use-ema");
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining("give it ema: { decay }")]);
});

describe("--kernels", () => {
  const plain = ["train", job, "--workers", "1", "--steps", "1"];
  const startOf = ({ stdout }: Ended) => JSON.parse(stdout.split("\n")[0]!);

  it("are used, and shown", async () => {
    const json = await shardgrad(...plain, "--kernels", "reference", "--json");
    expect(startOf(json).kernels).toBe("reference");
    const { stdout } = await shardgrad(...plain, "--kernels", "wasm-plain");
    expect(stdout).toContain("1 worker, wasm-plain kernels, 1 steps");
  });

  it.each([[[]], [["--kernels", "auto"]]])(
    "%j goes on without machine code and a BLAS, and says why in one line each",
    async (args) => {
      const without = { SHARDGRAD_NATIVE: "off" };
      const off = await shardgradIn({ ...without, SHARDGRAD_BLAS: "off" }, ...plain, ...args);
      expect(off).toMatchObject({ code: 0, stderr: "" });
      expect(off.stdout).toMatch(
        /wasm-\w+ kernels, .*\nno machine code: switched off by SHARDGRAD_NATIVE=off\nno BLAS: switched off by SHARDGRAD_BLAS=off\nepoch/,
      );
      const missing = await shardgradIn(
        { ...without, SHARDGRAD_BLAS: "/no/blas.so" },
        ...plain,
        ...args,
        "--json",
      );
      expect(startOf(missing)).toMatchObject({
        kernels: expect.stringMatching(/^wasm-/),
        noBlas: expect.stringMatching(/^\/no\/blas\.so cannot be loaded: /),
      });
    },
  );

  it("blas without a BLAS is a mistake", async () => {
    const { code, stdout, stderr } = await shardgradIn(
      { SHARDGRAD_BLAS: "/no/blas.so" },
      ...plain,
      "--kernels",
      "blas",
    );
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(
      /^shardgrad: train: kernels is "blas", but there is none to use: \/no\/blas\.so cannot be loaded: .*\n$/,
    );
  });

  it.skipIf(!foundBlas)("blas is used, and shown", async () => {
    const { description } = foundBlas!;
    const event = startOf(await shardgrad(...plain, "--kernels", "blas", "--json"));
    expect(event).toMatchObject({ kernels: "blas", blas: description });
    expect((await shardgradIn({ SHARDGRAD_NATIVE: "off" }, ...plain)).stdout).toContain(
      `1 worker, ${description}, 1 steps`,
    );
  });
});
