// The source of a job may be edited during training. Workers that start, at the beginning or after a failure, must
// import the main thread's version: a run never mixes two versions.
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ResumeEvent } from "@shardgrad/parallel";
import { findNewest, train } from "@shardgrad/parallel";
import { afterAll, describe, expect, it } from "vitest";

const root = mkdtempSync(join(tmpdir(), "shardgrad-source-"));
// Where the packages can be imported.
const folder = fileURLToPath(new URL(`./.tmp/source-${process.pid}/`, import.meta.url));
mkdirSync(folder, { recursive: true });
afterAll(() => {
  for (const path of [root, folder]) rmSync(path, { recursive: true });
});

let count = 0;

/** A job of three files, one of them imported by a computed name; after `die` updates a worker ends, once. */
function writeJob({ die = 0, more = "" } = {}) {
  const name = `job-${count++}`;
  const path = (file: string) => join(folder, `${name}-${file}.ts`);
  const once = JSON.stringify(join(folder, `${name}-once`));
  writeFileSync(path("scale"), "export const scale: number = 1;\n");
  writeFileSync(
    path("data"),
    "export const xs = Float32Array.from({ length: 256 }, (_, i) => Math.sin(i));\n",
  );
  writeFileSync(
    path("job"),
    `import { existsSync, writeFileSync } from "node:fs";
    import { isMainThread } from "node:worker_threads";
    import { Linear, mse, mul, SGD } from "@shardgrad/core";
    import { defineJob, train } from "@shardgrad/parallel";
    import { scale } from "./${name}-scale.ts";
    const { xs } = await import(["./${name}", "data.ts"].join("-"));
    const y = xs.map((x: number) => 3 * x);
    const edit = (file: string) => writeFileSync(new URL(\`./${name}-\${file}.ts\`, import.meta.url), "no job (");
    const lr = (updates: number) => {
      if (!isMainThread && updates === ${die} && !existsSync(${once})) {
        writeFileSync(${once}, "");
        process.exit(9);
      }
      return 0.1;
    };
    export default defineJob({
      dataset: () => { ${more}; return { train: { x: { data: xs, shape: [1] }, y: { data: y, shape: [1] } } }; },
      model: () => new Linear(1, 1),
      loss: (model, { x, y }) => mul(mse(model.forward(x), y), scale),
      optimizer: (parameters) => new SGD(parameters, { lr }),
      batchSize: 32, shards: 2, epochs: 4,
    });
    if (import.meta.main) {
      try {
        const run = train(import.meta.url, { workers: 1 });
        run.on("restart", () => edit("scale"));
        console.log((await run).steps);
      } catch (error) {
        console.log(error.name, error.message);
      }
    }`,
  );
  const edit = (file: string) => writeFileSync(path(file), `${readFileSync(path(file))}\n// edited\n`);
  return { job: path("job"), path, edit };
}

const options = { workers: 1, kernels: "wasm" } as const;

describe("after a worker has failed, a run does not go on with another source", () => {
  it.each(["job", "scale", "data"])("of its file %s", async (file) => {
    const { job, path, edit } = writeJob({ die: 12 });
    const run = train(job, { ...options, onEpochEnd: ({ epoch }) => epoch === 1 && edit(file) });
    const error = await run.catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: "WorkerError", rank: 0 });
    const { message } = error as Error;
    expect(message).toMatch(
      /^train: worker 0 failed in step 1\d \(update\): the thread died: [^\n]+; it is not restarted: /,
    );
    expect(message).toContain(
      `${path(file)} was changed since the run began, and new workers would train another job; start anew`,
    );
  });

  it("and goes on with the same", async () => {
    const { job } = writeJob({ die: 12 });
    expect((await train(job, options)).steps).toBe(32);
  });
});

describe("workers do not begin with another source than the main thread has", () => {
  it.each(["job", "scale", "data"])("of its file %s, edited while the data is loaded", async (file) => {
    const { job, path } = writeJob({ more: `edit("${file}")` });
    const error = await train(job, options).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      name: "JobError",
      message: `train: ${path(file)} was changed after it had been loaded: a worker that starts now would train another job than the main thread has prepared; start anew`,
    });
  });

  it("also in a second run of the same process", async () => {
    const { job, edit, path } = writeJob();
    await train(job, options);
    edit("scale");
    await expect(train(job, options)).rejects.toThrow(
      `${path("scale")} was changed after it had been loaded`,
    );
  });

  it("of a script that trains itself, edited before it trains", async () => {
    const { job, path } = writeJob({ more: "edit('scale')" });
    const stdout = await new Promise<string>((resolve) =>
      execFile(process.execPath, [job], (_, text) => resolve(text)),
    );
    expect(stdout).toBe(
      `JobError train: ${path("scale")} was changed after it had been loaded: a worker that starts now would train another job than the main thread has prepared; start anew\n`,
    );
  });
});

it("a checkpoint says what source it is of, and a resume, in one line, what has changed", async () => {
  const { job, edit } = writeJob();
  const checkpoint = { directory: join(root, "resumed") };
  await train(job, { ...options, steps: 8, checkpoint });
  const { sources } = (await findNewest(checkpoint.directory)).checkpoint!.state;
  const name = /job-\d+/.exec(job)![0];
  expect(Object.keys(sources)).toEqual([`${name}-data.ts`, `${name}-job.ts`, `${name}-scale.ts`]);
  const resumed = async () => {
    const told: ResumeEvent[] = [];
    // In a separate process, because this one has the first version.
    const cli = fileURLToPath(new URL("../packages/shardgrad/bin/shardgrad.js", import.meta.url));
    const kernels = ["--kernels", "wasm"];
    const flags = ["--json", "--workers", "1", ...kernels, "--checkpoint", checkpoint.directory, "--resume"];
    const stdout = await new Promise<string>((resolve) =>
      execFile(process.execPath, [cli, "train", job, ...flags], (_, text) => resolve(text)),
    );
    for (const line of stdout.trim().split("\n")) {
      const event = JSON.parse(line);
      if (event.type === "resume") told.push(event);
    }
    return told.map(({ step, notes }) => ({ step, notes }));
  };
  edit("data");
  edit("scale");
  expect(await resumed()).toEqual([
    {
      step: 8,
      notes: [`checkpoint: the source has changed since it was saved: ${name}-data.ts, ${name}-scale.ts`],
    },
  ]);
  // Later saves belong to the new source.
  expect(await resumed()).toEqual([{ step: 32, notes: [] }]);
});
