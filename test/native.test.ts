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

  it("has the same bits with all sets of this processor and relaxed SIMD", { timeout: 60_000 }, async () => {
    const ofProcessors: Record<string, string[]> = {
      "AVX-512": ["avx2", "avx512"],
      AVX2: ["avx2"],
      NEON: ["neon"],
    };
    const sets = ofProcessors[description!]!;
    const hash = async (url: URL, kernels: "native" | "wasm-relaxed") =>
      (await train(url, { workers: 2, steps: 4, kernels })).weightsSha256;
    for (const name of ["char-gpt", "batch-norm", "dropout", "lenet5"]) {
      const folder = name === "lenet5" ? "../packages/bench/src/jobs" : "./jobs";
      const url = new URL(`${folder}/${name}.ts`, import.meta.url);
      const hashes = [await hash(url, "wasm-relaxed")];
      for (const set of sets) {
        vi.stubEnv("SHARDGRAD_NATIVE", set);
        hashes.push(await hash(url, "native"));
      }
      expect(new Set(hashes).size, name).toBe(1);
    }
  });

  it("has the same bits where results replace what nobody reads again, and in eager runs", {
    timeout: 60_000,
  }, async () => {
    for (const name of ["char-gpt", "dropout"]) {
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

describe.skipIf(description === undefined || process.platform !== "linux")("a process that may not", () => {
  const restrict = new URL("../packages/native/testing/restrict.ts", import.meta.url);
  const reason = "the system allows this process no executable memory (memfd_create: EPERM, mprotect: EPERM)";
  it.for([
    ["make files without names trains with machine code", "memfd", undefined],
    [
      "make memory executable in any way trains on WebAssembly, and says why",
      "memfd,read-execute",
      `no machine code: ${reason}`,
    ],
  ] as const)("%s", async ([_, restrictions, told], { skip }) => {
    restrict.search = restrictions;
    const args = ["--import", restrict.href, command, "train", fileURLToPath(job)];
    const env = { ...process.env, SHARDGRAD_BLAS: "off" };
    const ended = run(process.execPath, [...args, "--workers", "2", "--steps", "1"], { env });
    const { stdout } = await ended.catch((error) => {
      // An old kernel, or a container, may know no filters.
      if (error.code === 77) skip();
      throw error;
    });
    expect(stdout).toMatch(told ? /2 workers, wasm-\w+ kernels/ : /2 workers, AVX\S+ kernels/);
    expect(stdout.split("no machine code").length - 1).toBe(told ? 1 : 0);
    expect(stdout).toContain(told ?? "trained in");
  });
});

it.skipIf(description === undefined)("damaged machine code is not used, and the run says why", async () => {
  const damage = new URL("../packages/native/testing/damage.ts", import.meta.url).href;
  const args = ["--import", damage, command, "train", fileURLToPath(job), "--workers", "1", "--steps", "1"];
  const { stdout } = await run(process.execPath, args, { env: { ...process.env, SHARDGRAD_BLAS: "off" } });
  expect(stdout).toMatch(/1 worker, wasm-\w+ kernels/);
  expect(stdout.match(/no machine code: AVX\S+ computes wrongly here: exp does not compute/g)).toHaveLength(
    1,
  );
});
