// TensorFlow.js on its WASM backend as a contender: one thread with SIMD, all that this backend has in Node.js. Data
// and one-hot labels are ready as tensors; a step is `minimize` of one of the library's optimizers.
import tf from "@tensorflow/tfjs";
import "@tensorflow/tfjs-backend-wasm";
import { serve, timeSteps, warmUp } from "../src/contenders/serve.ts";
import { readData } from "./contender-data.mjs";
import { makeNetwork } from "./tfjs-zoo.mjs";

const weightDecay = 0.01;
let step;
let settle;

/** An optimizer that the library lacks: decoupled weight decay, then Adam. */
function adamW(lr) {
  const adam = tf.train.adam(lr, 0.9, 0.999, 1e-8);
  const minimize = (loss, returnCost) => {
    // The gradient at the weights before they decay.
    const { value, grads } = tf.variableGrads(loss);
    for (const variable of Object.values(tf.engine().registeredVariables)) {
      if (grads[variable.name]) tf.tidy(() => variable.assign(tf.mul(variable, 1 - lr * weightDecay)));
    }
    adam.applyGradients(grads);
    tf.dispose(grads);
    if (returnCost) return value;
    value.dispose();
    return null;
  };
  return { minimize };
}

const optimizers = { SGD: tf.train.sgd, Adam: (lr) => tf.train.adam(lr, 0.9, 0.999, 1e-8), AdamW: adamW };

async function prepare(command) {
  await tf.setBackend("wasm");
  await tf.ready();
  const { model, checkSteps } = command;
  const { weights, batches } = readData(command);
  const network = makeNetwork(model.network, weights);
  const variables = Object.values(tf.engine().registeredVariables);
  const { kind, lr } = model.optimizer;
  const optimizer = optimizers[kind](lr);
  const classes = model.network.kind === "gpt" ? model.network.vocabulary : 10;
  const sampleShape = { mlp: [-1, 784], lenet5: [-1, 784], gpt: [-1] }[model.network.kind];
  const ready = batches.map(({ x, y }) => ({
    x: tf.tidy(() => network.input(tf.reshape(tf.tensor(x), sampleShape))),
    y: tf.tidy(() => tf.cast(tf.oneHot(tf.tensor1d(y, "int32"), classes), "float32")),
  }));
  const train = (batch, returnCost) =>
    optimizer.minimize(() => tf.losses.softmaxCrossEntropy(batch.y, network.forward(batch.x)), returnCost);

  const losses = [];
  for (let i = 0; i < checkSteps; i++) {
    const loss = train(ready[0], true);
    losses.push((await loss.data())[0]);
    loss.dispose();
  }
  let next = 0;
  step = () => {
    train(ready[next], false);
    next = (next + 1) % ready.length;
  };
  // The backend is synchronous: when a call returns, its work is done.
  settle = () => undefined;
  return {
    parameters: variables.reduce((sum, { size }) => sum + size, 0),
    losses,
    msPerStep: await warmUp(300, step, settle),
    version: `@tensorflow/tfjs ${tf.version.tfjs}, backend ${tf.getBackend()} (SIMD, 1 thread)`,
  };
}

async function run({ warm, steps }) {
  await timeSteps(warm, step, settle);
  return { ms: await timeSteps(steps, step, settle), steps };
}

serve({ prepare, run });
