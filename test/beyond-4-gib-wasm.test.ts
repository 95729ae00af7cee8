// Numbers beyond 4 GiB with WebAssembly, which takes 64-bit addresses for them, and reaches 16 GiB.
import { totalmem } from "node:os";
import { MemoryError } from "@shardgrad/core";
import { heap, provideWideKernels } from "@shardgrad/core/engine";
import { wideKernels } from "@shardgrad/core/wide-kernels";
import type { StartEvent } from "@shardgrad/parallel";
import { train } from "@shardgrad/parallel";
import { hasWideMemory } from "@shardgrad/parallel/command";
import { expect, it } from "vitest";
import { describeBeyond4GiB, largeJob, noting } from "./describe-beyond-4-gib.ts";
import { foundBlas } from "./found-blas.ts";

const job = new URL("./jobs/wide.ts", import.meta.url);

const reaching = {
  kernels: "wasm",
  obstacle: hasWideMemory() ? undefined : "the engine has no 64-bit memory",
  provide: () => undefined,
  provideNoting: (called: Set<string>) =>
    provideWideKernels((memory, build) => {
      const makeFamily = wideKernels(memory, build);
      return (names) => noting(makeFamily(names), called);
    }),
  told: { memory64: true },
} as const;

/** What a run ends with, and how it began. */
async function result(kernels: "blas" | "wasm" | "wasm-plain") {
  const run = train(job, { workers: 2, steps: 2, kernels });
  let start: StartEvent | undefined;
  run.on("start", (event) => {
    start = event;
  });
  const { weightsSha256 } = await run;
  return { weightsSha256, memory64: start!.memory64 };
}

// Without machine code, which would lie beneath a BLAS.
process.env.SHARDGRAD_NATIVE = "off";
const sets = [...(["wasm", "wasm-plain"] as const), ...(foundBlas ? (["blas"] as const) : [])];
const below = await Promise.all(sets.map(result));

describeBeyond4GiB(reaching, () => {
  it("a run that needs more than 16 GiB is refused in one line", async () => {
    expect([heap().isWasm, heap().isWide]).toEqual([true, true]);
    const run = train(largeJob(65536), { workers: 1, kernels: "wasm" });
    await expect(run).rejects.toThrow(MemoryError);
    const whose =
      totalmem() < 16 * 2 ** 30
        ? "a process has"
        : "wasm-\\w+ kernels reach \\(native ones reach all of the machine's memory\\)";
    await expect(run).rejects.toThrow(
      new RegExp(
        `^train: the run needs \\d+\\.\\d GiB of shared memory, but \\d+\\.\\d GiB of the \\d+\\.\\d GiB that ${whose} are free; most of it is activations: .*\n`,
      ),
    );
  });

  it.each(sets)("%s computes there what it computes below", async (kernels) => {
    const { weightsSha256, memory64 } = below[sets.indexOf(kernels)]!;
    expect(memory64).toBeUndefined();
    expect(await result(kernels)).toEqual({ weightsSha256, memory64: true });
  });
});
