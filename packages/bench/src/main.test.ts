// The command as a person runs it: real children, real rows. These tests do not judge speed.
import type { ChildProcess } from "node:child_process";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { availableKernels } from "@shardgrad/parallel/command";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { findPython } from "./find-python.ts";

const [pytorch, jax] = await Promise.all([findPython("PyTorch"), findPython("JAX")]);
const { native } = await availableKernels(import.meta.url);
const main = fileURLToPath(new URL("./main.ts", import.meta.url));
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "shardgrad-bench-test-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function start(...args: string[]): { child: ChildProcess; stdout: () => string; stderr: () => string } {
  const child = spawn(process.execPath, [main, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      texts[name] += text;
    });
  }
  return { child, stdout: () => texts.stdout, stderr: () => texts.stderr };
}

async function bench(...args: string[]) {
  const { child, stdout, stderr } = start(...args);
  const [code] = await once(child, "close");
  return { code, stdout: stdout(), stderr: stderr() };
}

const spread = { median: expect.any(Number), min: expect.any(Number), max: expect.any(Number) };

it("trains a model and writes rows and tables", async () => {
  const [json, markdown] = [join(folder, "zoo.json"), join(folder, "zoo.md")];
  const args = ["--models", "mlp-tiny", "--only", "shardgrad-wasm", "--workers", "2", "--rounds", "2"];
  const { code, stdout } = await bench(...args, "--json", json, "--markdown", markdown);
  expect(code).toBe(0);
  const rows = JSON.parse(readFileSync(json, "utf8"));
  expect(rows).toHaveLength(1);
  const [row] = rows;
  expect(row).toMatchObject({ model: "mlp-tiny", who: "shardgrad-wasm", workers: 2, reason: null });
  expect(row).toMatchObject({ rounds: 2, msPerStep: spread });
  expect(row.msPerStep.min).toBeGreaterThan(0);
  // 6.14 MFLOP per step.
  expect(row.gflops * row.msPerStep.median).toBeCloseTo(6.136_32, 6);
  expect(row.peakShare).toBeGreaterThan(0);
  expect(row.peakMemoryBytes).toBeGreaterThan(2 ** 25);
  expect(stdout).toBe(readFileSync(markdown, "utf8"));
  expect(stdout).toMatch(/## mlp-tiny\n\n23,860 parameters.*\| shardgrad-wasm \|/s);
});

describe.skipIf("reason" in pytorch)("with PyTorch", () => {
  it("trains the same network on threads and on ranks", async () => {
    const json = join(folder, "pytorch.json");
    const args = ["--models", "mlp-tiny", "--only", "pytorch-1t,pytorch-ddp", "--rounds", "1"];
    expect((await bench(...args, "--json", json)).code).toBe(0);
    const rows = JSON.parse(readFileSync(json, "utf8"));
    // The losses match shardgrad's: otherwise there would be a reason and no numbers.
    expect(rows).toMatchObject([
      { who: "pytorch-1t", reason: null, msPerStep: spread },
      { who: "pytorch-ddp", reason: null, msPerStep: spread },
    ]);
  });

  it("leaves torch.compile out with its reason where no C++ compiler is", async () => {
    vi.stubEnv("CXX", "/no/such/compiler");
    // What an earlier run has compiled would need no compiler.
    vi.stubEnv("TORCHINDUCTOR_CACHE_DIR", join(folder, "inductor"));
    const args = ["--models", "mlp-tiny", "--only", "pytorch-compile", "--rounds", "1"];
    const { code, stdout } = await bench(...args);
    vi.unstubAllEnvs();
    expect(code).toBe(0);
    expect(stdout).toMatch(/\n- pytorch-compile \d+: .*InvalidCxxCompiler: .*\/no\/such\/compiler.*\n$/);
  });
});

it.skipIf("reason" in jax)("trains the same network with JAX", async () => {
  const json = join(folder, "jax.json");
  const args = ["--models", "lenet5", "--only", "jax,shardgrad-native", "--workers", "1", "--rounds", "1"];
  const { code, stdout } = await bench(...args, "--json", json);
  expect(code).toBe(0);
  expect(JSON.parse(readFileSync(json, "utf8"))[0]).toMatchObject({
    who: "jax",
    reason: null,
    msPerStep: spread,
  });
  expect(stdout).toMatch(
    /## Against the best of all rivals\n[^#]*\| lenet5 +\| shardgrad-native 1 .*\| jax \d+ /,
  );
});

describe("measures kernels by themselves", () => {
  it.each([1, 2])("with %i threads at once", async (threads) => {
    const json = join(folder, "kernels.json");
    const args = ["--only", "add 16,384", "--rounds", "2", "--threads", String(threads), "--json", json];
    const { code, stdout } = await bench("kernels", ...args);
    expect(code).toBe(0);
    const rows = JSON.parse(readFileSync(json, "utf8"));
    expect(rows.at(-1)).toMatchObject({ kernel: "add", threads, msPerCall: spread, rounds: 2, gflops: null });
    expect(stdout).toMatch(/\| add +\| 16,384 \| wasm-plain +\| .* GB\/s \| +[\d.]+ \| +[\d.]+ % \|/);
  });

  it("of every set, products beside the peak of multiply-adds", async () => {
    const json = join(folder, "products.json");
    const { code, stdout } = await bench("kernels", "--only", "32×32", "--rounds", "2", "--json", json);
    expect(code).toBe(0);
    const rows = JSON.parse(readFileSync(json, "utf8"));
    const [plain, emitted] = ["wasm-plain", "native"].map((set) =>
      rows.filter(({ who }: { who: string }) => who === set),
    );
    const names = ["gemm NN", "gemm NT", "gemm TN", "gemm TT"];
    expect(plain.map(({ kernel }: { kernel: string }) => kernel)).toEqual(names);
    expect(plain[0]).toMatchObject({ msPerCall: spread, rounds: 2, gflops: expect.any(Number) });
    expect(stdout).toContain("| gemm TT | 32×32×32 |");
    if ("reason" in native) return;
    expect(emitted.map(({ kernel }: { kernel: string }) => kernel)).toEqual(names);
    for (const { peak, peakShare } of emitted) expect(Math.min(peak, peakShare)).toBeGreaterThan(0);
  });
});

it("measures the barrier", async () => {
  const { code, stdout } = await bench("kernels", "--only", "barrier 2 threads", "--rounds", "2");
  expect(code).toBe(0);
  expect(stdout).toMatch(/\| barrier \| 2 threads, sleeping +\| /);
});

it("measures what more workers bring", async () => {
  const json = join(folder, "scaling.json");
  const args = ["--models", "mlp-tiny", "--workers", "1,2", "--kernels", "wasm", "--rounds", "1"];
  const { code, stdout } = await bench("scaling", ...args, "--json", json);
  expect(code).toBe(0);
  const rows = JSON.parse(readFileSync(json, "utf8"));
  const places = rows.map(({ mode, workers, batchSize }: Record<string, unknown>) => [
    mode,
    workers,
    batchSize,
  ]);
  expect(places).toEqual([
    ["strong", 1, 64],
    ["strong", 2, 64],
    ["undivided", 1, 64],
    ["weak", 2, 128],
  ]);
  expect(rows[0]).toMatchObject({ model: "mlp-tiny", speedup: { median: 1, min: 1, max: 1 } });
  expect(stdout).toMatch(/## mlp-tiny/);
});

it("lists what a machine lacks", async () => {
  const json = join(folder, "none.json");
  vi.stubEnv("SHARDGRAD_PYTHON", "/no/such/python");
  const { code, stdout } = await bench(
    "--models",
    "mlp-tiny",
    "--only",
    "pytorch-1t",
    "--rounds",
    "1",
    "--json",
    json,
  );
  vi.unstubAllEnvs();
  expect(code).toBe(0);
  const reason = "no PyTorch in /no/such/python; SHARDGRAD_PYTHON names it";
  expect(JSON.parse(readFileSync(json, "utf8"))).toMatchObject([{ msPerStep: null, rounds: 0, reason }]);
  expect(stdout).toContain(`- pytorch-1t 1: ${reason}`);
});

it.each([
  ["an unknown model", ["--models", "mlp-huge"], /^bench: .*There is no model "mlp-huge"/],
  ["an unknown contender", ["--only", "numpy"], /^bench: .*There is no "numpy"/],
  ["an unknown option", ["--fast"], /^bench: unknown option '--fast'/],
  ["machines that are one", ["machines", "--machines", "1"], /^bench: .*Expected at least 2 machines\./],
  [
    "no other checkout",
    ["machines", "--command", "/no.js"],
    /^bench: machines: --command is \/no\.js, which/,
  ],
])("answers %s with one line and exit code 2", async (_, args, message) => {
  const { code, stderr } = await bench(...args);
  expect(code).toBe(2);
  expect(stderr).toMatch(message);
  expect(stderr.trim().split("\n")).toHaveLength(1);
});

it("helps", async () => {
  const { code, stdout } = await bench("--help");
  expect(code).toBe(0);
  for (const word of [
    "kernels",
    "scaling",
    "machines",
    "--models",
    "--only",
    "--workers",
    "--rounds",
    "--json",
  ]) {
    expect(stdout).toContain(word);
  }
});

describe.skipIf(process.platform === "win32")("leaves no child behind", () => {
  /** The descendants of a process. */
  function descendants(pid: number): number[] {
    const lines = execFileSync("ps", ["-eo", "pid=,ppid="], { encoding: "utf8" }).trim().split("\n");
    const pairs = lines.map((line) => line.trim().split(/\s+/).map(Number) as [number, number]);
    const below = (parent: number): number[] =>
      pairs.filter(([, ppid]) => ppid === parent).flatMap(([child]) => [child, ...below(child)]);
    return below(pid);
  }

  function isAlive(pid: number): boolean {
    try {
      process.kill(pid, 0);
      // A zombie is dead, but not yet collected.
      return !/^Z/.test(execFileSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" }).trim());
    } catch {
      return false;
    }
  }

  // Ranks are grandchildren.
  const ranks = "reason" in pytorch ? "shardgrad-wasm" : "pytorch-ddp";

  it.each([
    ["Ctrl-C", "shardgrad-wasm", "SIGINT", 130],
    ["a death without warning", ranks, "SIGKILL", null],
  ] as const)("after %s", async (_, who, signal, expected) => {
    // Only SIGKILL leaves files behind: nobody can remove them.
    vi.stubEnv("TMPDIR", folder);
    const { child, stderr } = start("--models", "mlp-tiny", "--only", who, "--rounds", "100000");
    vi.unstubAllEnvs();
    await vi.waitFor(() => expect(stderr()).toContain("round 1 of"), { timeout: 50_000, interval: 20 });
    const children = descendants(child.pid!).filter(isAlive);
    expect(children.length).toBeGreaterThan(1);
    child.kill(signal);
    const [code] = await once(child, "exit");
    expect(code).toBe(expected);
    if (expected !== null)
      expect(readdirSync(folder).filter((name) => name.startsWith("shardgrad"))).toEqual([]);
    await vi.waitFor(() => expect(children.filter(isAlive)).toEqual([]), { timeout: 30_000, interval: 20 });
  });
});
