// What the `shardgrad` command answers to mistakes: one clear line and an exit code. mistakes.test.ts and refused-jobs.test.ts
// have more messages, without the command.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { command, shardgrad, shardgradIn } from "./run-command.ts";
import { smallJob, writeJob } from "./write-job.ts";

const job = fileURLToPath(new URL("./jobs/clusters.ts", import.meta.url));

const start = `
  import { rmSync, writeSync } from "node:fs";
  import { isMainThread } from "node:worker_threads";
  ${smallJob}`;

/** These mistakes show only once the run has begun. */
const foundInTheFirstStep = ["labels out of range", "a loss that is not finite", "a slip in the loss"];

describe("a mistake is answered by one line and an exit code", () => {
  const jobWith = (change: string) =>
    writeJob(`${start}\nexport default defineJob({ ...parts, ${change} });`);

  it.each<[name: string, args: () => string[], message: RegExp]>([
    ["no workers", () => [job, "--workers", "0"], /workers is 0, expected an integer of at least 1/],
    ["a number that is none", () => [job, "--epochs", "many"], /'--epochs <n>' argument 'many' is invalid/],
    [
      "no such kernels",
      () => [job, "--kernels", "cuda"],
      /'--kernels <set>' argument 'cuda' is invalid\. Allowed/,
    ],
    ["an unknown option", () => [job, "--fast"], /unknown option '--fast'/],
    [
      "no such job",
      () => ["no-such-job.ts"],
      /cannot load the job \/.*no-such-job\.ts: there is no such file/,
    ],
    [
      "a syntax error",
      () => [writeJob("export default defineJob({ loss: ( });")],
      /cannot load the job \/.*: SyntaxError: .+/,
    ],
    [
      "labels out of range",
      () => [
        jobWith(
          "dataset: { train: { x: { data: new Float32Array(40), shape: [2] }, y: new Uint8Array(20).fill(3) } }",
        ),
      ],
      /worker \d failed in step 1 \(forward\): .*3.* expected 0 to 2/,
    ],
    [
      "a loss that is not finite",
      () => [jobWith("loss: (model, { x }) => mul(mean(model.forward(x)), Infinity)")],
      /train: step 1: shard 0 has the loss -?Infinity and .*, first in weight; expected finite numbers/,
    ],
    [
      "data with a hole",
      () => [jobWith("dataset: { train: { x: new Float32Array([1, NaN]), y: new Uint8Array(2) } }")],
      /train column x has NaN in sample 1, expected finite numbers/,
    ],
    ["a folder as output", () => [job, "--out", "."], /cannot write .*: it is a folder; name a file/],
    [
      "a slip in the loss",
      () => [jobWith("loss: (model, { x, y }) => crossEntropy(model.foward(x), y)"), "--restarts", "0"],
      /failed in step 1 \(forward\): TypeError: model\.foward is not a function \(job-[\w-]+\.ts:\d+:\d+\)/,
    ],
    // Core refuses it, not the job's definition, but before the run has begun.
    [
      "an optimizer's option",
      () => [jobWith("optimizer: (parameters) => new SGD(parameters, { learningRate: 0.1 })")],
      /SGD: there is no option "learningRate"; it is called lr here/,
    ],
    [
      "a promise that nothing settles",
      () => [jobWith("dataset: () => new Promise(() => {})")],
      /train: the job waits for something that never comes: /,
    ],
  ])("%s", async (name, args, message) => {
    const { code, stdout, stderr } = await shardgrad("train", ...args(), "--json");
    expect(stderr).toMatch(message);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(stderr).toMatch(/^shardgrad: /);
    expect(code).toBe(foundInTheFirstStep.includes(name) ? 1 : 2);
    const types = stdout.split("\n").flatMap((line) => (line ? [JSON.parse(line).type] : []));
    // A mistake in the command line is found before there is a run.
    expect(types.filter((type) => type !== "start")).toEqual(stdout ? ["error"] : []);
  });

  it.each([
    ["help tarin", "unknown command 'tarin'; did you mean train?"],
    ["trian job.ts", "unknown command 'trian'; did you mean train?"],
    ["train job.ts --epocs 3", "unknown option '--epocs'; did you mean --epochs?"],
    ["train job.ts --batchSize 3", "unknown option '--batchSize'; did you mean --batch-size?"],
    ["train job.ts --learning-rate 3", "unknown option '--learning-rate'; --help lists them"],
  ])("%s", async (args, message) => {
    expect(await shardgrad(...args.split(" "))).toEqual({
      code: 2,
      stdout: "",
      stderr: `shardgrad: ${message}\n`,
    });
  });

  it("help of an unknown command lists those that there are", async () => {
    const { code, stderr } = await shardgrad("help", "nothing-like-it");
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(
        /^shardgrad: unknown command 'nothing-like-it'; there are train, (\w+, )+help\n$/,
      ),
    ]);
  });

  it("help of a command is what it says of itself", async () => {
    const [help, flag] = [await shardgrad("help", "train"), await shardgrad("train", "--help")];
    expect(help).toEqual(flag);
    expect(help.stdout).toMatch(/^Usage: shardgrad train \[options\] <job>\n/);
  });

  it("a dataset that takes for ever is ended by Ctrl-C", async () => {
    const endless = jobWith('dataset: () => { for (writeSync(2, "loading"); ; ); }');
    const flags = [command, "train", endless];
    const child = spawn(process.execPath, flags, { stdio: ["ignore", "ignore", "pipe"] });
    child.stderr.once("data", () => child.kill("SIGINT"));
    await new Promise((resolve) => child.on("close", resolve));
    expect(child.signalCode).toBe("SIGINT");
  });

  it("a best checkpoint by nothing that there is", async () => {
    const flags = ["train", job, "--checkpoint", join(tmpdir(), "shardgrad-none"), "--checkpoint-best"];
    const { code, stderr } = await shardgrad(...flags, "mae:min");
    expect(stderr).toBe(
      'shardgrad: train: checkpoint.best.metric is "mae", expected one of loss, testLoss, accuracy\n',
    );
    expect(code).toBe(2);
    expect((await shardgrad(...flags, "accuracy:min")).stderr).toBe(
      'shardgrad: train: checkpoint.best.direction is "min", but that of accuracy is "max"; leave it out\n',
    );
  });

  it("a last checkpoint that cannot be saved", async () => {
    const directory = mkdtempSync(join(tmpdir(), "shardgrad-cli-"));
    const unsafe = jobWith(`loss: (model, { x, y }) => {
      if (!isMainThread) rmSync(${JSON.stringify(directory)}, { recursive: true, force: true });
      return crossEntropy(model.forward(x), y);
    }`);
    const { code, stdout, stderr } = await shardgrad("train", unsafe, "--checkpoint", directory, "--json");
    expect(stdout).toContain('"type":"end"');
    rmSync(directory, { recursive: true, force: true });
    expect(stderr).toMatch(/^shardgrad: the last checkpoint was not saved: checkpoint: cannot save step 2 /);
    expect(code).toBe(1);
  });

  it("--stack shows where it came from", async () => {
    const { stderr } = await shardgrad(
      "train",
      jobWith("loss: () => { throw new Error('here') }"),
      "--stack",
    );
    expect(stderr).toMatch(/WorkerError: train: worker \d failed.*\n\s+at /);
    expect(stderr).toMatch(/caused by: .*here/s);
  });
});

it.each(["scale", "doctor", "predict"])(
  "processes that do not share their work: %s under mpirun",
  async (name) => {
    const launched = { OMPI_COMM_WORLD_RANK: "1", OMPI_COMM_WORLD_SIZE: "2" };
    const args = { scale: [job], doctor: [], predict: [job, "--weights", "w", "--input", "x.csv"] }[name]!;
    const { code, stdout, stderr } = await shardgradIn(launched, name, ...args);
    expect(stderr).toBe(
      `shardgrad: ${name}: mpirun or srun started 2 processes of it, which do not share the work: run it without a launcher\n`,
    );
    expect([code, stdout]).toEqual([2, ""]);
  },
);
