// Where types do not check, every function that takes tensors refuses other values with one line. It names the
// function, the argument, what it got and what to do.
import * as core from "@shardgrad/core";
import { describe, expect, it } from "vitest";

/** Functions whose first argument is not a tensor: shapes, data, functions, options, lists. */
const others = new Set(
  `arange backpropagation cat bernoulli checkpoint clipGradNorm clipGradValue compile constantSchedule
  coordinateSearch cosineSchedule currentGenerator defineOp defineVariadicOp einsum evolutionStrategies eye finiteDifferences
  forwardGradient full gradEnabled graphOf hessian hvp isRecomputing jacobian jvp kernelSet layerByLayer linearSchedule linspace
  manualSeed noGrad oneCycleSchedule ones philox profile rand randint randn randperm readSafetensors scope spsa stack safetensorsParts
  stepSchedule tensor toDot toMermaid useKernels valueAndGrad vjp warmupCosineSchedule withGenerator writeSafetensors zeros`.split(
    /\s+/,
  ),
);
const functions = Object.entries(core).filter(
  (entry): entry is [string, (...args: unknown[]) => unknown] =>
    /^[a-z]/.test(entry[0]) && typeof entry[1] === "function" && !others.has(entry[0]),
);

describe.each([
  ["undefined", undefined],
  ["null", null],
  ["an array", [1, 2]],
  ["an object", { shape: [2] }],
  ["a Float32Array", Float32Array.of(1)],
  ['"text"', "text"],
])("%s in place of a tensor", (kind, value) => {
  it.each(functions)("%s", (name, call) => {
    let thrown: unknown;
    try {
      call(value);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(core.DTypeError);
    const { message } = thrown as Error;
    expect(message).toContain(`${name}: `);
    expect(message).toContain(kind);
    expect(message).toContain("expected a tensor");
  });
});

const { DTypeError, ShapeError, ValueError } = core;
const { crossEntropy, nll, bceWithLogits, softmax, select, sum, Dropout, Linear, ones, tensor } = core;
const x = ones([2, 3]);
const labels = tensor(Int32Array.of(0, 1));

it.each<[message: string, type: new (message: string) => core.ShardgradError, call: () => unknown]>([
  [
    "crossEntropy: weight is an array, expected a tensor; make a tensor of numbers with tensor(…)",
    DTypeError,
    () => crossEntropy(x, labels, { weight: [1, 2, 3] as never }),
  ],
  ["nll: weight is an array, expected", DTypeError, () => nll(x, labels, { weight: [1, 2, 3] as never })],
  [
    "bceWithLogits: posWeight is 2, expected a tensor",
    DTypeError,
    () => bceWithLogits(x, x, { posWeight: 2 as never }),
  ],
  ["crossEntropy: target is an array, expected", DTypeError, () => crossEntropy(x, [0, 1] as never)],
  ["mse: target is undefined, expected a tensor", DTypeError, () => core.mse(x, undefined as never)],
  ["matmul: tensor 1 is an array, expected", DTypeError, () => core.matmul(x, [1] as never)],
  ["cat: tensor 1 is an array, expected", ValueError, () => core.cat([x, [1]] as never)],
  ["einsum: operand 0 is undefined", DTypeError, () => core.einsum("i->i", undefined as never)],
  ["einsum: the equation is a Tensor, expected text", ValueError, () => core.einsum(x as never)],
  ["grad: input 0 is 1, expected a tensor", DTypeError, () => core.grad(x, [1] as never)],
  ["grad: inputs are a Tensor, expected an array of tensors", ValueError, () => core.grad(x, x as never)],
  ["optimizer: parameter 0 is 1, expected a tensor", DTypeError, () => new core.SGD([1] as never)],
  ["EMA: got undefined in place of parameters", ValueError, () => new core.EMA(undefined as never)],
  ["EMA: parameter 0 is 1, expected a tensor", DTypeError, () => new core.EMA([1] as never)],
  [
    "softmax: axis an object of a tensor of rank 2; expected an integer from -2 to 1",
    ShapeError,
    () => softmax(x, { dim: 1 } as never),
  ],
  ["select: axis undefined of a tensor of rank 2", ShapeError, () => select(x, undefined as never, 0)],
  ["sum: axes are ", ShapeError, () => sum(x, { dim: 1 } as never)],
  [
    "Dropout: p is an object, expected a number from 0 to 1",
    ValueError,
    () => new Dropout({ p: 0.5 } as never),
  ],
  ["dropout: p is an object, expected a probability", ValueError, () => core.dropout(x, {} as never)],
  ["Linear: inputs is an object, expected a positive integer", ValueError, () => new Linear({} as never, 1)],
  [
    "relu: x is a Tensor, expected a tensor; it is of another copy of @shardgrad/core: install it once",
    DTypeError,
    () => core.relu(new (class Tensor {})() as never),
  ],
])("%s", (message, type, call) => {
  expect(call).toThrow(type);
  expect(call).toThrow(message);
});

const all = new Map<string, unknown>(Object.entries(core));
/** Calls without the last argument that must be there: of functions that take a list, a function, a graph, bytes. */
const missing: [names: string, expected: string, ...args: unknown[]][] = [
  ["permute tile split slice pad layerNorm rmsNorm", "is undefined, expected an array, such as [", x],
  [
    "vjp jvp hvp jacobian hessian valueAndGrad scope noGrad checkpoint compile",
    "got undefined, expected a function",
  ],
  ["vjp jvp hvp jacobian hessian", "primals is undefined, expected an array", sum],
  ["jvp hvp", "vectors is undefined, expected an array", sum, [x]],
  ["toDot toMermaid", "got undefined, expected a graph, such as graphOf(loss)"],
  ["graphOf", "result is undefined, expected a tensor"],
  ["withGenerator", "got undefined, expected a Generator"],
  ["withGenerator", "got undefined, expected a function", new core.Generator(1)],
  ["readSafetensors", "got undefined, expected a Uint8Array"],
  ["Conv2d", "kernelSize is undefined, expected an array, such as [3, 3], or a number"],
  ["maxPool2d", "is undefined, expected an array, such as [3, 3], or a number", ones([1, 1, 4, 4])],
];

it.each(
  missing.flatMap(([names, expected, ...args]) =>
    names.split(" ").map((name) => [name, expected, args] as const),
  ),
)("%s says what is missing: %s", (name, expected, args) => {
  const callee = all.get(name) as ((...args: unknown[]) => unknown) & (new (...args: unknown[]) => unknown);
  let thrown: unknown;
  try {
    if (/^[A-Z]/.test(name)) new callee(...args);
    else callee(...args);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(core.ShardgradError);
  expect((thrown as Error).message).toMatch(new RegExp(`^${name}: `));
  expect((thrown as Error).message).toContain(expected);
});
