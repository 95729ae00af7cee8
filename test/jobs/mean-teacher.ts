// State that no gradient trains, moved after each step: a teacher that follows the student with a little noise, a
// counting buffer, and weights that are kept small. It has 100 samples in batches of 20: 5 steps per epoch.
import type { Tensor } from "@shardgrad/core";
import {
  Adam,
  add,
  buffer,
  cast,
  clamp,
  detach,
  dropout,
  Linear,
  Module,
  mse,
  mul,
  ReLU,
  randn,
  Sequential,
  zeros,
} from "@shardgrad/core";
import { defineJob } from "@shardgrad/parallel";

export const x = Float32Array.from({ length: 400 }, (_, i) => Math.sin(i * i));
export const y = Float32Array.from({ length: 100 }, (_, i) => x[4 * i]! - 2 * x[4 * i + 3]!);
const columns = { x: { data: x, shape: [4] }, y: { data: y, shape: [1] } };

const network = () => new Sequential(new Linear(4, 8), new ReLU(), new Linear(8, 1));

export class Pair extends Module {
  readonly student = network();
  readonly teacher = network();
  readonly updates = buffer(zeros([], { dtype: "int32" }));

  constructor() {
    super();
    for (const parameter of this.teacher.parameters()) parameter.requiresGrad = false;
  }

  forward(x: Tensor): Tensor {
    return this.student.forward(x);
  }
}

export default defineJob({
  dataset: { train: columns, test: columns },
  model: () => new Pair(),
  loss: (model, { x, y }) => {
    const predicted = model.forward(dropout(x, 0.1));
    return add(mse(predicted, y), mse(predicted, detach(model.teacher.forward(x))));
  },
  afterStep: ({ student, teacher, updates }, { step }) => {
    const students = student.parameters();
    [...teacher.stateDict().values()].forEach((old, i) => {
      const noise = mul(randn(old.shape), 1e-3);
      old.copyFrom(add(add(mul(old, 0.9), mul(students[i]!, 0.1)), noise));
    });
    for (const weight of students) weight.copyFrom(clamp(weight, { min: -0.7, max: 0.7 }));
    updates.copyFrom(add(updates, cast(step, "int32")));
  },
  optimizer: (parameters) => new Adam(parameters, { lr: 0.02 }),
  metrics: {
    student: (model, { x, y }) => mse(model.forward(x), y, { reduction: "none" }),
    teacher: (model, { x, y }) => mse(model.teacher.forward(x), y, { reduction: "none" }),
  },
  batchSize: 20,
  epochs: 3,
  shards: 4,
  seed: 5,
});
