// What tests of numbers beyond 4 GiB share: calls of every kernel, with what comes out, and a way to have all tensors there.
import * as core from "@shardgrad/core";
import { allKernels, Storage, wasmReachBytes } from "@shardgrad/core/engine";

const { manualSeed, rand, randn, tensor } = core;
type Tensor = core.Tensor;

const integers = (...values: number[]) => tensor(Int32Array.from(values));
/** The sum of products with fixed numbers, so that every element has a gradient of its own. */
const weigh = (y: Tensor) => core.sum(core.mul(y, randn(y.shape)));

const unary = [
  core.neg,
  core.abs,
  core.sign,
  core.square,
  core.reciprocal,
  core.exp,
  core.expm1,
  core.sin,
  core.cos,
  core.erf,
  core.relu,
  core.leakyRelu,
  core.elu,
  core.softplus,
  core.tanh,
  core.sigmoid,
  core.silu,
  core.gelu,
];
const positive = [core.sqrt, core.rsqrt, core.log, core.log1p];
const binary = [
  core.add,
  core.sub,
  core.mul,
  core.div,
  core.maximum,
  core.minimum,
  core.pow,
  core.equal,
  core.notEqual,
  core.less,
  core.lessEqual,
  core.greater,
  core.greaterEqual,
];
const ofRows = [
  core.softmax,
  core.logSoftmax,
  core.logSumExp,
  core.sum,
  core.prod,
  core.max,
  core.min,
  core.argmax,
  core.argmin,
];
const optimizers = [core.SGD, core.Adam, core.RMSProp, core.Adagrad, core.Lion];

/** Calls every kernel, with gradients; returns what came out. */
export function everything(): Record<string, number[]> {
  manualSeed(7);
  const found: Record<string, number[]> = {};
  const note = (name: string, ...results: (Tensor | null)[]) => {
    found[name] = results.flatMap((x) => (x ? [...x.toArray()] : []));
  };
  /** Notes a result, and the gradients of its inputs. */
  const differentiate = (name: string, inputs: Tensor[], f: (...inputs: Tensor[]) => Tensor) => {
    for (const x of inputs) x.requiresGrad = true;
    const y = f(...inputs).keep();
    note(name, y, ...core.grad(y.size === 1 ? core.sum(y) : weigh(y), inputs));
  };
  const [a, b] = [() => randn([5, 37]), () => rand([5, 37], { low: 0.5, high: 2 })];
  for (const f of unary) differentiate(f.name, [a()], (x) => f(x));
  for (const f of positive) differentiate(f.name, [b()], (x) => f(x));
  for (const f of binary) note(f.name, f(b(), b()));
  for (const f of ofRows) note(f.name, f(a(), 1));
  differentiate("tanh approximation", [a()], (x) => core.gelu(x, { approximate: "tanh" }));
  differentiate("clamp", [a()], (x) => core.clamp(x, { min: -0.5, max: 0.5 }));
  differentiate("softmax of rows", [a()], (x) => core.softmax(x, -1));
  differentiate("log-softmax of rows", [a()], (x) => core.logSoftmax(x, -1));
  note("where", core.where(core.less(a(), b()), a(), b()));
  for (const axis of [0, 1]) differentiate(`variance over ${axis}`, [a()], (x) => core.variance(x, axis));
  differentiate("matmul", [randn([40, 33]), randn([33, 50])], (x, w) => core.matmul(x, w));
  differentiate("linear", [randn([7, 33]), randn([50, 33]), randn([50])], (x, w, c) => core.linear(x, w, c));
  for (const channels of [3, 64]) {
    const inputs = [randn([2, channels, 9, 9]), randn([channels === 3 ? 5 : 64, channels, 3, 3])];
    differentiate(`conv2d of ${channels} channels`, inputs, (x, w) =>
      core.conv2d(x, w, null, { padding: 1 }),
    );
  }
  const image = () => [randn([2, 3, 12, 12])];
  differentiate("maxPool2d", image(), (x) => core.maxPool2d(x, 2));
  differentiate("avgPool2d", image(), (x) => core.avgPool2d(x, 3));
  const norm = new core.BatchNorm2d(3);
  differentiate("batchNorm", [...image(), norm.weight!, norm.bias!], (x) => norm.forward(x));
  const rowNorm = new core.LayerNorm([37]);
  differentiate("layerNorm", [a(), rowNorm.weight!, rowNorm.bias!], (x) => rowNorm.forward(x));
  const qkv = () => randn([2, 2, 9, 8]);
  differentiate("attention", [qkv(), qkv(), qkv()], (q, k, v) =>
    core.scaledDotProductAttention(q, k, v, { causal: true }),
  );
  const chosen = integers(3, 0, 4, 0);
  differentiate("embedding", [a()], (x) => core.embedding(chosen, x));
  differentiate("indexSelect", [a()], (x) => core.indexSelect(x, 1, chosen));
  differentiate("gather", [a()], (x) => core.gather(x, 0, core.cast(core.zeros([2, 37]), "int32")));
  differentiate("pick", [a()], (x) => core.pick(x, integers(1, 2, 3, 4, 36)));
  differentiate("permute and tril", [a()], (x) => core.tril(core.mul(core.transpose(x), 2)));
  note("dropout", core.dropout(a(), 0.3));
  const labels = integers(1, 2, 3, 4, 36);
  differentiate("crossEntropy", [a()], (x) => core.crossEntropy(x, labels, { labelSmoothing: 0.1 }));
  differentiate("nll", [a()], (x) => core.nll(core.logSoftmax(x), labels));
  for (const Cell of [core.LSTM, core.GRU]) {
    const cell = new Cell(6, 8);
    differentiate(Cell.name, [randn([3, 4, 6])], (x) => cell.forward(x)[0] as Tensor);
  }
  for (const Optimizer of optimizers) {
    const w = a();
    w.requiresGrad = true;
    w.grad = a();
    new Optimizer([w], { lr: 0.1 }).step();
    core.clipGradNorm([w], 1);
    core.clipGradValue([w], 0.1);
    note(Optimizer.name, w, w.grad);
    const ema = new core.EMA([w], { decay: 0.9 });
    ema.update();
    note(`EMA after ${Optimizer.name}`, ...ema.averages);
  }
  // What only runs, and gradients of gradients, call.
  const kernels = allKernels((family) => family("float32"));
  const [x, y] = [randn([3, 50]), core.zeros([3, 50])];
  const [slots, weights] = [integers(2, 0, 1), rand([3])];
  kernels.average(50, 3, x.address, slots.address, 50, weights.address, 0.5, y.address);
  note("average", y);
  kernels.gatherPlane(3, 50, 3, x.address, integers(49, 0, -1, 7, 7, 8, 1, 2, 3).address, y.address);
  note("gatherPlane", y);
  const bytes = tensor(Uint8Array.from({ length: 150 }, (_, i) => (7 * i) % 256));
  kernels.gatherUint8(3, 50, bytes.address, slots.address, 0.5, -1, y.address);
  note("gatherUint8", y);
  return found;
}

/** Takes all that is free below 4 GiB; returns how to give it back. */
export function fillLow(): () => void {
  const held: Storage[] = [];
  for (let bytes = 2 ** 28; bytes >= 64; bytes /= 2) {
    for (;;) {
      const block = Storage.allocate(bytes, "below 4 GiB");
      block.retain();
      if (block.offset >= wasmReachBytes) {
        block.release();
        break;
      }
      held.push(block);
    }
  }
  return () => {
    for (const block of held) block.release();
  };
}
