// Every score, on samples whose outputs are columns of the data: the model has no influence. The query of its URL gives
// the number of samples, and whether they have weights: `scores.ts?600&weighted`. scikit-learn/scores.py makes the same
// samples.
import { Linear, mean, SGD } from "@shardgrad/core";
import {
  accuracyScore,
  averagePrecisionScore,
  confusionMatrix,
  defineJob,
  f1Score,
  logLoss,
  meanAbsoluteError,
  meanSquaredError,
  perplexity,
  precisionScore,
  r2Score,
  recallScore,
  rocAucScore,
  rootMeanSquaredError,
  topKAccuracyScore,
} from "@shardgrad/parallel";

const query = new URL(import.meta.url).searchParams;
const samples = Number([...query.keys()][0]);

/** A number in [0, 1) for sample i, with ties. */
const part = (i: number, k: number) => ((i * i * 31 + i * 17 * k + k * 101 + 7) % 997) / 997;

const kinds = [0, 1, 2];
const kindOf = (i: number) => Math.floor(part(i, 5) * 3);
const sideOf = (i: number) => Math.floor(part(i, 6) * 2);

const column = (width: number, row: (i: number) => number[]) => ({
  data: Float32Array.from(Array.from({ length: samples }, (_, i) => row(i)).flat()),
  shape: [width],
});

const columns = {
  kind: Uint8Array.from({ length: samples }, (_, i) => kindOf(i)),
  side: Uint8Array.from({ length: samples }, (_, i) => sideOf(i)),
  logits: column(3, (i) => kinds.map((c) => part(i, c) + (c === kindOf(i) ? 0.4 : 0))),
  score: column(1, (i) => [Math.floor(10 * part(i, 7)) / 10 + (sideOf(i) ? 0.3 : 0) - 0.6]),
  shares: column(3, (i) => {
    const shares = kinds.map((c) => 1 + Math.floor(1000 * part(i, c)) + (c === kindOf(i) ? 700 : 0));
    return shares.map((share) => share / shares.reduce((sum, other) => sum + other));
  }),
  share: column(1, (i) => [(1 + Math.floor(998 * part(i, 8))) / 1000]),
  guess: column(2, (i) => [part(i, 1) * 4 - 2, part(i, 2)]),
  truth: column(2, (i) => [part(i, 1) * 4 - 2 + part(i, 3) - 0.5, part(i, 2) + part(i, 4) * 2 - 1]),
  weight: Float32Array.from({ length: samples }, (_, i) => i % 4),
};

type Name = keyof typeof columns;

/** Two columns, and a score of them. */
const of = (output: Name, target: Name, score: ReturnType<typeof accuracyScore>) => ({
  outputs: (_: Linear, batch: { readonly [K in Name]: Parameters<typeof mean>[0] }) =>
    [batch[output], batch[target]] as const,
  score,
});

const averages = ["macro", "micro", "weighted"] as const;
const averaged = Object.entries({ precision: precisionScore, recall: recallScore, f1: f1Score }).flatMap(
  ([name, score]) => [
    [`${name}_binary`, of("score", "side", score({ threshold: 0 }))] as const,
    ...averages.map((average) => [`${name}_${average}`, of("logits", "kind", score({ average }))] as const),
  ],
);

export default defineJob({
  dataset: { train: columns, test: columns },
  ...(query.has("weighted") && { sampleWeight: "weight" }),
  model: () => new Linear(1, 1),
  loss: (model, { score }) => mean(model.forward(score)),
  // It does not weigh its samples: only the scores are looked at.
  ...(query.has("weighted") && { lossOver: "shard" }),
  optimizer: (parameters) => new SGD(parameters, { lr: 0.01 }),
  metrics: {
    accuracy: of("logits", "kind", accuracyScore()),
    accuracyOfTwo: of("score", "side", accuracyScore({ threshold: 0 })),
    top2: of("logits", "kind", topKAccuracyScore({ k: 2 })),
    confusion: of("logits", "kind", confusionMatrix()),
    rocAuc: of("score", "side", rocAucScore()),
    rocAucOfAll: of("shares", "kind", rocAucScore()),
    averagePrecision: of("score", "side", averagePrecisionScore()),
    averagePrecisionOfAll: of("shares", "kind", averagePrecisionScore()),
    logLossOfTwo: of("share", "side", logLoss()),
    logLoss: of("shares", "kind", logLoss()),
    logLossOfLogits: of("logits", "kind", logLoss({ logits: true })),
    perplexity: of("logits", "kind", perplexity()),
    mse: of("guess", "truth", meanSquaredError()),
    rmse: of("guess", "truth", rootMeanSquaredError()),
    mae: of("guess", "truth", meanAbsoluteError()),
    r2: of("guess", "truth", r2Score()),
    ...Object.fromEntries(averaged),
  },
  batchSize: samples,
  epochs: 1,
  shards: 4,
});
