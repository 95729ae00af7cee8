// Training on the machine's BLAS: who chooses it, where the package is looked for, and that all workers use it.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { KernelChoice } from "@shardgrad/core";
import { kernelSet } from "@shardgrad/core";
import type { StartEvent } from "@shardgrad/parallel";
import { JobError, train, WorkerError } from "@shardgrad/parallel";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { foundBlas } from "./found-blas.ts";
import { writeTellingJob } from "./write-job.ts";

const job = new URL("./jobs/wide.ts", import.meta.url);

interface Ended {
  code: unknown;
  stdout: string;
  stderr: string;
}

async function startOf(kernels: KernelChoice | undefined): Promise<StartEvent> {
  let start: StartEvent | undefined;
  const run = train(job, { workers: 1, steps: 1, ...(kernels && { kernels }) });
  await run.on("start", (event) => {
    start = event;
  });
  return start!;
}

// Without machine code, which auto would take.
process.env.SHARDGRAD_NATIVE = "off";

describe("the choice of kernels", () => {
  it.each(["reference", "wasm-plain", "wasm-relaxed"] as const)("%s is what workers use", async (kernels) => {
    await expect(train(writeTellingJob(), { workers: 2, kernels })).rejects.toThrow(`computed by ${kernels}`);
    const { blas, noBlas, ...start } = await startOf(kernels);
    expect([start.kernels, blas, noBlas]).toEqual([kernels, undefined, undefined]);
  });

  it("wasm is the best build", async () => {
    expect((await startOf("wasm")).kernels).toBe(kernelSet());
  });

  it("one that does not exist is refused", async () => {
    const run = train(job, { kernels: "cuda" as never });
    await expect(run).rejects.toThrow(JobError);
    await expect(run).rejects.toThrow(/kernels is "cuda", expected "auto", "native", "blas", "wasm", /);
  });

  it.skipIf(foundBlas)("auto goes on without a BLAS, and says why there is none", async () => {
    const { kernels, blas, noBlas } = await startOf(undefined);
    expect([kernels, blas]).toEqual([kernelSet(), undefined]);
    expect(noBlas).toEqual(expect.any(String));
    await expect(train(job, { kernels: "blas" })).rejects.toThrow(JobError);
  });
});

describe.skipIf(!foundBlas)("with the BLAS of this machine", () => {
  it.each([undefined, "auto", "blas"] as const)("%s takes it, in every worker", async (kernels) => {
    const start = await startOf(kernels);
    expect([start.kernels, start.blas, start.noBlas]).toEqual(["blas", foundBlas!.description, undefined]);
    const options = { workers: 2, ...(kernels && { kernels }) };
    await expect(train(writeTellingJob(), options)).rejects.toThrow("computed by blas");
  });

  it("the main thread's own kernels stay what they are", async () => {
    const before = kernelSet();
    await train(job, { workers: 1, steps: 1, kernels: "blas" });
    expect(kernelSet()).toBe(before);
  });

  it("it trains as well as WebAssembly does", async () => {
    const accuracyOf = async (kernels: KernelChoice) =>
      Number((await train(job, { workers: 2, kernels })).metrics.accuracy);
    const expected = await accuracyOf("wasm");
    expect(expected).toBeGreaterThan(0.8);
    expect(Math.abs((await accuracyOf("blas")) - expected)).toBeLessThan(0.05);
  });

  describe("when the variable is another one for the workers", () => {
    const { SHARDGRAD_BLAS } = process.env;
    const setTo = (value: string | undefined) => {
      if (value === undefined) delete process.env.SHARDGRAD_BLAS;
      else process.env.SHARDGRAD_BLAS = value;
    };
    afterEach(() => setTo(SHARDGRAD_BLAS));

    /** Workers have the environment of the call; the main thread chooses a moment later. */
    const startWith = (value: string) => {
      setTo(value);
      const run = train(writeTellingJob(), { workers: 2, restarts: 0 });
      setTo(SHARDGRAD_BLAS);
      return run;
    };

    it("they load the library that was chosen", async () => {
      await expect(startWith("/no/blas.so")).rejects.toThrow("computed by blas");
    });

    it("one that cannot load it fails, and says so", async () => {
      const run = startWith("off");
      await expect(run).rejects.toThrow(WorkerError);
      await expect(run).rejects.toThrow(
        /^train: worker \d failed while preparing: blas: switched off by SHARDGRAD_BLAS=off$/,
      );
    });
  });
});

// A copy of @shardgrad/parallel that sees no package except its dependencies.
describe("@shardgrad/blas is optional", () => {
  const packages = fileURLToPath(new URL("../packages/", import.meta.url));
  let directory: string;
  const link = async (target: string, path: string) => {
    await mkdir(dirname(path), { recursive: true });
    await symlink(await realpath(target), path, "junction");
  };

  beforeAll(async () => {
    directory = await realpath(await mkdtemp(join(tmpdir(), "shardgrad-blas-")));
    const modules = join(directory, "app/node_modules");
    for (const [folder, name] of [
      ["parallel", "@shardgrad/parallel"],
      ["shardgrad", "shardgrad"],
    ] as const) {
      const { dependencies } = JSON.parse(await readFile(join(packages, folder, "package.json"), "utf8"));
      for (const part of ["bin", "dist", "package.json"])
        if (existsSync(join(packages, folder, part)))
          await cp(join(packages, folder, part), join(modules, name, part), { recursive: true });
      for (const other of Object.keys(dependencies))
        if (!existsSync(join(modules, other)))
          await link(join(packages, folder, "node_modules", other), join(modules, other));
    }
    const text = `export { default } from ${JSON.stringify(fileURLToPath(job))};`;
    for (const place of ["job", "here"]) await mkdir(join(directory, place), { recursive: true });
    await writeFile(join(directory, "job/job.ts"), text);
  });
  afterAll(() => rm(directory, { recursive: true }));

  /** Runs the copy's command on job/job.ts from a folder; resolves to its start event, or to its exit code and line. */
  async function start(from: string, kernels: string): Promise<unknown> {
    const command = join(directory, "app/node_modules/shardgrad/bin/shardgrad.js");
    const options = ["--workers", "1", "--steps", "1", "--json", "--kernels", kernels];
    // Without the folders that a package manager's shims add for their children.
    const where = { cwd: join(directory, from), env: { ...process.env, NODE_PATH: "" } };
    const { code, stdout, stderr } = await new Promise<Ended>((resolve) => {
      const args = [command, "train", join(directory, "job/job.ts"), ...options];
      execFile(process.execPath, args, where, (error, stdout, stderr) =>
        resolve({ code: error?.code ?? 0, stdout, stderr }),
      );
    });
    return code === 0 ? JSON.parse(stdout.split("\n")[0]!) : [code, stderr];
  }

  it("without it, auto is WebAssembly, and blas is refused", async () => {
    const event = await start("job", "auto");
    expect(event).toMatchObject({ type: "start", kernels: kernelSet() });
    expect(event).not.toHaveProperty("noBlas");
    expect(await start("job", "blas")).toEqual([
      2,
      'shardgrad: train: kernels is "blas", but @shardgrad/blas is not installed; npm install @shardgrad/blas\n',
    ]);
  });

  it.each([
    ["the job", "job", "here"],
    ["the working directory", "here", "here"],
    ["the package itself", "app/node_modules/@shardgrad/parallel", "job"],
  ])("it is found from %s", async (_, place, from) => {
    const installed = join(directory, place, "node_modules/@shardgrad/blas");
    await link(join(packages, "blas"), installed);
    const expected = foundBlas ? { blas: foundBlas.description } : { noBlas: expect.any(String) };
    expect(await start(from, "auto")).toMatchObject(expected);
    await rm(installed);
  });

  it("a worker that cannot load the library that the main thread has loaded fails, and says so", async () => {
    const standIn = join(directory, "job/node_modules/@shardgrad/blas");
    await mkdir(standIn, { recursive: true });
    await writeFile(join(standIn, "package.json"), '{ "type": "module", "exports": "./index.js" }');
    await writeFile(
      join(standIn, "index.js"),
      `import { isMainThread } from "node:worker_threads";
      import { BlasError } from ${JSON.stringify(new URL("../packages/blas/dist/index.js", import.meta.url).href)};
      export function findBlas() {
        if (!isMainThread) throw new BlasError("blas: libstandin.so cannot be loaded: no room left");
        return { path: "libstandin.so", description: "a stand-in", kernels: () => ({ float32: {}, float64: {} }) };
      }`,
    );
    expect(await start("job", "blas")).toEqual([
      1,
      "shardgrad: train: worker 0 failed while preparing: blas: libstandin.so cannot be loaded: no room left\n",
    ]);
    await rm(standIn, { recursive: true });
  });
});
