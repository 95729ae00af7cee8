// A job whose every function uses its context: params, state, and the position in the run.
import { add, cast, div, Linear, mean, ReLU, Sequential, SGD, square, squeeze, sub } from "@shardgrad/core";
import { computed, defineJob } from "@shardgrad/parallel";

export default defineJob({
  params: { lr: 0.1, width: 4, noise: 0.5, smooth: false, units: ["m", "s"], sizes: [8] },
  dataset: {
    train: computed({
      samples: 60,
      columns: { x: { shape: [2] }, y: {} },
      sample: (index, rng, { params }) => {
        const [a, b] = [Math.sin(index), Math.cos(3 * index)];
        return { x: [a, b], y: 2 * a - b + (params.noise as number) * rng.normal() };
      },
    }),
    test: ({ params }) => ({
      x: { data: Float32Array.from({ length: 20 }, (_, i) => Math.sin(i)), shape: [2] },
      y: new Float32Array(10).fill(params.width),
    }),
    state: { scale: 2, words: ["one", "two"] },
  },
  augment: ({ x }, rng, { params }) => {
    x[0]! += params.noise * 0.01 * rng.normal();
  },
  model: ({ x: [features] }, { params, state }) =>
    new Sequential(
      new Linear(features!, params.width * state.words.length),
      new ReLU(),
      new Linear(params.width * 2, 1),
    ),
  loss: (net, { x, y }, { state, step, epoch }) => {
    const errors = square(sub(squeeze(net.forward(x), 1), y));
    // Weighted by the position in the run: if a replay does not see it move, the weights differ.
    const age = add(cast(step, "float32"), cast(epoch, "float32"));
    return div(mean(errors), add(age, state.scale));
  },
  optimizer: (parameters, { params }) => new SGD(parameters, { lr: params.lr }),
  metrics: {
    error: (net, { x, y }, { params, state }) =>
      div(square(sub(squeeze(net.forward(x), 1), y)), params.width * state.scale),
  },
  batchSize: 16,
  epochs: 3,
  shards: 3,
  seed: 5,
});
