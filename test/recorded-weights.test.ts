// All kinds of jobs end with their recorded weights: a change that changes no arithmetic changes no bit, on any
// machine. `wasm-plain` rounds the same on all processors. Only `SHARDGRAD_UPDATE=1` changes the records, which needs a
// line in the CHANGELOG.
import { readFileSync, writeFileSync } from "node:fs";
import type { TrainOptions } from "@shardgrad/parallel";
import { train } from "@shardgrad/parallel";
import { afterAll, expect, test } from "vitest";

const fixture = new URL("./fixtures/weights-sha256.json", import.meta.url);
const update = process.env.SHARDGRAD_UPDATE === "1";
const recorded: Record<string, Recorded> = update ? {} : JSON.parse(readFileSync(fixture, "utf8"));
afterAll(() => {
  if (update) writeFileSync(fixture, `${JSON.stringify(recorded, undefined, 2)}\n`);
});

interface Recorded {
  weights: string;
  loss: string;
  metrics: unknown;
}

const testJob = (name: string) => new URL(`./jobs/${name}`, import.meta.url);
const zooJob = (name: string) => new URL(`../packages/bench/src/jobs/${name}.ts?batches=4`, import.meta.url);

const jobs: [name: string, job: () => URL, options: TrainOptions][] = [
  ["clusters", () => testJob("clusters.ts"), { epochs: 3 }],
  ["clusters, accumulated", () => testJob("clusters.ts"), { epochs: 3, accumulate: 3, shards: 5 }],
  [
    "clusters, averaged by the coordinator",
    () => testJob("clusters.ts"),
    { epochs: 2, reduce: "coordinator" },
  ],
  ["clusters, Local SGD", () => testJob("clusters.ts"), { epochs: 3, syncEvery: 4, shards: 3 }],
  ["dropout", () => testJob("dropout.ts"), { epochs: 3, shards: 7 }],
  ["batch norm", () => testJob("batch-norm.ts"), { epochs: 2, shards: 4 }],
  ["GPT", () => testJob("char-gpt.ts"), { epochs: 2, shards: 4 }],
  ["mean teacher", () => testJob("mean-teacher.ts"), { epochs: 3, shards: 5 }],
  ["two heads", () => testJob("two-heads.ts"), { epochs: 3, shards: 4 }],
  ["weights of samples", () => testJob("metrics.ts"), { epochs: 2, shards: 6 }],
  ["balanced draws", () => testJob("sampled.ts?balanced"), { epochs: 2, shards: 3 }],
  ["augmented samples", () => testJob("sampled.ts?augmented"), { epochs: 2, shards: 3 }],
  ["optimizer of one's own", () => testJob("own-optimizer.ts"), { epochs: 2, shards: 3 }],
  ["rules of a step", () => testJob("steps.ts"), { epochs: 2, shards: 4 }],
  ["uneven slices", () => testJob("wide.ts"), { epochs: 2, shards: 11 }],
  ["many shards", () => testJob("clusters.ts"), { epochs: 1, shards: 37 }],
  ["mlp-tiny", () => zooJob("mlp-tiny"), { steps: 6 }],
  ["mlp-small", () => zooJob("mlp-small"), { steps: 4 }],
  ["lenet5", () => zooJob("lenet5"), { steps: 4 }],
  ["char-gpt", () => zooJob("char-gpt"), { steps: 4 }],
  ["spiral of the README", () => testJob("spiral.ts"), { epochs: 2 }],
];

test.each(jobs)("%s", async (name, job, options) => {
  const losses: number[] = [];
  const run = train(job(), {
    workers: 2,
    shards: 4,
    kernels: "wasm-plain",
    onStepEnd: ({ loss }) => void losses.push(loss),
    ...options,
  });
  const { weightsSha256, metrics } = await run;
  const loss = Buffer.from(Float64Array.from(losses.slice(-2)).buffer).toString("hex");
  const found: Recorded = { weights: weightsSha256, loss, metrics };
  if (update) recorded[name] = found;
  expect(found).toEqual(recorded[name]);
});
