// Cross-validation: which of three species is a penguin? The rows are cut into five folds, each with its share of every
// species. Each run holds out another fold, which a param names, and learns means and words from the rows that it trains
// on only. `node examples/k-fold.ts` runs all five; `shardgrad train examples/k-fold.ts --set fold=2` runs one.
import { Adam, accuracy, crossEntropy, Linear, ReLU, Sequential } from "@shardgrad/core";
import { decodeTarget, outputSize, table } from "@shardgrad/data";
import { defineJob, train } from "@shardgrad/parallel";

const folds = 5;
const file = new URL("./data/penguins.csv", import.meta.url);

export default defineJob({
  params: { fold: 0 },
  dataset: table(file, { target: "species" }),
  validation: ({ params }) => ({ folds, fold: params.fold, stratify: "species" }),
  model: ({ x: [inputs] }, { state }) =>
    new Sequential(new Linear(inputs!, 16), new ReLU(), new Linear(16, outputSize(state))),
  loss: (model, { x, y }) => crossEntropy(model.forward(x), y),
  optimizer: (parameters) => new Adam(parameters, { lr: 0.02 }),
  metrics: {
    accuracy: { perSample: (model, { x, y }) => accuracy(model.forward(x), y), direction: "max" },
  },
  // For who predicts with the weights: the name of the species.
  decode: decodeTarget,
  batchSize: 32,
  epochs: 20,
});

if (import.meta.main) {
  const scores: number[] = [];
  for (let fold = 0; fold < folds; fold++) {
    // The same samples are in the same fold each time, as the seed is the same.
    const { metrics } = await train(import.meta.url, { params: { fold } });
    scores.push(metrics.accuracy as number);
    console.log(`fold ${fold}: accuracy ${scores.at(-1)!.toFixed(3)}`);
  }
  const mean = scores.reduce((sum, score) => sum + score, 0) / folds;
  const deviation = Math.sqrt(scores.reduce((sum, score) => sum + (score - mean) ** 2, 0) / (folds - 1));
  console.log(`accuracy ${mean.toFixed(3)} ± ${deviation.toFixed(3)}`);
}
