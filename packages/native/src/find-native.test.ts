// Which machine code a process gets, that its threads share it, and one line for each reason to refuse.
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { Tensor } from "@shardgrad/core";
import {
  add,
  compile,
  dropout,
  exp,
  gelu,
  grad,
  kernelSet,
  manualSeed,
  matmul,
  mul,
  neg,
  ones,
  randn,
  silu,
  square,
  sub,
  sum,
  tanh,
  useKernels,
} from "@shardgrad/core";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { InstructionSet } from "./backends.ts";
import { installRunner } from "./call/runner.ts";
import { NativeError } from "./errors.ts";
import { findNative } from "./find-native.ts";
import { useNative } from "./use-native.ts";

const { arch, platform } = process;
const hasCode = arch === "x64" || (arch === "arm64" && platform === "linux");
const best = hasCode ? installRunner().best : undefined;
const sets = { avx2: "AVX2", avx512: "AVX-512", neon: "NEON" } as const;
const runs = (set: InstructionSet) => best === set || (best === "avx512" && set === "avx2");

afterEach(() => {
  vi.unstubAllEnvs();
  useKernels("wasm");
});

describe.each(Object.entries(sets) as [InstructionSet, string][])("%s", (set, name) => {
  it.skipIf(!runs(set))("is what SHARDGRAD_NATIVE asks for, and computes matrix products", () => {
    vi.stubEnv("SHARDGRAD_NATIVE", set);
    expect(useNative().description).toBe(name);
    expect(kernelSet()).toBe("native");
    expect([...matmul(ones([33, 65]), ones([65, 17])).toArray()]).toEqual(Array(33 * 17).fill(65));
  });

  it.skipIf(!runs(set))("replays in place and in blocks have the bits of eager calls", () => {
    vi.stubEnv("SHARDGRAD_NATIVE", set);
    useNative();
    const f = (x: Tensor) => {
      const w = mul(x, 0.5);
      w.requiresGrad = true;
      const y = dropout(gelu(sub(silu(w), mul(tanh(w), x))), 0.25);
      return [add(exp(neg(square(x))), x), grad(sum(mul(y, y)), [w])[0]!];
    };
    const fast = compile(f);
    const x = randn([301, 263]);
    for (let call = 0; call < 4; call++) {
      const [expected, got] = [f, fast].map((g) => {
        manualSeed(call);
        return g(x).map((y) => y.toArray());
      });
      expect(got).toEqual(expected);
    }
    fast.dispose();
  });
});

describe.skipIf(best === undefined)("without a setting", () => {
  it("the best of the processor is installed, once", () => {
    vi.stubEnv("SHARDGRAD_NATIVE", "");
    const { code, description } = findNative();
    expect(description).toBe(sets[best!]);
    expect(findNative().code).toBe(code);
  });

  it("other threads use the code that is there", async () => {
    const { code } = findNative();
    const program = `
      const { workerData, parentPort } = require("node:worker_threads");
      Promise.all([import("@shardgrad/native"), import("@shardgrad/core")]).then(([{ useNative }, { kernelSet, matmul, ones }]) => {
        const { code } = useNative({ code: workerData });
        parentPort.postMessage([code, kernelSet(), matmul(ones([9, 100]), ones([100, 9])).toArray()[80]]);
      });`;
    const worker = new Worker(program, { eval: true, workerData: code });
    const [told] = await once(worker, "message");
    expect(told).toEqual([code, "native", 100]);
    await worker.terminate();
  });

  it("addresses of another process are refused", () => {
    const code = { ...findNative().code, pid: process.pid + 1 };
    expect(() => findNative({ code })).toThrow("native: the given code lies in another process");
  });
});

describe("what is refused", () => {
  it.each([
    ["off", "native: switched off by SHARDGRAD_NATIVE=off"],
    ["OFF", "native: switched off by SHARDGRAD_NATIVE=off"],
    ["sse2", 'native: SHARDGRAD_NATIVE is "sse2"; expected avx512, avx2, neon or off'],
    ["constructor", 'native: SHARDGRAD_NATIVE is "constructor"; expected avx512, avx2, neon or off'],
  ])("SHARDGRAD_NATIVE=%s", (setting, message) => {
    vi.stubEnv("SHARDGRAD_NATIVE", setting);
    expect(() => findNative()).toThrow(NativeError);
    expect(() => findNative()).toThrow(message);
  });

  it.skipIf(best === undefined)("the set of another processor", () => {
    vi.stubEnv("SHARDGRAD_NATIVE", best === "neon" ? "avx2" : "neon");
    expect(() => findNative()).toThrow(
      `native: SHARDGRAD_NATIVE is ${process.env.SHARDGRAD_NATIVE}, but this processor has ${sets[best!]} only`,
    );
  });

  it("another processor", () => {
    vi.stubEnv("SHARDGRAD_NATIVE", "");
    try {
      Object.defineProperty(process, "arch", { value: "riscv64" });
      expect(() => findNative()).toThrow(
        `native: there is machine code for x64, and for arm64 on Linux; this is riscv64 on ${process.platform}`,
      );
    } finally {
      Object.defineProperty(process, "arch", { value: arch });
    }
  });
});
