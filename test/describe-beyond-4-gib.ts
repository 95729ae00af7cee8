// Numbers beyond 4 GiB: kernels compute there as they do below, whole runs too. Untouched pages cost nothing, so this needs
// address space, not memory. A process has one heap, so each set of kernels has a test file of its own.
import { totalmem } from "node:os";
import * as core from "@shardgrad/core";
import { heap, wasmReachBytes } from "@shardgrad/core/engine";
import { kernelDefinitions } from "@shardgrad/core/kernels";
import type { StartEvent } from "@shardgrad/parallel";
import { train } from "@shardgrad/parallel";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { everything, fillLow } from "./every-kernel.ts";
import { writeJob } from "./write-job.ts";

const { Tensor, scope, tensor } = core;

/** Kernels by their names. */
export type NamedKernels = Record<string, (...args: number[]) => unknown>;

/** The same kernels, which note that they were called. */
export function noting(kernels: object, called: Set<string>): NamedKernels {
  const wrapped = Object.entries(kernels as NamedKernels).map(([name, run]) => [
    name,
    (...args: number[]) => {
      called.add(name);
      return run(...args);
    },
  ]);
  return Object.fromEntries(wrapped);
}

/** A job whose pass over a batch takes some gibibytes for every 8,192 samples. */
export const largeJob = (batchSize: number) =>
  writeJob(`
    import { Linear, ReLU, SGD, Sequential, mean } from "@shardgrad/core";
    import { defineJob } from "@shardgrad/parallel";
    export default defineJob({
      dataset: { train: { x: { data: new Float32Array(4 * ${batchSize}), shape: [4] } } },
      model: () => new Sequential(new Linear(4, 65536), new ReLU(), new Linear(65536, 1)),
      loss: (model, { x }) => mean(model.forward(x)),
      optimizer: (parameters) => new SGD(parameters, { lr: 0.01 }),
      batchSize: ${batchSize}, epochs: 1,
    });`);

/** Kernels that reach beyond 4 GiB. */
interface Reaching {
  kernels: "native" | "wasm";
  /** Why they do not run here. */
  obstacle: string | undefined;
  /** Makes them available on this thread. */
  provide: () => void | Promise<void>;
  /** The same, and has them note that they were called. */
  provideNoting: (called: Set<string>) => void | Promise<void>;
  /** What the start event of a run there says of them. */
  told: Partial<StartEvent>;
}

/** @param more tests after the others, when the process has its numbers there */
export function describeBeyond4GiB(reaching: Reaching, more: () => void): void {
  const { kernels, provide, provideNoting, told } = reaching;
  const enough = totalmem() >= 8 * 2 ** 30;
  const reason = reaching.obstacle ?? (enough ? undefined : `the machine has ${totalmem()} bytes of memory`);
  const called = new Set<string>();
  const jobs = ["char-gpt", "batch-norm", "dropout"];
  const hashesOf = async () => {
    const found: string[] = [];
    for (const name of jobs) {
      const job = new URL(`./jobs/${name}.ts`, import.meta.url);
      const { weightsSha256 } = await train(job, { workers: 2, steps: 3, kernels });
      found.push(weightsSha256);
    }
    return found;
  };
  let below: Record<string, number[]>;
  let hashes: string[];
  let giveBack: (() => void) | undefined;

  describe.skipIf(reason !== undefined)(`beyond 4 GiB${reason ? `, not here: ${reason}` : ""}`, () => {
    beforeAll(async () => {
      hashes = await hashesOf();
      await provide();
      core.useKernels(kernels);
      below = scope(everything);
    }, 60_000);
    afterAll(() => giveBack?.());

    it("a run that needs more than 4 GiB gets it, and moves what there is", async () => {
      const weights = tensor([1, 2, 3]);
      const run = train(largeJob(8192), { workers: 1, kernels });
      let start: StartEvent | undefined;
      run.on("start", (event) => {
        start = event;
        run.stop();
      });
      const { steps } = await run;
      expect([steps, start]).toEqual([0, expect.objectContaining(told)]);
      expect(heap().buffer.byteLength).toBeGreaterThan(wasmReachBytes);
      expect(weights.toArray()).toEqual(Float32Array.of(1, 2, 3));
      giveBack = fillLow();
    });

    it("every kernel gives the bits that it gives below", async () => {
      const first = Tensor.allocate([1], "float32", "test");
      expect(first.address).toBeGreaterThanOrEqual(wasmReachBytes);
      await provideNoting(called);
      core.useKernels(kernels);
      expect(scope(everything)).toEqual(below);
      const all = Object.values(kernelDefinitions)
        .flat()
        .map(({ name }) => name);
      expect(all.filter((name) => !called.has(name))).toEqual([]);
    });

    it("runs end with the weights that they end with below", { timeout: 60_000 }, async () => {
      expect(await hashesOf()).toEqual(hashes);
    });

    more();
  });
}
