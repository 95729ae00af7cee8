// Every function and class of the public API that takes options refuses unknown ones. The test finds them in the
// shipped declarations, so that it notices a new one without checks: it has no call below, or does not throw.
import type { Tensor } from "@shardgrad/core";
import * as core from "@shardgrad/core";
import { checkGrad } from "@shardgrad/core/testing";
import { describe, expect, test } from "vitest";
import { takersOfOptions } from "./takers-of-options.ts";

const x = core.ones([2, 2]);
const signal = core.ones([1, 1, 4]);
const image = core.ones([1, 1, 4, 4]);
const labels = core.tensor([0, 1], { dtype: "int32" });
const weights = () => [core.ones([2], { requiresGrad: true })];
const cube = (y: Tensor) => core.sum(core.mul(core.mul(y, y), y));

/** All optimizers. */
const optimizers = Object.entries(core).flatMap(([name, value]) => {
  if (typeof value !== "function" || !(value.prototype instanceof core.Optimizer)) return [];
  const Class = value as unknown as typeof core.SGD;
  return [[name, (o: never) => new Class(weights(), o)] as const];
});

/** Calls with given options, by the name that errors begin with. */
const calls: Record<string, (options: never) => unknown> = {
  ...Object.fromEntries(optimizers),
  AvgPool1d: (o) => new core.AvgPool1d(2, o),
  AvgPool2d: (o) => new core.AvgPool2d(2, o),
  BatchNorm1d: (o) => new core.BatchNorm1d(2, o),
  BatchNorm2d: (o) => new core.BatchNorm2d(2, o),
  Conv1d: (o) => new core.Conv1d(1, 1, 2, o),
  Conv2d: (o) => new core.Conv2d(1, 1, 2, o),
  ELU: (o) => new core.ELU(o),
  EMA: (o) => new core.EMA(weights(), o),
  Embedding: (o) => new core.Embedding(3, 2, o),
  GELU: (o) => new core.GELU(o),
  GRU: (o) => new core.GRU(1, 1, o),
  GroupNorm: (o) => new core.GroupNorm(1, 2, o),
  LSTM: (o) => new core.LSTM(1, 1, o),
  LayerNorm: (o) => new core.LayerNorm(2, o),
  LeakyReLU: (o) => new core.LeakyReLU(o),
  Linear: (o) => new core.Linear(1, 1, o),
  MaxPool1d: (o) => new core.MaxPool1d(2, o),
  MaxPool2d: (o) => new core.MaxPool2d(2, o),
  "Module.loadStateDict": (o) => new core.Linear(1, 1).loadStateDict({}, o),
  MultiHeadAttention: (o) => new core.MultiHeadAttention(2, 1, o),
  "MultiHeadAttention.forward": (o) =>
    new core.MultiHeadAttention(2, 1).forward(core.ones([1, 2, 2]), undefined, undefined, o),
  Optimizer: (o) =>
    new (class extends core.Optimizer {
      override update() {}
    })(weights(), {}, o),
  RMSNorm: (o) => new core.RMSNorm(2, o),
  RNN: (o) => new core.RNN(1, 1, o),
  Softplus: (o) => new core.Softplus(o),
  TransformerBlock: (o) => new core.TransformerBlock(2, 1, o),
  "TransformerBlock.forward": (o) => new core.TransformerBlock(2, 1).forward(core.ones([1, 2, 2]), o),
  arange: (o) => core.arange(3, o),
  argmax: (o) => core.argmax(x, 0, o),
  argmin: (o) => core.argmin(x, 0, o),
  avgPool1d: (o) => core.avgPool1d(signal, 2, o),
  avgPool2d: (o) => core.avgPool2d(image, 2, o),
  backward: (o) => core.backward(core.sum(weights()[0]!), o),
  batchNorm: (o) => core.batchNorm(x, o),
  bceWithLogits: (o) => core.bceWithLogits(x, x, o),
  checkGrad: (o) => checkGrad(cube, [core.ones([2], { dtype: "float64" })], o),
  clamp: (o) => core.clamp(x, o),
  clipGradNorm: (o) => core.clipGradNorm(weights(), 1, o),
  compile: (o) => core.compile(cube, o),
  constantSchedule: (o) => core.constantSchedule(o),
  conv1d: (o) => core.conv1d(signal, core.ones([1, 1, 2]), null, o),
  conv2d: (o) => core.conv2d(image, core.ones([1, 1, 2, 2]), null, o),
  coordinateSearch: (o) => core.coordinateSearch(o),
  cosineSchedule: (o) => core.cosineSchedule(o),
  crossEntropy: (o) => core.crossEntropy(x, labels, o),
  defineOp: (o) => core.defineOp(o),
  defineVariadicOp: (o) => core.defineVariadicOp(o),
  elu: (o) => core.elu(x, o),
  embedding: (o) => core.embedding(labels, x, o),
  evolutionStrategies: (o) => core.evolutionStrategies(o),
  eye: (o) => core.eye(2, o),
  finiteDifferences: (o) => core.finiteDifferences(o),
  forwardGradient: (o) => core.forwardGradient(o),
  full: (o) => core.full([2], 1, o),
  fullLike: (o) => core.fullLike(x, 1, o),
  gelu: (o) => core.gelu(x, o),
  grad: (o) => core.grad(core.sum(weights()[0]!), weights(), o),
  graphOf: (o) => core.graphOf(core.sum(weights()[0]!), o),
  groupNorm: (o) => core.groupNorm(x, 1, o),
  huber: (o) => core.huber(x, x, o),
  hvp: (o) => core.hvp(cube, [x], [x], o),
  "init.kaimingNormal": (o) => core.init.kaimingNormal(x, o),
  "init.kaimingUniform": (o) => core.init.kaimingUniform(x, o),
  jvp: (o) => core.jvp(cube, [x], [x], o),
  klDiv: (o) => core.klDiv(x, x, o),
  l1: (o) => core.l1(x, x, o),
  layerNorm: (o) => core.layerNorm(x, 2, o),
  leakyRelu: (o) => core.leakyRelu(x, o),
  linearSchedule: (o) => core.linearSchedule(o),
  linspace: (o) => core.linspace(0, 1, 3, o),
  logSumExp: (o) => core.logSumExp(x, 0, o),
  max: (o) => core.max(x, 0, o),
  maxPool1d: (o) => core.maxPool1d(signal, 2, o),
  maxPool2d: (o) => core.maxPool2d(image, 2, o),
  mean: (o) => core.mean(x, 0, o),
  min: (o) => core.min(x, 0, o),
  mse: (o) => core.mse(x, x, o),
  nll: (o) => core.nll(x, labels, o),
  norm: (o) => core.norm(x, 0, o),
  oneCycleSchedule: (o) => core.oneCycleSchedule(o),
  oneHot: (o) => core.oneHot(labels, 2, o),
  ones: (o) => core.ones([2], o),
  onesLike: (o) => core.onesLike(x, o),
  prod: (o) => core.prod(x, 0, o),
  profile: (o) => core.profile({ recordings: 1 }, o),
  rand: (o) => core.rand([2], o),
  randLike: (o) => core.randLike(x, o),
  randn: (o) => core.randn([2], o),
  randnLike: (o) => core.randnLike(x, o),
  rmsNorm: (o) => core.rmsNorm(x, 2, o),
  scaledDotProductAttention: (o) => core.scaledDotProductAttention(x, x, x, o),
  softplus: (o) => core.softplus(x, o),
  spsa: (o) => core.spsa(o),
  std: (o) => core.std(x, 0, o),
  stepSchedule: (o) => core.stepSchedule(o),
  sum: (o) => core.sum(x, 0, o),
  tensor: (o) => core.tensor([1], o),
  valueAndGrad: (o) => core.valueAndGrad(cube, o),
  variance: (o) => core.variance(x, 0, o),
  vjp: (o) => core.vjp(cube, [x], o),
  warmupCosineSchedule: (o) => core.warmupCosineSchedule(o),
  zeros: (o) => core.zeros([2], o),
  zerosLike: (o) => core.zerosLike(x, o),
};

/** What an error begins with: for a method, what it does, or its module. */
const operationOf = (name: string) => name.replace(/^Module\./, "").replace(/\.forward$/, "");

describe("options of the public API", () => {
  test("there is a call here for all that take options, and for no others", () => {
    expect(Object.keys(calls).sort()).toEqual(takersOfOptions("core", "index", "testing"));
  });

  test.each(Object.keys(calls))("%s refuses one that does not exist", (name) => {
    const wrong = { nonsense: 1 } as never;
    expect(() => calls[name]!(wrong)).toThrow(core.ValueError);
    expect(() => calls[name]!(wrong)).toThrow(`${operationOf(name)}: there is no option "nonsense"`);
  });
});

describe("PyTorch's names are answered with ours, or with what to do instead", () => {
  test.each<[string, (options: never) => unknown, object, string]>([
    ["sum keepdim", (o) => core.sum(x, 0, o), { keepdim: true }, "it is called keepDim here"],
    ["sum dim", (o) => core.sum(x, undefined, o), { dim: 0 }, "axes come before the options"],
    ["std unbiased", (o) => core.std(x, 0, o), { unbiased: false }, "it is called correction here"],
    [
      "crossEntropy label_smoothing",
      (o) => core.crossEntropy(x, labels, o),
      { label_smoothing: 0.1 },
      "it is called labelSmoothing here",
    ],
    ["mse size_average", (o) => core.mse(x, x, o), { size_average: true }, "it is called reduction here"],
    ["LSTM numLayers", (o) => new core.LSTM(1, 1, o), { numLayers: 2 }, "it is called layers here"],
    ["GRU num_layers", (o) => new core.GRU(1, 1, o), { num_layers: 2 }, "it is called layers here"],
    ["RNN batch_first", (o) => new core.RNN(1, 1, o), { batch_first: true }, "it is called batchFirst here"],
    ["LSTM projSize", (o) => new core.LSTM(1, 1, o), { projSize: 2 }, "not supported"],
    ["Conv2d paddingMode", (o) => new core.Conv2d(1, 1, 1, o), { paddingMode: "reflect" }, "is zeros"],
    ["Conv1d padding_mode", (o) => new core.Conv1d(1, 1, 1, o), { padding_mode: "circular" }, "is zeros"],
    ["Linear dtype", (o) => new core.Linear(1, 1, o), { dtype: "float64" }, "double() makes them float64"],
    ["Linear device", (o) => new core.Linear(1, 1, o), { device: "cuda" }, "leave it out"],
    ["block normFirst", (o) => new core.TransformerBlock(2, 1, o), { normFirst: false }, "norms always come"],
    [
      "block dim_feedforward",
      (o) => new core.TransformerBlock(2, 1, o),
      { dim_feedforward: 8 },
      "it is called hidden here",
    ],
    [
      "attention attn_mask",
      (o) => core.scaledDotProductAttention(x, x, x, o),
      { attn_mask: x },
      "it is called mask here",
    ],
    [
      "attention is_causal",
      (o) => core.scaledDotProductAttention(x, x, x, o),
      { is_causal: true },
      "it is called causal here",
    ],
    [
      "BatchNorm1d track",
      (o) => new core.BatchNorm1d(1, o),
      { track_running_stats: false },
      "trackRunningStats",
    ],
    ["LayerNorm", (o) => new core.LayerNorm(1, o), { elementwise_affine: false }, "it is called affine here"],
    [
      "SGD weight_decay",
      (o) => new core.SGD(weights(), o),
      { weight_decay: 1 },
      "it is called weightDecay here",
    ],
    ["Adam amsgrad", (o) => new core.Adam(weights(), o), { amsgrad: true }, "not supported"],
    ["Adam learningRate", (o) => new core.Adam(weights(), o), { learningRate: 1 }, "it is called lr here"],
    ["Adam maximize", (o) => new core.Adam(weights(), o), { maximize: true }, "negate the loss"],
    ["cosine T_max", (o) => core.cosineSchedule(o), { lr: 1, T_max: 10 }, "it is called steps here"],
    [
      "cosine eta_min",
      (o) => core.cosineSchedule(o),
      { lr: 1, steps: 1, eta_min: 0 },
      "it is called minLr here",
    ],
    ["ReLU inplace", (o) => Reflect.construct(core.ReLU, [o]), { inplace: true }, "leave it out"],
    [
      "tensor requires_grad",
      (o) => core.tensor([1], o),
      { requires_grad: true },
      "it is called requiresGrad here",
    ],
    ["backward inputs", (o) => core.backward(core.sum(weights()[0]!), o), { inputs: [] }, "use grad("],
    [
      "clip error_if_nonfinite",
      (o) => core.clipGradNorm([], 1, o),
      { error_if_nonfinite: true },
      "errorIfNonfinite",
    ],
  ])("%s", (_, call, options, answer) => {
    expect(() => call(options as never)).toThrow(core.ValueError);
    expect(() => call(options as never)).toThrow(answer);
  });

  test("groups of parameters are looked at, too", () => {
    expect(() => new core.SGD([{ params: weights(), weight_decay: 0 } as never])).toThrow(
      'SGD: there is no option "weight_decay"; it is called weightDecay here',
    );
  });
});

test("the place of an option is not that of an argument: sum(x, 0, true)", () => {
  expect(() => core.sum(x, 0, true as never)).toThrow("sum: options are true, expected an object");
});

test("a tensor in the place of options is refused: crossEntropy(logits, labels, weight)", () => {
  expect(() => core.crossEntropy(x, labels, x as never)).toThrow("crossEntropy: options are a Tensor");
});
