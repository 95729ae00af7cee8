// What the doctor says must follow from what was found: each test changes one finding.
import { expect, it } from "vitest";
import type { Findings } from "./diagnose.ts";
import { judge } from "./judge.ts";
import { doctorLines } from "./report.ts";

const healthy: Findings = {
  runtime: { name: "Node.js", version: "26.0.0", path: "/usr/bin/node", platform: "linux x64" },
  processor: { model: "a processor", present: 8, allowed: 8, quota: null, cores: 8, load: 0.1 },
  simd: { kernels: "wasm-relaxed", fused: true, memory64: true, speed: { one: 60, all: 450 } },
  native: { name: "AVX2", speed: { one: 150, all: 900 } },
  blas: { name: "OpenBLAS 0.3.21 (Zen)", speed: { one: 120, all: 800 } },
  memory: { bytes: 2 ** 34, freeBytes: 2 ** 33, tensorBytes: 2 ** 32 },
  permissions: { noThreads: null, writable: true, folder: "/jobs" },
  distribution: "debian",
  env: {},
};
const noNative = { native: { reason: "this processor lacks AVX2", packageInstalled: true } };
const noBlas = { reason: "found none; install one", packageInstalled: true };

it("has nothing to say of a machine that lacks nothing", () => {
  expect(judge(healthy)).toEqual({ problems: [], advice: [] });
});

it.each<[what: string, change: Partial<Findings>, advice: RegExp]>([
  [
    "machine code",
    { native: { reason: "@shardgrad/native is not installed", packageInstalled: false } },
    /^npm install @shardgrad\/native/,
  ],
  [
    "machine code on arm64",
    {
      native: { reason: "@shardgrad/native is not installed", packageInstalled: false },
      runtime: { ...healthy.runtime, platform: "linux arm64" },
    },
    /^npm install @shardgrad\/native/,
  ],
  [
    "machine code that is switched off",
    { native: { reason: "switched off", packageInstalled: true }, env: { SHARDGRAD_NATIVE: "off" } },
    /^SHARDGRAD_NATIVE is off/,
  ],
  [
    "machine code of a set that there is not",
    { native: { reason: "not a set", packageInstalled: true }, env: { SHARDGRAD_NATIVE: "sse" } },
    /^SHARDGRAD_NATIVE is sse: without it/,
  ],
  [
    "a BLAS where there is no machine code",
    { ...noNative, blas: noBlas },
    /^install a BLAS: apt install libopenblas0; WebAssembly reaches 60\.0 GFLOP\/s/,
  ],
  [
    "a BLAS and its package",
    { ...noNative, blas: { ...noBlas, packageInstalled: false } },
    /npm install @shardgrad\/blas, then apt/,
  ],
  ["another system's command", { ...noNative, blas: noBlas, distribution: "fedora" }, /dnf install openblas/],
  [
    "no BLAS that is switched off",
    { ...noNative, blas: noBlas, env: { SHARDGRAD_BLAS: "OFF" } },
    /^SHARDGRAD_BLAS is off/,
  ],
  [
    "WebAssembly where the BLAS is slower",
    { ...noNative, blas: { name: "BLAS", speed: { one: 20, all: 20 } } },
    /3\.00 times slower than WebAssembly: train with --kernels wasm/,
  ],
  [
    "a newer runtime",
    { simd: { kernels: "wasm-plain", fused: null, memory64: false, speed: null } },
    /no relaxed SIMD/,
  ],
  [
    "more processors",
    { processor: { ...healthy.processor, allowed: 2, cores: 2 } },
    /can use 2 of 8 processors: it may run on 2 \(taskset/,
  ],
  [
    "a larger quota",
    { processor: { ...healthy.processor, quota: 1.5, cores: 1 } },
    /can use 1 of 8 processors: its control group has time for 1\.50/,
  ],
  ["a quiet machine", { processor: { ...healthy.processor, load: 6 } }, /6\.0 threads were busy/],
  [
    "more address space",
    { memory: { ...healthy.memory, tensorBytes: 2 ** 30 } },
    /only 1\.00 GiB could be reserved/,
  ],
  [
    "a folder to write in",
    { permissions: { ...healthy.permissions, writable: false } },
    /nothing can be written in \/jobs/,
  ],
])("advises %s", (_, change, advice) => {
  const judged = judge({ ...healthy, ...change });
  expect(judged.problems).toEqual([]);
  expect(judged.advice).toHaveLength(1);
  expect(judged.advice[0]).toMatch(advice);
});

it("says why training cannot run, and then nothing of speed", () => {
  const noThreads = "doctor: may not start threads; give it --allow-worker, too";
  const found = { ...healthy, permissions: { ...healthy.permissions, noThreads }, blas: noBlas };
  const judged = judge(found);
  expect(judged).toEqual({ problems: [noThreads], advice: [] });
  expect(doctorLines(found, judged, 100).at(-1)).toBe(`✗ training cannot run: ${noThreads}`);
  const noRoom = { ...healthy, memory: { ...healthy.memory, tensorBytes: null } };
  expect(judge(noRoom).problems[0]).toMatch(/no shared memory can be reserved for tensors/);
});

it.each([60, 80, 120])("fits %i columns", (columns) => {
  const found = { ...healthy, env: { OMP_NUM_THREADS: "1" } };
  const lines = doctorLines(found, judge({ ...found, blas: noBlas }), columns);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
  const text = lines.join(" ").replace(/\s+/g, " ");
  for (const part of [
    "AVX2: 150 GFLOP/s on one core, 900 on 8; 2.50 times WebAssembly",
    "relaxed SIMD, fused multiply-add",
    "✓ training can run",
    "OMP_NUM_THREADS=1",
  ])
    expect(text).toContain(part);
});

it("says how much WebAssembly reaches", () => {
  const textOf = (memory64: boolean) =>
    doctorLines({ ...healthy, simd: { ...healthy.simd, memory64 } }, { problems: [], advice: [] }, 120).join(
      "\n",
    );
  expect(textOf(true)).toContain("relaxed SIMD, fused multiply-add, tensors of up to 16 GiB in all: 60");
  expect(textOf(false)).toContain("tensors of up to 4 GiB in all: 60");
});

it("shows a reason to its end, but for what to install, which is advice", () => {
  const unknown = 'SHARDGRAD_NATIVE is "sse"; expected avx512, avx2, neon or off';
  const found: Findings = {
    ...healthy,
    native: { reason: unknown, packageInstalled: true },
    blas: { reason: "found no OpenBLAS; install one, or name one", packageInstalled: true },
  };
  const text = doctorLines(found, { problems: [], advice: [] }, 120).join("\n");
  expect(text).toContain(`none: ${unknown}\n`);
  expect(text).toContain("none: found no OpenBLAS\n");
});
