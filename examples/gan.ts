// Two networks against each other (Goodfellow et al., https://arxiv.org/abs/1406.2661): a generator turns noise into
// points, and a discriminator tells them from real ones, which lie around eight centres on a circle. Both learn in the
// same step, from one loss of two halves. Each half holds the other network still, by detaching it.
import type { Tensor } from "@shardgrad/core";
import {
  Adam,
  add,
  bceWithLogits,
  detach,
  Linear,
  leakyRelu,
  linear,
  Module,
  onesLike,
  relu,
  zerosLike,
} from "@shardgrad/core";
import { computed, defineJob, train } from "@shardgrad/parallel";

const centres = Array.from({ length: 8 }, (_, i) => [
  Math.cos((i * Math.PI) / 4),
  Math.sin((i * Math.PI) / 4),
]);
const spread = 0.05;
const noise = 8;

class Generator extends Module {
  readonly layers = [new Linear(noise, 64), new Linear(64, 64), new Linear(64, 2)] as const;

  forward(z: Tensor): Tensor {
    const [first, second, last] = this.layers;
    return last.forward(relu(second.forward(relu(first.forward(z)))));
  }
}

class Discriminator extends Module {
  readonly layers = [new Linear(2, 64), new Linear(64, 64), new Linear(64, 1)] as const;

  /** A logit per point: above 0 for one that looks real. Held still, it passes gradients on and gets none itself. */
  forward(points: Tensor, still = false): Tensor {
    const apply = (x: Tensor, { weight, bias }: Linear) =>
      still ? linear(x, detach(weight), detach(bias!)) : linear(x, weight, bias);
    const [first, second, last] = this.layers;
    return apply(leakyRelu(apply(leakyRelu(apply(points, first)), second)), last);
  }
}

class Gan extends Module {
  readonly generator = new Generator();
  readonly discriminator = new Discriminator();

  forward(z: Tensor): Tensor {
    return this.generator.forward(z);
  }
}

/** Real points, and the noise that becomes the generator's. Each is drawn anew in every epoch. */
const points = (samples: number) =>
  computed({
    samples,
    columns: { real: { shape: [2] }, z: { shape: [noise] } },
    sample: (_, rng) => {
      const real = centres[rng.integer(8)]!.map((at) => at + rng.normal(0, spread));
      return { real, z: Float32Array.from({ length: noise }, () => rng.normal()) };
    },
  });

export default defineJob({
  dataset: { train: points(25_600), test: points(1000) },
  model: () => new Gan(),
  loss: ({ generator, discriminator }, { real, z }) => {
    const made = generator.forward(z);
    const [onReal, onMade] = [discriminator.forward(real), discriminator.forward(detach(made))];
    const tells = add(bceWithLogits(onReal, onesLike(onReal)), bceWithLogits(onMade, zerosLike(onMade)));
    const fooled = discriminator.forward(made, true);
    return add(tells, bceWithLogits(fooled, onesLike(fooled)));
  },
  // Each network has a learning rate of its own.
  optimizer: (_, { model }) =>
    new Adam(
      [
        { params: model.generator.parameters(), lr: 5e-4 },
        { params: model.discriminator.parameters(), lr: 1e-3 },
      ],
      { betas: [0.5, 0.999] },
    ),
  metrics: {
    /** How many of the eight centres have at least 2 % of the made points near them; and the share of points near any. */
    modes: {
      outputs: (model, { real, z }) => [model.forward(z), real],
      score: ([made]) => {
        const near = nearest(made!.data);
        return centres.filter((_, i) => near.filter((at) => at === i).length >= near.length / 50).length;
      },
      direction: "max",
    },
    near: {
      outputs: (model, { real, z }) => [model.forward(z), real],
      score: ([made]) => {
        const near = nearest(made!.data);
        return near.filter((at) => at >= 0).length / near.length;
      },
      direction: "max",
    },
  },
  batchSize: 256,
  epochs: 60,
  seed: 1,
});

/** The centre that each point `[x, y]` is near to; -1 if it is near to none. */
function nearest(coordinates: ArrayLike<number>): number[] {
  return Array.from({ length: coordinates.length / 2 }, (_, i) =>
    centres.findIndex(
      ([x, y]) => Math.hypot(coordinates[2 * i]! - x!, coordinates[2 * i + 1]! - y!) < 4 * spread,
    ),
  );
}

if (import.meta.main) {
  const run = train(import.meta.url);
  run.on("epoch", ({ epoch, metrics }) => console.log(`epoch ${epoch}`, metrics));
  await run;
}
