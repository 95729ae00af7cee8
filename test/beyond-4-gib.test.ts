// Numbers beyond 4 GiB with native kernels, for which a process may have all of the machine's memory.
import { useKernels } from "@shardgrad/core";
import { heap, provideKernels } from "@shardgrad/core/engine";
import { findNative } from "@shardgrad/native";
import { JobError, train } from "@shardgrad/parallel";
import { expect, it } from "vitest";
import { describeBeyond4GiB, noting } from "./describe-beyond-4-gib.ts";

/** Why they do not run here. */
function obstacle(): string | undefined {
  try {
    findNative();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

const reaching = {
  kernels: "native",
  obstacle: obstacle(),
  provide: () => provideKernels("native", findNative().kernels),
  provideNoting: (called: Set<string>) => {
    const { kernels } = findNative();
    provideKernels("native", (memory, otherwise) => {
      const { float32, ...rest } = kernels(memory, otherwise);
      return { ...rest, float32: noting(float32, called) };
    });
  },
  told: { kernels: "native" },
} as const;

describeBeyond4GiB(reaching, () => {
  it("WebAssembly does not reach these, and says so in one line, before a run begins", async () => {
    const message =
      /"wasm-\w+" cannot reach this thread's numbers, which a run with native kernels has moved out of WebAssembly's reach; use "native"$/;
    expect(heap().isWasm).toBe(false);
    expect(() => useKernels("wasm")).toThrow(message);
    const run = train(new URL("./jobs/wide.ts", import.meta.url), { workers: 1, kernels: "wasm" });
    await expect(run).rejects.toThrow(JobError);
    await expect(run).rejects.toThrow(message);
  });
});
