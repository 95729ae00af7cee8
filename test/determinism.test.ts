// The promise of the package: shards, not workers, define the arithmetic.
import { createHash } from "node:crypto";
import type { Tensor } from "@shardgrad/core";
import { Adam, backward, crossEntropy, manualSeed, Permutation, scope, useKernels } from "@shardgrad/core";
import { provideKernels } from "@shardgrad/core/engine";
import type { TrainOptions } from "@shardgrad/parallel";
import { train } from "@shardgrad/parallel";
import { beforeAll, describe, expect, it } from "vitest";
import { foundBlas } from "./found-blas.ts";
import { batchOf, clusters } from "./jobs/clusters.ts";
import { model } from "./jobs/wide.ts";

const job = new URL("./jobs/clusters.ts", import.meta.url);
const wide = new URL("./jobs/wide.ts", import.meta.url);

// One set of kernels where there is no BLAS, or it is switched off.
const sets = foundBlas ? (["wasm", "blas"] as const) : (["wasm"] as const);

describe.each(sets)("with 4 shards and the kernels %s the final weights are the same bits", (kernels) => {
  const hashOf = async (options: TrainOptions) => (await train(wide, { kernels, ...options })).weightsSha256;
  let expected: string;
  beforeAll(async () => {
    expected = await hashOf({ workers: 1, shards: 4 });
  });

  it.each([
    { workers: 2 },
    { workers: 3 },
    { workers: 4 },
    { workers: 1, reduce: "coordinator" as const },
    { workers: 3, reduce: "coordinator" as const },
    { workers: 1, capture: false },
    { workers: 3, capture: false },
  ])("for %o", async (options) => {
    expect(await hashOf({ shards: 4, ...options })).toBe(expected);
  });

  it("and other bits for another seed or another number of shards", async () => {
    const others = [
      await hashOf({ workers: 1, shards: 4, seed: 8 }),
      await hashOf({ workers: 1, shards: 3 }),
    ];
    expect(new Set([expected, ...others]).size).toBe(3);
  });
});

it("random numbers in a step depend on the shard, not on the worker", async () => {
  const noisy = new URL("./jobs/dropout.ts", import.meta.url);
  const hashes = await Promise.all(
    [1, 2, 3].map(async (workers) => (await train(noisy, { workers, shards: 3 })).weightsSha256),
  );
  const eager = await train(noisy, { workers: 2, shards: 3, capture: false });
  expect(new Set([...hashes, eager.weightsSha256]).size).toBe(1);
  expect((await train(noisy, { workers: 1, shards: 3, seed: 1 })).weightsSha256).not.toBe(hashes[0]);
});

it.each(sets)(
  "one shard computes what a plain loop over core computes, bit for bit, on %s",
  async (kernels) => {
    if (kernels === "blas") provideKernels("blas", foundBlas!.kernels);
    useKernels(kernels);
    const { x, y } = clusters(330, 4);
    manualSeed(7);
    const net = model();
    const optimizer = new Adam(net.parameters(), { lr: 0.01 });
    for (let epoch = 0; epoch < 2; epoch++) {
      const order = new Permutation(330, 7, epoch);
      for (let start = 0; start < 330; start += 97) {
        scope(() => {
          const rows = Array.from({ length: Math.min(97, 330 - start) }, (_, i) => order.at(start + i));
          const [inputs, labels] = batchOf(rows, x, y);
          optimizer.zeroGrad();
          backward(crossEntropy(net.forward(inputs), labels));
          optimizer.step();
        });
      }
    }
    const hash = createHash("sha256");
    for (const parameter of net.parameters() as Tensor[])
      hash.update(new Uint8Array(parameter.toArray().buffer));
    useKernels("wasm");
    expect((await train(wide, { workers: 1, shards: 1, kernels })).weightsSha256).toBe(hash.digest("hex"));
  },
);

it("unpinned, any number of workers trains on the same global batches: the losses agree", async () => {
  const lossOf = async (workers: number) => {
    const losses: number[] = [];
    await train(job, { workers, epochs: 1 }).on("epoch", ({ loss }) => losses.push(loss));
    return losses[0]!;
  };
  const alone = await lossOf(1);
  for (const workers of [2, 3]) {
    expect(Math.abs((await lossOf(workers)) - alone) / alone).toBeLessThan(1e-4);
  }
});
