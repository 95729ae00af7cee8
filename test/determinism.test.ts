// The promise of the package: shards, not workers, define the arithmetic.
import { createHash } from "node:crypto";
import type { Tensor } from "@shardgrad/core";
import { Adam, backward, crossEntropy, manualSeed, Permutation, scope, tensor } from "@shardgrad/core";
import type { TrainOptions } from "@shardgrad/parallel";
import { train } from "@shardgrad/parallel";
import { describe, expect, it } from "vitest";
import { clusters, model } from "./jobs/clusters.ts";

const job = new URL("./jobs/clusters.ts", import.meta.url);

async function hashOf(options: TrainOptions): Promise<string> {
  return (await train(job, options)).weightsSha256;
}

describe("with 4 shards the final weights are the same bits", () => {
  const expected = hashOf({ workers: 1, shards: 4 });

  it.each([
    { workers: 2 },
    { workers: 3 },
    { workers: 4 },
    { workers: 1, reduce: "coordinator" as const },
    { workers: 3, reduce: "coordinator" as const },
    { workers: 1, capture: false },
    { workers: 3, capture: false },
  ])("for %o", async (options) => {
    expect(await hashOf({ shards: 4, ...options })).toBe(await expected);
  });

  it("and other bits for another seed or another number of shards", async () => {
    const others = [
      await hashOf({ workers: 1, shards: 4, seed: 8 }),
      await hashOf({ workers: 1, shards: 3 }),
    ];
    expect(new Set([await expected, ...others]).size).toBe(3);
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

it("one shard computes what a plain loop over core computes, bit for bit", async () => {
  const { x, y } = clusters(500, 4);
  manualSeed(7);
  const net = model();
  const optimizer = new Adam(net.parameters(), { lr: 0.01 });
  for (let epoch = 0; epoch < 2; epoch++) {
    const order = new Permutation(500, 7, epoch);
    for (let start = 0; start < 500; start += 48) {
      scope(() => {
        const rows = Array.from({ length: Math.min(48, 500 - start) }, (_, i) => order.at(start + i));
        const inputs = tensor(rows.map((row) => [...x.data.subarray(row * 16, row * 16 + 16)]));
        const labels = tensor(
          rows.map((row) => y[row]!),
          { dtype: "int32" },
        );
        optimizer.zeroGrad();
        backward(crossEntropy(net.forward(inputs), labels));
        optimizer.step();
      });
    }
  }
  const hash = createHash("sha256");
  for (const parameter of net.parameters() as Tensor[])
    hash.update(new Uint8Array(parameter.toArray().buffer));
  expect(await hashOf({ workers: 1, shards: 1 })).toBe(hash.digest("hex"));
});

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
