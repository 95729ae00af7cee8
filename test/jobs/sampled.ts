// Jobs with different sources and sampling, over the data of clusters.ts. One module, several jobs; the query of its
// URL selects one, as in `sampled.ts?balanced`.
import type { Tensor } from "@shardgrad/core";
import { Adam, accuracy, crossEntropy, div, mul, sum } from "@shardgrad/core";
import type { SampleRandom } from "@shardgrad/parallel";
import { computed, defineJob, splitColumns } from "@shardgrad/parallel";
import { clusters, model } from "./clusters.ts";

type Model = ReturnType<typeof model>;
interface ClusterBatch {
  readonly x: Tensor;
  readonly y: Tensor;
}

const common = {
  model,
  loss: (net: Model, { x, y }: ClusterBatch) => crossEntropy(net.forward(x), y),
  optimizer: (parameters: readonly Tensor[]) => new Adam(parameters, { lr: 0.01 }),
  batchSize: 24,
  epochs: 2,
  seed: 7,
};
const metrics = {
  accuracy: (net: Model, { x, y }: ClusterBatch) => accuracy(net.forward(x), y),
};

const samples = 150;
export const data = clusters(samples, 4);
export const row = (i: number) => data.x.data.subarray(i * 16, (i + 1) * 16);
/** Weights of samples: some are 0, whole batches' worth in a row. */
export const weightOf = (i: number) => (i % 50 < 30 ? (i % 7) / 2 : 0);
const w = Float32Array.from({ length: samples }, (_, i) => weightOf(i));

const noisy = (i: number, rng: SampleRandom) => ({
  x: row(i).map((value) => value + rng.normal(0, 0.1)),
  y: data.y[i]!,
});
const columns = { x: { shape: [16] }, y: { dtype: "int32" } } as const satisfies Record<string, object>;

/** The mean of the losses by the samples' weights. */
const weightedLoss = (net: Model, { x, y, w }: ClusterBatch & { readonly w: Tensor }) =>
  div(sum(mul(crossEntropy(net.forward(x), y, { reduction: "none" }), w)), sum(w));

const jobs = {
  plain: () => defineJob({ ...common, dataset: { train: data } }),
  ordered: () =>
    defineJob({ ...common, dataset: { train: data }, sampling: { shuffle: false, dropLast: true } }),
  weighted: () =>
    defineJob({ ...common, dataset: { train: data }, sampling: { weights: weightOf, samples: 110 } }),
  balanced: () => defineJob({ ...common, dataset: { train: data }, sampling: { balance: "y" } }),
  computed: () =>
    defineJob({
      ...common,
      metrics,
      dataset: {
        train: computed({ samples, columns, sample: noisy }),
        test: computed({ samples: 300, columns, sample: (i, rng) => noisy(i % samples, rng) }),
      },
    }),
  /** The same as `plain`, but computed. */
  recomputed: () =>
    defineJob({
      ...common,
      dataset: { train: computed({ samples, columns, sample: (i) => ({ x: row(i), y: data.y[i]! }) }) },
    }),
  augmented: () =>
    defineJob({
      ...common,
      metrics,
      dataset: { train: data, test: () => clusters(100, 5) },
      sampling: { balance: "y" },
      augment: ({ x }, rng) => {
        for (let i = 0; i < x.length; i++) x[i]! += rng.normal(0, 0.1);
      },
    }),
  weights: () =>
    defineJob({ ...common, dataset: { train: { ...data, w } }, sampleWeight: "w", loss: weightedLoss }),
  /** Ignored labels; a sample's weight is the number of the others. */
  ignored: () => {
    const y = Int32Array.from(data.y, (label, i) => (weightOf(i) > 0 ? label : -100));
    const counts = Float32Array.from(y, (label) => Number(label !== -100));
    return defineJob({ ...common, dataset: { train: { x: data.x, y, counts } }, sampleWeight: "counts" });
  },
  /** Held out by the job, and by the data set: the same samples. */
  validated: () =>
    defineJob({
      ...common,
      metrics,
      dataset: { train: data },
      validation: { fraction: 0.2, stratify: "y" },
    }),
  presplit: () =>
    defineJob({ ...common, metrics, dataset: () => splitColumns(data, { fraction: 0.2, stratify: "y" }, 7) }),
  "computed fold": () =>
    defineJob({
      ...common,
      metrics,
      dataset: { train: computed({ samples, columns, sample: noisy }) },
      validation: { folds: 3, fold: 1 },
    }),
};

/** Names of the jobs here. */
export type SampledJob = keyof typeof jobs;

export function sampledJob(name: SampledJob): URL {
  return new URL(`?${name}`, import.meta.url);
}

const asked = decodeURIComponent(new URL(import.meta.url).search.slice(1));
export default jobs[(asked || "plain") as SampledJob]();
