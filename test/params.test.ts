// What a run passes to a job, the same on every thread: params with other values, the data's state, and the position in
// the run. Also the arguments and environment of the process.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readSafetensors } from "@shardgrad/core";
import type { Params } from "@shardgrad/parallel";
import { findNewest, JobError, train } from "@shardgrad/parallel";
import { afterAll, describe, expect, it, vi } from "vitest";
import { writeJob } from "./write-job.ts";

const job = new URL("./jobs/params.ts", import.meta.url);
const kernels = "wasm";

describe("params", () => {
  it("have the job's defaults, but for what is given, and stand in the start event", async () => {
    let told: Params | undefined;
    const run = train(job, { workers: 1, steps: 1, kernels, params: { lr: 0.02, sizes: [] } });
    run.on("start", ({ params }) => {
      told = params;
    });
    await run;
    expect(told).toEqual({ lr: 0.02, width: 4, noise: 0.5, smooth: false, units: ["m", "s"], sizes: [] });
  });

  it("as settings take the type of the default", async () => {
    const params = ["lr=2e-2", "smooth=true", "units=km,h", "sizes=[8, 16]"];
    const run = train(job, { workers: 1, steps: 1, kernels, params });
    let told: Params | undefined;
    run.on("start", (event) => {
      told = event.params;
    });
    await run;
    expect(told).toMatchObject({ lr: 0.02, smooth: true, units: ["km", "h"], sizes: [8, 16] });
  });

  it("reach every function, on each of 1, 2 or 3 workers", async () => {
    const hash = async (workers: number, params: Params) =>
      (await train(job, { workers, kernels, params })).weightsSha256;
    const all = { lr: 0.05, width: 3, noise: 0.1 };
    const each = [{}, { lr: 0.05 }, { width: 3 }, { noise: 0.1 }, all];
    const hashes = await Promise.all(each.map((params) => hash(1, params)));
    expect(new Set(hashes).size).toBe(5);
    for (const workers of [2, 3])
      expect([await hash(workers, {}), await hash(workers, all)]).toEqual([hashes[0], hashes[4]]);
  });

  it.each<[params: never, message: string]>([
    [{ widht: 3 } as never, 'train: the job has no param "widht"; did you mean width? It has lr, width'],
    [
      { lr: "0.1" } as never,
      'train: params.lr is "0.1", expected a finite number, as the job\'s default 0.1',
    ],
    [{ lr: Number.NaN } as never, "train: params.lr is null, expected a finite number"],
    [{ sizes: ["a"] } as never, 'train: params.sizes is ["a"], expected an array of numbers'],
    [["lr"] as never, 'train: the setting "lr" has no value, expected name=value'],
    [["lr="] as never, "train: params.lr is , expected a finite number"],
    [["smooth=yes"] as never, "train: params.smooth is yes, expected true or false"],
    [new Map([["lr", 0.5]]) as never, "train: params is {}, expected values by name"],
    [[5] as never, "train: params is [5], expected values by name"],
  ])("%o is refused", async (params, message) => {
    const refused = train(job, { workers: 1, kernels, params });
    await expect(refused).rejects.toThrow(message);
    await expect(refused).rejects.toThrow(JobError);
  });

  it("nobody can change them", async () => {
    const file = writeJob(`
      import job from "../jobs/params.ts";
      export default { ...job, model: (shapes, context) => { context.params.width = 9; return job.model(shapes, context); } };`);
    await expect(train(file, { workers: 1, kernels })).rejects.toThrow("read only");
  });
});

it("step and epoch move on in passes that are replayed, as in those that are run anew", async () => {
  const replayed = await train(job, { workers: 2, kernels });
  const anew = await train(job, { workers: 1, kernels, capture: false });
  expect([replayed.captured, anew.captured]).toEqual([true, false]);
  expect(replayed.weightsSha256).toBe(anew.weightsSha256);
});

it("a step that is used as a JavaScript number says what to do instead", async () => {
  const file = writeJob(`
    import job from "../jobs/params.ts";
    import { mean, mul } from "@shardgrad/core";
    export default { ...job, loss: (net, { x }, { step }) => mul(mean(net.forward(x)), 1 + step * 0.1) };`);
  await expect(train(file, { workers: 1, kernels })).rejects.toThrow(
    /Tensor \[\] int32 is used as a JavaScript number; compute with it by operations of tensors/,
  );
});

it("optimizer() is told of the whole run, and of the model's names", async () => {
  const file = writeJob(`
    import job from "../jobs/params.ts";
    export default { ...job, optimizer: (_, { model, ...told }) => {
      throw new Error(JSON.stringify({ ...told, names: model.namedParameters().map(([name]) => name) }));
    } };`);
  const error = await train(file, { workers: 1, kernels, epochs: 5 }).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  const { message } = error as Error;
  expect(message).toMatch(/^train: the job's optimizer\(\) threw Error: /);
  expect(JSON.parse(message.slice(message.indexOf("{"), message.lastIndexOf("}") + 1))).toEqual({
    params: { lr: 0.1, width: 4, noise: 0.5, smooth: false, units: ["m", "s"], sizes: [8] },
    state: { scale: 2, words: ["one", "two"] },
    names: ["0.weight", "0.bias", "2.weight", "2.bias"],
    steps: 20,
    stepsPerEpoch: 4,
  });
});

it("a schedule of the learning rate that is shorter than the run is told of", async () => {
  const file = writeJob(`
    import { cosineSchedule, SGD } from "@shardgrad/core";
    import job from "../jobs/params.ts";
    export default { ...job, optimizer: (parameters) => new SGD(parameters, { lr: cosineSchedule({ lr: 0.1, steps: 8 }) }) };`);
  const written = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  const toldOf = async (steps: number) => {
    written.mockClear();
    await train(file, { workers: 1, kernels, steps });
    return written.mock.calls.map(([line]) => line);
  };
  try {
    expect(await toldOf(8)).toEqual([]);
    expect(await toldOf(9)).toEqual([
      expect.stringContaining("schedule is made for 8 steps, and the run has 9"),
    ]);
  } finally {
    written.mockRestore();
  }
});

it("params and state are saved with the weights", async () => {
  const out = join(tmpdir(), `shardgrad-params-${process.pid}.safetensors`);
  try {
    await train(job, { workers: 1, steps: 1, kernels, out, params: { lr: 0.3 } });
    const { metadata } = readSafetensors(readFileSync(out));
    expect(JSON.parse(metadata["shardgrad.params"]!)).toMatchObject({ lr: 0.3, width: 4 });
    expect(JSON.parse(metadata["shardgrad.state"]!)).toEqual({ scale: 2, words: ["one", "two"] });
  } finally {
    rmSync(out, { force: true });
  }
});

describe("a run that is resumed with other params", () => {
  const pinned = { workers: 1, kernels } as const;
  const file = writeJob(`
    import { defineJob } from "@shardgrad/parallel";
    import { Linear, mse, SGD } from "@shardgrad/core";
    const x = Float32Array.from({ length: 20 }, (_, i) => i);
    export default defineJob({
      params: { lr: 0.001, outputs: 1, shift: 0, scale: 1 },
      dataset: ({ params }) => ({ train: { x: { data: x.map((v) => v + params.shift), shape: [1] } }, state: { scale: params.scale } }),
      model: (_, { params }) => new Linear(1, params.outputs),
      loss: (net, { x }, { state }) => mse(net.forward(x), x),
      optimizer: (parameters, { params }) => new SGD(parameters, { lr: params.lr }),
      batchSize: 5, epochs: 2, shards: 1,
    });`);
  const directory = mkdtempSync(join(tmpdir(), "shardgrad-params-"));
  afterAll(() => rmSync(directory, { recursive: true }));
  const resumed = async (params: Params) => {
    const checkpoint = { directory: join(directory, "resumed") };
    rmSync(checkpoint.directory, { recursive: true, force: true });
    await train(file, { ...pinned, steps: 4, checkpoint });
    let changes: readonly string[] = [];
    const run = train(file, { ...pinned, checkpoint, resume: "must", params });
    run.on("resume", (event) => {
      changes = event.changes;
    });
    await run;
    return changes;
  };

  it("goes on, and tells of those that decide the steps to come", async () => {
    expect(await resumed({})).toEqual([]);
    const changes = await resumed({ lr: 0.002 });
    // Not also as the optimizer's lr, which it is.
    expect(changes).toEqual(["param lr 0.002 instead of 0.001"]);
  });

  it.each<[Params, string]>([
    [{ shift: 1 }, "params.shift was 0, now 1; column x is "],
    [{ outputs: 2 }, "params.outputs was 1, now 2; tensor weight is [2,1]"],
    [{ scale: 2 }, 'params.scale was 1, now 2; state is {"scale":2}, in the checkpoint {"scale":1};'],
  ])(
    "%o, which decided those that are done, is refused, by the param's name first",
    async (params, message) => {
      const error = await resumed(params).catch((reason: Error) => reason);
      expect((error as Error).message).toContain(`of another job: ${message}`);
      expect((error as Error).message).toMatch(
        /; resume with the params of the checkpoint, or start afresh$/,
      );
    },
  );

  it("weights of a checkpoint say of which params they are", async () => {
    const checkpoint = { directory: join(directory, "described") };
    await train(file, { ...pinned, checkpoint, params: { lr: 0.003 } });
    const { path } = (await findNewest(checkpoint.directory)).checkpoint!;
    const { metadata } = readSafetensors(readFileSync(join(path, "model.safetensors")));
    expect(JSON.parse(metadata["shardgrad.params"]!)).toMatchObject({ lr: 0.003 });
    expect(JSON.parse(metadata["shardgrad.state"]!)).toEqual({ scale: 1 });
  });
});

it.each([
  ["state: { at: new DataView(new ArrayBuffer(2)) }", "state.at is DataView"],
  ["state: { mean: [0, NaN] }", "state.mean[1] is NaN"],
  ["state: { f: () => 1 }", "state.f is a function"],
  ["state: (() => { const own = {}; own.own = own; return own; })()", "state cannot be read (RangeError"],
])("state that JSON cannot hold is refused: %s", async (state, message) => {
  const file = writeJob(`
    import job from "../jobs/params.ts";
    export default { ...job, dataset: { ...job.dataset, ${state} } };`);
  await expect(train(file, { workers: 1, kernels })).rejects.toThrow(`dataset: ${message}`);
});

it("state may be what Object.groupBy makes, and have any names", async () => {
  const file = writeJob(`
    import job from "../jobs/params.ts";
    const state = Object.assign(Object.groupBy([1, 2], (v) => (v > 1 ? "__proto__" : "few")), { scale: 2, words: ["a", "b"] });
    export default { ...job, dataset: { ...job.dataset, state },
      optimizer: (parameters, context) => { if (context.state.few[0] !== 1) throw new Error("another state"); return job.optimizer(parameters, context); } };`);
  expect((await train(file, { workers: 1, steps: 1, kernels })).steps).toBe(1);
});

it("sampling may be chosen by params and state", async () => {
  const file = writeJob(`
    import job from "../jobs/params.ts";
    export default { ...job, params: { ...job.params, favourite: 0 },
      sampling: ({ params, state }) => ({ weights: (i) => (i === params.favourite ? 50 : state.scale) }) };`);
  const hash = async (favourite: number) =>
    (await train(file, { workers: 2, kernels, params: { favourite } })).weightsSha256;
  expect(await hash(0)).toBe(await hash(0));
  expect(await hash(0)).not.toBe(await hash(1));
});

it("validation may be chosen by params", async () => {
  const file = writeJob(`
    import { defineJob } from "@shardgrad/parallel";
    import { Linear, mse, SGD } from "@shardgrad/core";
    const x = Float32Array.from({ length: 20 }, (_, i) => i);
    export default defineJob({
      params: { fold: 0 },
      dataset: { train: { x: { data: x, shape: [1] } } },
      validation: ({ params }) => ({ folds: 4, fold: params.fold }),
      model: () => new Linear(1, 1),
      loss: (net, { x }) => mse(net.forward(x), x),
      optimizer: (parameters) => new SGD(parameters, { lr: 0.001 }),
      batchSize: 5, epochs: 1, shards: 1,
    });`);
  const hash = async (fold: number) =>
    (await train(file, { workers: 1, kernels, params: { fold } })).weightsSha256;
  expect(await hash(0)).toBe(await hash(0));
  expect(await hash(0)).not.toBe(await hash(1));
  await expect(hash(4)).rejects.toThrow("train: validation(): fold is 4, expected an integer from 0 to 3");
});

it("workers have the arguments and the environment that the process had when train was called", async () => {
  const file = writeJob(`
    import job from "../jobs/params.ts";
    import { SGD } from "@shardgrad/core";
    const lr = Number(process.env.SHARDGRAD_TEST_LR);
    const last = Number(process.argv.at(-1));
    export default { ...job, dataset: () => { process.env.SHARDGRAD_TEST_LR = "7"; return { train: { x: { data: new Float32Array(8).fill(1), shape: [2] }, y: new Float32Array(4).fill(1) }, state: { scale: 1, words: ["a", "b"] } }; },
      metrics: {}, batchSize: 4, epochs: 1, optimizer: (parameters) => new SGD(parameters, { lr: lr + last }) };`);
  process.env.SHARDGRAD_TEST_LR = "0.25";
  process.argv.push("0.125");
  try {
    // Optimizer settings that differ between a worker and the main thread would be refused.
    expect((await train(file, { workers: 2, shards: 2, kernels })).steps).toBe(1);
  } finally {
    process.argv.pop();
    delete process.env.SHARDGRAD_TEST_LR;
  }
});

describe("the job is the module's default export", () => {
  const run = (source: string) => {
    const file = writeJob(source);
    return { file, url: new URL(`file://${file}`).href };
  };
  const parts = `
    import { Linear, mean, SGD } from "@shardgrad/core";
    import { defineJob, train } from "@shardgrad/parallel";
    const common = { dataset: { train: { x: { data: new Float32Array(16).fill(1), shape: [1] } } }, model: () => new Linear(1, 1),
      loss: (net, { x }) => mean(net.forward(x)), optimizer: (parameters) => new SGD(parameters, { lr: 0.1 }), epochs: 1, shards: 1 };`;

  it("also if it defines another one after it, in each call", async () => {
    const { url } = run(`${parts}
      export default defineJob({ ...common, batchSize: 4 });
      export const other = defineJob({ ...common, batchSize: 16 });`);
    for (const call of [1, 2]) {
      const { steps } = await train(url, { workers: 1, kernels });
      expect([call, steps]).toEqual([call, 4]);
    }
  });

  it.each([
    [
      "of two",
      "4",
      "const job = defineJob({ ...common, batchSize: 4 }); defineJob({ ...common, batchSize: 16 });",
    ],
    [
      "made in a loop",
      "4",
      "const [, job] = [16, 4, 8].map((batchSize) => defineJob({ ...common, batchSize }));",
    ],
    [
      "made by a function of another file",
      "4",
      `const { make } = await import("${writeJob(
        `import { defineJob } from "@shardgrad/parallel"; export const make = (parts) => defineJob(parts);`,
      )}"); make({ ...common, batchSize: 16 }); const job = make({ ...common, batchSize: 4 });`,
    ],
    ["defined by another file", "12", `const job = (await import("${fileURLToPath(job)}")).default;`],
  ])("%s, in a module that trains itself while it is loaded", async (_, expected, define) => {
    const { file } = run(`${parts} ${define}
      export default job;
      if (import.meta.main) console.log((await train(import.meta.url, { workers: 1, kernels: "wasm" })).steps);`);
    const steps = execFileSync(process.execPath, [file], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
    expect(steps.trim()).toBe(expected);
  });
});
