// Machine code in runs: it is what auto takes, in every worker; and where it cannot run, WebAssembly takes its place, with
// the reason said once.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { kernelSet } from "@shardgrad/core";
import { findNative } from "@shardgrad/native";
import type { StartEvent } from "@shardgrad/parallel";
import { JobError, train } from "@shardgrad/parallel";
import { afterEach, describe, expect, it, vi } from "vitest";
import { writeTellingJob } from "./write-job.ts";

const run = promisify(execFile);
const command = fileURLToPath(new URL("../packages/shardgrad/bin/shardgrad.js", import.meta.url));
const job = new URL("./jobs/clusters.ts", import.meta.url);

function found(): string | undefined {
  try {
    return findNative().description;
  } catch {
    return undefined;
  }
}
const description = found();

afterEach(() => vi.unstubAllEnvs());

async function startOf(options: Parameters<typeof train>[1] = {}): Promise<StartEvent> {
  let start: StartEvent | undefined;
  for await (const event of train(job, { workers: 1, steps: 1, ...options }))
    if (event.type === "start") start = event;
  return start!;
}

describe.skipIf(description === undefined)("machine code", () => {
  it.skipIf(process.platform === "darwin")("is what auto takes, and what workers compute with", async () => {
    const { kernels, native, noNative, noBlas } = await startOf();
    expect([kernels, native, noNative, noBlas]).toEqual(["native", description, undefined, undefined]);
    await expect(train(writeTellingJob(), { workers: 2 })).rejects.toThrow("computed by native");
  });

  it("leaves the main thread's kernels as they are, and gives the same bits with any number of workers", async () => {
    const before = kernelSet();
    const hashes = await Promise.all(
      [1, 2].map(
        async (workers) => (await train(job, { workers, shards: 2, kernels: "native" })).weightsSha256,
      ),
    );
    expect(hashes[0]).toBe(hashes[1]);
    expect(kernelSet()).toBe(before);
  });

  it.skipIf(description !== "AVX-512")(
    "has the same bits on AVX2 and on AVX-512",
    { timeout: 60_000 },
    async () => {
      for (const name of ["char-gpt", "batch-norm", "dropout"]) {
        const hashes: string[] = [];
        for (const set of ["avx2", "avx512"]) {
          vi.stubEnv("SHARDGRAD_NATIVE", set);
          const options = { workers: 2, steps: 4, kernels: "native" } as const;
          hashes.push((await train(new URL(`./jobs/${name}.ts`, import.meta.url), options)).weightsSha256);
        }
        expect(hashes[0], name).toBe(hashes[1]);
      }
    },
  );

  it("has the same bits where results replace what nobody reads again, and in eager runs", {
    timeout: 60_000,
  }, async () => {
    for (const name of ["char-gpt", "batch-norm", "dropout"]) {
      const runs = [true, false].map((capture) =>
        train(new URL(`./jobs/${name}.ts`, import.meta.url), {
          workers: 1,
          steps: 5,
          kernels: "native",
          capture,
        }),
      );
      const [captured, eager] = await Promise.all(runs.map(async (run) => (await run).weightsSha256));
      expect(captured, name).toBe(eager);
    }
  });

  it("trains as well as WebAssembly does", async () => {
    const accuracyOf = async (kernels: "native" | "wasm") =>
      Number((await train(job, { workers: 2, kernels })).metrics.accuracy);
    const [got, expected] = [await accuracyOf("native"), await accuracyOf("wasm")];
    expect(expected).toBeGreaterThan(0.8);
    expect(Math.abs(got - expected)).toBeLessThan(0.05);
  });
});

describe("where it is switched off", () => {
  it("auto goes on, and says why", async () => {
    vi.stubEnv("SHARDGRAD_NATIVE", "off");
    const { kernels, native, noNative } = await startOf();
    expect([native, noNative]).toEqual([undefined, "switched off by SHARDGRAD_NATIVE=off"]);
    expect(kernels).not.toBe("native");
  });

  it("native is refused", async () => {
    vi.stubEnv("SHARDGRAD_NATIVE", "off");
    const wanted = train(job, { kernels: "native" });
    await expect(wanted).rejects.toThrow(JobError);
    await expect(wanted).rejects.toThrow(
      'train: kernels is "native", but there is none to use: switched off by SHARDGRAD_NATIVE=off',
    );
  });
});

it.skipIf(description === undefined)(
  "a process without the permission for addons trains on WebAssembly, and says why",
  async () => {
    const permissions = ["--permission", "--allow-fs-read=*", "--allow-fs-write=*", "--allow-worker"];
    const args = [...permissions, command, "train", fileURLToPath(job), "--workers", "1", "--steps", "1"];
    const { stdout } = await run(process.execPath, args, { env: { ...process.env, SHARDGRAD_BLAS: "off" } });
    expect(stdout).toMatch(/1 worker, wasm-\w+ kernels/);
    expect(
      stdout.match(/no machine code: koffi, which runs machine code, cannot be loaded: .*addons/gi),
    ).toHaveLength(1);
  },
);
