// A job whose loss changes state, as often as each worker calls it: a teacher that follows.
import type { Tensor } from "@shardgrad/core";
import { add, detach, Linear, Module, mse, mul, noGrad, SGD } from "@shardgrad/core";
import { defineJob } from "@shardgrad/parallel";

const x = Float32Array.from({ length: 100 }, (_, i) => Math.sin(i));

class Pair extends Module {
  readonly student = new Linear(1, 1);
  readonly teacher = new Linear(1, 1);

  constructor() {
    super();
    for (const parameter of this.teacher.parameters()) parameter.requiresGrad = false;
  }

  forward(x: Tensor): Tensor {
    return this.student.forward(x);
  }
}

export default defineJob({
  dataset: { train: { x: { data: x, shape: [1] } } },
  model: () => new Pair(),
  loss: ({ student, teacher }, { x }) => {
    noGrad(() => teacher.weight.copyFrom(add(mul(teacher.weight, 0.9), mul(student.weight, 0.1))));
    return mse(student.forward(x), detach(teacher.forward(x)));
  },
  optimizer: (parameters) => new SGD(parameters, { lr: 0.05 }),
  batchSize: 20,
  epochs: 3,
});
