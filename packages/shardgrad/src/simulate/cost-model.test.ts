import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { chainSeconds, ringSeconds, treeSeconds } from "../../testing/other-sums.ts";
import { simulatedExchange } from "../../testing/simulated-exchange.ts";
import { sumsTable } from "../../testing/sums-table.ts";
import { blocksOfMachines, ethernet, gatherSeconds, networkSeconds, sumSeconds } from "./cost-model.ts";

/** Bytes and seconds that are easy to add up: a thread that costs nothing, and a line of 1 MB/s. */
const plain = {
  latencySeconds: 0.1,
  bytesPerSecond: 1e6,
  messageSeconds: 0,
  threadBytesPerSecond: Number.POSITIVE_INFINITY,
  chunkBytes: 1e5,
};

it("counts the blocks of the pairwise tree that each machine has", () => {
  expect(blocksOfMachines(8, 4)).toEqual([1, 1, 1, 1]);
  expect(blocksOfMachines(8, 1)).toEqual([1]);
  // Shards 0 1 | 2 3 4 | 5 6 7 are blocks 0–1 | 2–3, 4 | 5, 6–7.
  expect(blocksOfMachines(8, 3)).toEqual([1, 2, 2]);
  expect(blocksOfMachines(6, 2)).toEqual([2, 2]);
  expect(blocksOfMachines(1024, 1024)).toEqual(new Array(1024).fill(1));
});

it("two machines with a block each: half of the gradient each way, twice, and two latencies", () => {
  expect(sumSeconds(1e6, [1, 1], plain)).toBeCloseTo(0.2 + 1, 9);
  expect(sumSeconds(1e6, [1], plain)).toBe(0);
});

it("a machine with two blocks sends twice as much of them, but one sum", () => {
  // Machine 1 sends 2 · ½ MB and then ½ MB; machine 0 receives as much.
  expect(sumSeconds(1e6, [1, 2], plain)).toBeCloseTo(0.2 + 1.5, 9);
});

it("messages and bytes of the thread count where they are slower than the line", () => {
  // Pieces of ½ MB in 5 chunks: 10 messages each way, 2 · 1 MB sent and received, and ½ MB added.
  const slow = { ...plain, messageSeconds: 1, threadBytesPerSecond: 1e6, bytesPerSecond: 1e9 };
  const thread = 20 + 2.5;
  expect(sumSeconds(1e6, [1, 1], slow)).toBeCloseTo(0.2 + thread + 1e-3 / 5, 9);
});

it("the gather takes a round for each doubling", () => {
  const rounds = (machines: number) =>
    Math.round(gatherSeconds(machines, { ...plain, bytesPerSecond: 1e12 }) / 0.1);
  expect([2, 3, 4, 5, 1024].map(rounds)).toEqual([1, 2, 2, 3, 10]);
});

describe.each([1e9, 10e9, 100e9])("on a line of %d bits a second", (bits) => {
  const network = ethernet(bits, 50e-6);

  it.each([
    [2, 2],
    [8, 3],
    [4, 4],
    [16, 8],
  ])(
    "the sum of %i shards on %i machines takes as long as when it is simulated message by message",
    (shards, machines) => {
      const blocks = blocksOfMachines(shards, machines);
      const ratio = (bytes: number) =>
        sumSeconds(bytes, blocks, network) / simulatedExchange(bytes, blocks, network);
      expect(ratio(20e6)).toBeGreaterThan(0.95);
      expect(ratio(20e6)).toBeLessThan(1.1);
      // With one chunk a piece, the model has the first message wait longer than it does.
      expect(ratio(1e6)).toBeGreaterThan(0.9);
      expect(ratio(1e6)).toBeLessThan(1.3);
    },
  );

  it("large sums reach the bandwidth of a ring, in two rounds", () => {
    for (const machines of [2, 4, 32]) {
      const one = new Array<number>(machines).fill(1);
      const ratio = sumSeconds(1e9, one, network) / ringSeconds(1e9, machines, network);
      expect(ratio).toBeGreaterThan(0.9);
      expect(ratio).toBeLessThan(1.3);
    }
  });
});

it("overlap hides the sum behind the backward pass, but for the first part and the last", () => {
  const blocks = [1, 1];
  const gather = gatherSeconds(2, plain);
  // Four parts of 256 KiB.
  const gradientBytes = 2 ** 20;
  const sum = sumSeconds(gradientBytes, blocks, plain);
  const step = { gradientBytes, blocks, backwardSeconds: 1 };
  expect(networkSeconds(step, plain, false)).toBeCloseTo(gather + sum, 9);
  expect(networkSeconds(step, plain, true)).toBeCloseTo(2 * gather + sum - 0.75, 9);
  const last = sumSeconds(2 ** 18, blocks, plain);
  expect(networkSeconds({ ...step, backwardSeconds: 100 }, plain, true)).toBeCloseTo(gather + last, 9);
  expect(networkSeconds({ ...step, blocks: [1] }, plain, true)).toBe(0);
});

it("a gradient that is a single part waits for the whole backward pass", () => {
  const step = { gradientBytes: 2 ** 20, blocks: new Array<number>(32).fill(1), backwardSeconds: 1 };
  const sum = sumSeconds(2 ** 20, step.blocks, plain);
  expect(networkSeconds(step, plain, true)).toBeCloseTo(2 * gatherSeconds(32, plain) + sum, 9);
});

it("parts cost messages", () => {
  const slow = {
    ...plain,
    messageSeconds: 1e-3,
    bytesPerSecond: 1e12,
    threadBytesPerSecond: 1e12,
    latencySeconds: 0,
  };
  // 8 · 3 messages are sent, and as many received, whether pieces are chunks of one part or of eight.
  const [whole, parted] = [1, 8].map((parts) => sumSeconds(3.2e6, [1, 1, 1, 1], slow, parts));
  expect(whole! / parted!).toBeCloseTo(1, 3);
  // Parts whose pieces are shorter than a chunk have more.
  expect(sumSeconds(3.2e6, [1, 1, 1, 1], slow, 16) / whole!).toBeCloseTo(2, 3);
});

it("has the formulas of others: rounds of ring, tree and chain, and their bytes", () => {
  // 14, 6 and 14 rounds of 0.1 s; 2 · ⅞ MB, as much, and 2 MB; the chain's pipeline fills with 14 chunks.
  expect(ringSeconds(1e6, 8, plain)).toBeCloseTo(1.4 + 1.75, 9);
  expect(treeSeconds(1e6, 8, plain)).toBeCloseTo(0.6 + 1.75, 9);
  expect(chainSeconds(1e6, 8, plain)).toBeCloseTo(1.4 + 2 + 1.4, 9);
  expect(chainSeconds(1e6, 2, plain)).toBeCloseTo(0.2 + 1 + 0.2, 9);
});

it("docs/machines.md has the table of these formulas; SHARDGRAD_UPDATE=1 writes it", () => {
  const page = new URL("../../../../docs/machines.md", import.meta.url);
  const part = /(?<=<!-- written by \S+cost-model\.test\.ts -->\n).*?(?=\n?<!-- \/written -->)/s;
  const read = () => readFileSync(page, "utf8");
  if (process.env.SHARDGRAD_UPDATE === "1") writeFileSync(page, read().replace(part, `\n${sumsTable()}\n`));
  expect(read().match(part)?.[0].trim()).toBe(sumsTable());
});
