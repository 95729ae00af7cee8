// Calls in blocks: what takes turns, what does not, and that the results are the same.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { grad } from "../autograd/tape.ts";
import { listenToKernels, useKernels } from "../kernels/dispatch.ts";
import { heap } from "../memory/heap.ts";
import { randn } from "../ops/create/create.ts";
import * as ops from "../ops/index.ts";
import { manualSeed } from "../random.ts";
import { scope } from "../scope.ts";
import type { Tensor } from "../tensor.ts";
import { computeInBlocks } from "./in-blocks.ts";
import type { RecordedStep } from "./recorded-steps.ts";

beforeEach(() => void useKernels("wasm"));
afterEach(() => void useKernels("auto"));

/** Not a whole number of blocks. */
const shape = [257, 259];

/** Runs `f`, and its calls once more in blocks. Returns the names of those with only a part of the elements. */
function inBlocks(f: (x: Tensor, y: Tensor) => Tensor): string[] {
  manualSeed(3);
  return [
    ...scope(() => {
      const [x, y] = [randn(shape), randn(shape)];
      const steps: RecordedStep[] = [];
      const result = listenToKernels(
        ({ kernel, run, args }) => void steps.push({ name: kernel, run, args, isKernel: true }),
        () => f(x, y),
      );
      const expected = result.toArray();
      heap().float32.fill(Number.NaN, result.address / 4, result.address / 4 + result.size);
      const calls = computeInBlocks(steps);
      for (const { run, args } of calls) Reflect.apply(run, undefined, args);
      expect(result.toArray()).toEqual(expected);
      return new Set(calls.filter((call) => !steps.includes(call)).map(({ name }) => name));
    }),
  ];
}

describe("in blocks", () => {
  test("neighbouring calls over as many elements, of any number of operands, and of bytes", () => {
    expect(inBlocks((x, y) => ops.relu(ops.add(ops.mul(x, y), x)))).toEqual(["mul", "add", "relu"]);
    const dropped = inBlocks((x, y) => ops.add(ops.dropout(ops.tanh(x), 0.5), y));
    expect(dropped).toEqual(["dropout", "add"]);
    expect(inBlocks((x, y) => ops.sub(ops.where(x, x, y), ops.square(y)))).toEqual(["square", "sub"]);
  });

  test("numbers are operands of all blocks", () => {
    expect(inBlocks((x) => ops.exp(ops.sub(2, ops.mul(x, 0.5))))).toEqual(["sub", "exp"]);
    expect(inBlocks((x) => ops.mul(ops.exp(x), ops.reshape(ops.slice(x, [0, 0]), [])))).toEqual([
      "exp",
      "mul",
    ]);
  });

  test("gradients", () => {
    const f = (x: Tensor, y: Tensor) => {
      x.requiresGrad = true;
      return grad(ops.sum(ops.mul(ops.silu(x), y)), [x])[0]!;
    };
    expect(inBlocks(f)).toEqual(["silu", "mul", "siluGrad"]);
  });
});

describe("as they are", () => {
  const first = (x: Tensor) => ops.reshape(ops.slice(x, [0, 0]), []);
  test.each<[what: string, f: (x: Tensor, y: Tensor) => Tensor]>([
    ["a single call", (x) => ops.exp(x)],
    ["small arrays", (x) => ops.exp(ops.neg(ops.narrow(x, 0, 0, 100)))],
    [
      "arrays of different sizes",
      (x, y) => {
        ops.exp(ops.narrow(x, 0, 0, 255));
        return ops.neg(y);
      },
    ],
    ["rows that are repeated", (x, y) => ops.add(ops.exp(x), ops.select(y, 0, 0))],
    [
      "a number that another call writes",
      (x) => {
        const y = ops.exp(x);
        return ops.mul(y, first(y));
      },
    ],
  ])("%s", (_, f) => {
    expect(inBlocks(f)).toEqual([]);
  });

  test("a call that reads one element further what another writes", () => {
    const shifted = (x: Tensor) => {
      const y = ops.exp(ops.neg(x));
      return ops.square(y.view([y.size - 4], [1], y.offset + 1));
    };
    expect(inBlocks(shifted)).toEqual(["neg", "exp"]);
    const overlapping = (x: Tensor) => {
      const y = ops.exp(x.view([x.size - 4], [1], x.offset));
      return ops.square(y.view([y.size - 4], [1], y.offset + 1));
    };
    expect(inBlocks(overlapping)).toEqual([]);
  });
});
