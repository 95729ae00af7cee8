// jax-js on its WebAssembly backend as a contender. The whole step, gradients and optimizer, is one jitted function. It
// has threads in browsers only: Node.js has no `Worker` of the kind that it looks for.
import { readFileSync } from "node:fs";
import { blockUntilReady, defaultDevice, init, jit, nn, numpy as np, tree, valueAndGrad } from "@jax-js/jax";
import { serve, timeSteps, warmUp } from "../src/contenders/serve.ts";
import { readData } from "./contender-data.mjs";
import { makeNetwork } from "./jax-js-zoo.mjs";

const weightDecay = 0.01;
const [beta1, beta2, epsilon] = [0.9, 0.999, 1e-8];
const zerosLike = (parameters) => parameters.map((p) => np.zeros(p.shape));

/** An optimizer: its initial state, and the update of one parameter's value and state. `t` is the step number, as an array. */
const optimizers = {
  SGD: ({ lr }) => ({
    start: () => [],
    update: (parameters, state, gradients) => [parameters.map((p, i) => p.sub(gradients[i].mul(lr))), state],
  }),
  Adam: ({ lr }) => adam(lr, 0),
  AdamW: ({ lr }) => adam(lr, weightDecay),
};

function adam(lr, decay) {
  return {
    start: (parameters) => [np.array([0]), zerosLike(parameters), zerosLike(parameters)],
    update: (parameters, [before, m, v], gradients) => {
      const t = before.add(1);
      const correction = (beta) => np.power(beta, t.ref).mul(-1).add(1);
      const [first, second] = [correction(beta1), correction(beta2)];
      const nextM = m.map((x, i) => x.mul(beta1).add(gradients[i].ref.mul(1 - beta1)));
      const nextV = v.map((x, i) => x.mul(beta2).add(np.square(gradients[i]).mul(1 - beta2)));
      const next = parameters.map((p, i) => {
        const step = nextM[i].ref.div(first.ref).div(np.sqrt(nextV[i].ref.div(second.ref)).add(epsilon));
        return p.mul(1 - lr * decay).sub(step.mul(lr));
      });
      first.dispose();
      second.dispose();
      return [next, [t, nextM, nextV]];
    },
  };
}

/** Mean cross-entropy of logits with one-hot labels. */
function crossEntropy(logits, labels) {
  const rows = logits.shape[0];
  return np.sum(nn.logSoftmax(logits).mul(labels)).mul(-1 / rows);
}

function makeTraining({ model, folder }) {
  const { weights, batches } = readData({ model, folder });
  const { parameters, inputShape, forward } = makeNetwork(model.network, weights);
  const optimizer = optimizers[model.optimizer.kind](model.optimizer);
  const classes = model.network.kind === "gpt" ? model.network.vocabulary : 10;
  const lossOf = (p, x, y) => crossEntropy(forward(p, x), y);
  const update = jit((p, state, x, y) => {
    const [loss, gradients] = valueAndGrad(lossOf)(tree.ref(p), x, y);
    return [...optimizer.update(p, state, gradients), loss];
  });
  const ready = batches.map(({ x, y }) => ({
    x: np.array(x).reshape(inputShape),
    y: nn.oneHot(np.array(y), classes),
  }));
  let current = [parameters, optimizer.start(parameters)];
  return {
    size: parameters.reduce((sum, { size }) => sum + size, 0),
    count: ready.length,
    /** One step on batch `i`; returns its loss, which the caller owns. */
    step(i) {
      const { x, y } = ready[i];
      const [next, state, loss] = update(...current, x.ref, y.ref);
      current = [next, state];
      return loss;
    },
    settle: () => blockUntilReady(current),
  };
}

let step;
let settle;

async function prepare(command) {
  await init("wasm");
  defaultDevice("wasm");
  const training = makeTraining(command);
  const losses = [];
  for (let i = 0; i < command.checkSteps; i++) losses.push(training.step(0).js());
  let next = 0;
  step = () => {
    training.step(next).dispose();
    next = (next + 1) % training.count;
  };
  settle = training.settle;
  const manifest = JSON.parse(
    readFileSync(new URL("node_modules/@jax-js/jax/package.json", import.meta.url), "utf8"),
  );
  const threads = typeof Worker === "undefined" ? "1 thread" : "threads";
  return {
    parameters: training.size,
    losses,
    msPerStep: await warmUp(300, step, settle),
    version: `@jax-js/jax ${manifest.version}, device ${defaultDevice()} (${threads})`,
  };
}

async function run({ warm, steps }) {
  await timeSteps(warm, step, settle);
  return { ms: await timeSteps(steps, step, settle), steps };
}

serve({ prepare, run });
