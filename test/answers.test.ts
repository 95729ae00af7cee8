// The commands that use what was trained: predict, evaluate, inspect.
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { tensor, writeSafetensors } from "@shardgrad/core";
import { load, train } from "@shardgrad/parallel";
import { afterAll, beforeAll, expect, it } from "vitest";
import { clusters } from "./jobs/clusters.ts";
import { houses } from "./jobs/prices.ts";
import { writeJob } from "./write-job.ts";

const command = fileURLToPath(new URL("../packages/shardgrad/bin/shardgrad.js", import.meta.url));
const [prices, classes] = ["prices", "clusters"].map((name) =>
  fileURLToPath(new URL(`./jobs/${name}.ts`, import.meta.url)),
) as [string, string];
const folder = mkdtempSync(join(tmpdir(), "shardgrad-answers-"));
const at = (name: string) => join(folder, name);
const weights = at("prices.safetensors");
const kernels = "wasm";
let mae: number;

const shardgrad = (...args: string[]) =>
  spawnSync(process.execPath, [command, ...args], {
    encoding: "utf8",
    env: { ...process.env, FORCE_COLOR: "0" },
  });

beforeAll(async () => {
  const checkpoint = { directory: at("checkpoints") };
  mae = (await train(prices, { workers: 1, kernels, out: weights, checkpoint })).metrics.mae as number;
  await train(classes, { workers: 1, kernels, out: at("clusters.safetensors") });
  const { size, city } = houses();
  writeFileSync(at("new.csv"), ["size,city", ...size.map((one, row) => `${one},${city[row]}`)].join("\n"));
  const { x } = clusters(3, 5);
  const lines = Array.from({ length: 3 }, (_, row) =>
    [...x.data.subarray(row * 16, row * 16 + 16)].join(","),
  );
  writeFileSync(
    at("points.csv"),
    [Array.from({ length: 16 }, (_, i) => `x${i + 1}`).join(","), ...lines].join("\n"),
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

it("predict writes what load() answers, the same with any number of threads", async () => {
  const found = [1, 3].map((workers) => {
    const out = at(`prices-${workers}.csv`);
    const args = ["--weights", weights, "--input", at("new.csv"), "--out", out, "--kernels", kernels];
    const { status, stderr, stdout } = shardgrad(
      "predict",
      prices,
      ...args,
      "--batch",
      "64",
      "--workers",
      `${workers}`,
    );
    expect([status, stderr, stdout]).toEqual([0, "", `700 rows answered, written to ${out}\n`]);
    return readFileSync(out, "utf8");
  });
  expect(found[1]).toBe(found[0]);
  using loaded = await load(prices, weights, { kernels });
  const { size, city } = houses();
  const answers = loaded.predict({ size, city }, { batch: 64 });
  expect(found[0]).toBe(`prediction\n${answers.join("\n")}\n`);
});

it("predict prints answers; columns come from columns x1 x2 …", async () => {
  const args = ["--weights", at("clusters.safetensors"), "--input", at("points.csv"), "--kernels", kernels];
  const { status, stdout } = shardgrad("predict", classes, ...args);
  using loaded = await load(classes, at("clusters.safetensors"), { kernels });
  const answers = loaded.predict({ x: clusters(3, 5).x }).map((row) => [...(row as Float32Array)]);
  expect([status, stdout]).toEqual([0, answers.map((row) => `${JSON.stringify(row)}\n`).join("")]);
  const told = shardgrad("predict", classes, ...args, "--json");
  expect(JSON.parse(told.stdout)).toEqual({ rows: 3, predictions: answers });
});

it("evaluate says what the run found, and evaluates a file", () => {
  const args = ["--weights", at("checkpoints"), "--kernels", kernels];
  const { status, stdout } = shardgrad("evaluate", prices, ...args);
  expect(status).toBe(0);
  expect(stdout).toMatch(/^280 samples held out: {2}loss \d\.\d{4}, mae \d/);
  expect(stdout).toContain(`mae ${mae.toFixed(4)}`);
  const { size, city, price } = houses(9);
  writeFileSync(
    at("more.csv"),
    ["size,city,price", ...size.map((one, row) => `${one},${city[row]},${price[row]}`)].join("\n"),
  );
  const told = shardgrad("evaluate", prices, ...args, "--input", at("more.csv"), "--json");
  expect(JSON.parse(told.stdout)).toMatchObject({
    samples: 9,
    evaluates: "input",
    metrics: { mae: expect.any(Number) },
  });
});

it("inspect shows tensors, columns, params and state, of a file and of a checkpoint", () => {
  const { status, stdout } = shardgrad("inspect", weights);
  expect([status, stdout]).toEqual([0, expect.stringMatching(/^0\.weight +F32 +\[8,4\] +-0\.\d+ /m)]);
  expect(stdout).toContain(
    'columns   x float32 [4], y float32 [1]\nrows      size, city, price\nparams    {"hidden":8}\nstate     {"means":[',
  );
  expect(shardgrad("inspect", at("checkpoints")).stdout).toContain(
    "checkpoint of step 18, epoch 2\nmetrics   {",
  );
  const { run, tensors } = JSON.parse(shardgrad("inspect", weights, "--json").stdout);
  expect(run.rows).toEqual(["size", "city", "price"]);
  expect(tensors[0]).toMatchObject({ name: "0.weight", shape: [8, 4], nonFinite: 0 });
});

it("a damaged newest checkpoint is passed over, and a line says so", () => {
  cpSync(at("checkpoints"), at("damaged"), { recursive: true });
  const steps = readdirSync(at("damaged")).filter((name) => name.startsWith("step-"));
  expect(steps.length).toBeGreaterThan(1);
  const [older, newest] = steps.sort().slice(-2) as [string, string];
  truncateSync(at(`damaged/${newest}/model.safetensors`), 100);
  const found = shardgrad("predict", prices, "--weights", at("damaged"), "--input", at("new.csv"));
  expect(found.status).toBe(0);
  expect(found.stderr).toMatch(new RegExp(`^checkpoint: ${newest} is damaged \\(.*\\); ${older} is used\n$`));
  for (const name of steps) truncateSync(at(`damaged/${name}/model.safetensors`), 100);
  const { status, stderr } = shardgrad("inspect", at("damaged"));
  expect(status).toBe(2);
  expect(stderr).toMatch(/^shardgrad: inspect: \S+ has no checkpoint that is whole: checkpoint: .*\n$/);
});

it("inspect counts what is not finite, in any file", () => {
  const x = tensor([Number.NaN, 1, 3, Number.POSITIVE_INFINITY]);
  writeFileSync(
    at("any.safetensors"),
    writeSafetensors({ x, none: tensor([], { shape: [0] }) }, { by: "hand" }),
  );
  const { stdout } = shardgrad("inspect", at("any.safetensors"));
  expect(stdout).toMatch(/^x +F32 +\[4\] +1 +2 +3 +1 +2$/m);
  expect(stdout).toContain('metadata  {"by":"hand"}');
});

/** The job on prices with another decode. */
const answering = (body: string) =>
  writeJob(`
    import job from ${JSON.stringify(prices)};
    export default { ...job, decode: (output) => { ${body} } };`);
const asked = () => ["--weights", weights, "--input", at("new.csv"), "--kernels", kernels];

it("predict says how many answers are no finite numbers, and writes them", () => {
  const job = answering("return Array.from({ length: output.shape[0] }, (_, i) => (i === 2 ? NaN : i));");
  const { status, stdout, stderr } = shardgrad("predict", job, ...asked(), "--batch", "1000");
  expect([status, stdout.split("\n").slice(0, 4)]).toEqual([0, ["0", "1", "NaN", "3"]]);
  expect(stderr).toMatch(/^predict: 1 of 700 answers hold NaN or infinity, number 3 first; .*\n$/);
});

it("predict takes lists of JSON Lines as a column of several numbers", () => {
  const { x } = clusters(3, 5);
  const lines = Array.from({ length: 3 }, (_, row) =>
    JSON.stringify({ x: [...x.data.subarray(row * 16, row * 16 + 16)] }),
  );
  writeFileSync(at("points.jsonl"), lines.join("\n"));
  const [table, lists] = ["points.csv", "points.jsonl"].map((input) =>
    shardgrad("predict", classes, "--weights", at("clusters.safetensors"), "--input", at(input)),
  );
  expect(lists).toMatchObject({ status: 0, stdout: table!.stdout });
});

/** What the tests below write themselves. */
const made = ["cut", "alias.csv", "far.csv", "short.jsonl"];

it.each<[name: string, args: () => string[], message: RegExp]>([
  [
    "no weights",
    () => ["predict", prices, "--weights", at("none"), "--input", at("new.csv")],
    /^shardgrad: predict: there is no file \S+none$/,
  ],
  [
    "no input",
    () => ["predict", prices, "--weights", weights, "--input", at("none.csv")],
    /^shardgrad: .*none\.csv/,
  ],
  [
    "an unknown ending",
    () => ["predict", prices, "--weights", weights, "--input", at("new.csv"), "--out", at("a.txt")],
    /^shardgrad: writeRows: \S+a\.txt ends in \.txt/,
  ],
  [
    "a folder that is not there",
    () => ["predict", prices, "--weights", weights, "--input", at("new.csv"), "--out", at("no/a.csv")],
    /^shardgrad: predict: cannot write \S+: its folder does not exist; make it, or name another file$/,
  ],
  [
    "a folder as a file",
    () => ["predict", prices, "--weights", weights, "--input", at("new.csv"), "--out", folder],
    /^shardgrad: predict: cannot write \S+: it is a folder; name a file$/,
  ],
  [
    "a file as a folder",
    () => ["predict", prices, "--weights", weights, "--input", at("new.csv"), "--out", at("new.csv/a.csv")],
    /^shardgrad: predict: cannot write \S+: \S+new\.csv is a file, not a folder; name another file$/,
  ],
  [
    "the input as the output, also by another name",
    () => {
      symlinkSync(at("new.csv"), at("alias.csv"));
      return ["predict", prices, "--weights", weights, "--input", at("new.csv"), "--out", at("alias.csv")];
    },
    /^shardgrad: predict: --out \S+alias\.csv is the input, which would be lost; name another file$/,
  ],
  [
    "a folder as the input",
    () => ["predict", prices, "--weights", weights, "--input", folder],
    /^shardgrad: readRows: \S+ is a folder, expected a file$/,
  ],
  [
    "a text as weights",
    () => ["predict", prices, "--weights", at("new.csv"), "--input", at("new.csv")],
    /^shardgrad: predict: \S+new\.csv: readSafetensors: .* the file is damaged, or not safetensors$/,
  ],
  [
    "a word among numbers",
    () => {
      const points = readFileSync(at("points.csv"), "utf8").split("\n");
      points.splice(2, 0, "", points[1]!.replace(/^[^,]+/, "far"));
      writeFileSync(at("far.csv"), points.join("\n"));
      return ["predict", classes, "--weights", at("clusters.safetensors"), "--input", at("far.csv")];
    },
    /^shardgrad: predict: \S+far\.csv line 4, column x1: got "far", expected a number$/,
  ],
  [
    "too few numbers in a list",
    () => {
      writeFileSync(at("short.jsonl"), '{"x":[1,2]}\n');
      return ["predict", classes, "--weights", at("clusters.safetensors"), "--input", at("short.jsonl")];
    },
    /short\.jsonl line 1, column x: got 2 numbers, expected 16, the size of a sample \[16\]$/,
  ],
  [
    "rows without what is to be predicted, to evaluate",
    () => ["evaluate", prices, "--weights", weights, "--input", at("new.csv")],
    /^shardgrad: evaluate: the rows have no column "price", which metrics may need; give all that the job/,
  ],
  [
    "a job that is not there",
    () => ["predict", at("no-job.ts"), "--weights", weights, "--input", at("new.csv")],
    /^shardgrad: predict: cannot load the job \S+no-job\.ts: there is no such file$/,
  ],
  [
    "functions as answers",
    () => ["predict", answering("return Array(output.shape[0]).fill(() => 1);"), ...asked()],
    /^shardgrad: predict: decode\(\) returned a function for a sample, expected plain data/,
  ],
  [
    "a job that ends a thread",
    () => ["predict", answering("process.exit();"), ...asked(), "--batch", "64", "--workers", "2"],
    /^shardgrad: predict: a thread ended with code 0 before it had answered; .* process\.exit\(\)\?$/,
  ],
  [
    "a job that ends the process",
    () => ["predict", answering("process.exit();"), ...asked(), "--workers", "1"],
    /^shardgrad: the job ended the process before the command was done: remove its process\.exit\(\)$/,
  ],
  [
    "weights of another job",
    () => ["predict", classes, "--weights", weights, "--input", at("new.csv"), "--out", at("b.csv")],
    /^shardgrad: predict: the weights are of another job/,
  ],
  [
    "words as .npy",
    () => [
      "predict",
      fileURLToPath(new URL("./jobs/words.ts", import.meta.url)),
      "--weights",
      at("clusters.safetensors"),
      "--input",
      at("points.csv"),
      "--out",
      at("words.npy"),
    ],
    /^shardgrad: writeRows: column prediction has "class \d" in row 0, expected numbers for a \.npy file/,
  ],
  [
    "a file that is cut",
    () => {
      copyFileSync(weights, at("cut"));
      truncateSync(at("cut"), 500);
      return ["inspect", at("cut")];
    },
    /^shardgrad: inspect: \S+cut: readSafetensors: .* the file is damaged, or not safetensors$/,
  ],
  [
    "nothing that the job takes",
    () => ["evaluate", classes, "--weights", at("clusters.safetensors"), "--input", at("new.csv")],
    /new\.csv has none of the job's columns: it has size, city, expected x1 x2 …, y$/,
  ],
])("one line, and nothing half-written, for %s", (_, args, message) => {
  const before = readdirSync(folder);
  const { status, stdout, stderr } = shardgrad(...args());
  expect(stdout).toBe("");
  expect(stderr.trimEnd()).toMatch(message);
  expect(stderr.trimEnd()).not.toContain("\n");
  expect(status).toBeGreaterThan(0);
  expect(readdirSync(folder).filter((name) => !before.includes(name) && !made.includes(name))).toEqual([]);
  expect(existsSync(at("b.csv"))).toBe(false);
});
