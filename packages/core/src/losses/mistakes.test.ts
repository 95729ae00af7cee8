// What losses refuse, and that the fused one is deterministic and leaves nothing behind.
import { expect, it } from "vitest";
import { backward, grad } from "../autograd/tape.ts";
import { DTypeError, ShapeError, ValueError } from "../errors.ts";
import { lossKernels } from "../kernels/families.ts";
import { heap } from "../memory/heap.ts";
import { ones, randn, tensor, zeros } from "../ops/create/create.ts";
import { scope } from "../scope.ts";
import { Tensor } from "../tensor.ts";
import { bceWithLogits } from "./binary-cross-entropy.ts";
import { crossEntropy } from "./cross-entropy.ts";
import { klDiv } from "./kl-div.ts";
import { nll } from "./nll.ts";
import { huber, l1, mse } from "./regression.ts";

const x = zeros([3, 5]);
const labels = (...values: number[]): Tensor => tensor(values, { dtype: "int32" });

it.each<[() => unknown, new (message: string) => Error, string]>([
  [
    () => crossEntropy(x, labels(0, 5, 1)),
    ValueError,
    "crossEntropy: index 5 at position 1, expected 0 to 4 (or -100 to be ignored); check the labels against the number of classes",
  ],
  [
    () => crossEntropy(x, labels(0, 1, -1)),
    ValueError,
    "crossEntropy: index -1 at position 2, expected 0 to 4",
  ],
  [() => crossEntropy(x, labels(-1, 9, 0), { ignoreIndex: -1 }), ValueError, "index 9 at position 1"],
  [
    () => crossEntropy(x, labels(0, 1, 5), { weight: ones([5]) }),
    ValueError,
    "crossEntropy: index 5 at position 2",
  ],
  [() => nll(x, labels(0, 1, 7)), ValueError, "nll: index 7 at position 2, expected 0 to 4"],
  [
    () => crossEntropy(x, labels(0, 1)),
    ShapeError,
    "crossEntropy: got input [3,5] and labels [2], expected [n,classes] and [n]",
  ],
  [() => crossEntropy(zeros([3, 5, 2]), labels(0, 1, 2)), ShapeError, "got input [3,5,2] and labels [3]"],
  [() => crossEntropy(zeros([]), labels(0)), ShapeError, "got input []"],
  [
    () => crossEntropy(x, zeros([3, 4])),
    ShapeError,
    "crossEntropy: got input [3,5] and target [3,4], expected equal shapes",
  ],
  [
    () => crossEntropy(x, tensor(new Uint8Array(3))),
    DTypeError,
    "crossEntropy: labels are uint8, expected int32",
  ],
  [() => crossEntropy(labels(1, 2), labels(0)), DTypeError, "crossEntropy: input is int32"],
  [
    () => crossEntropy(x, labels(0, 1, 2), { weight: ones([3]) }),
    ShapeError,
    "crossEntropy: weight has shape [3], expected [5]",
  ],
  [
    () => crossEntropy(x, labels(0, 1, 2), { labelSmoothing: 1.5 }),
    ValueError,
    "crossEntropy: labelSmoothing is 1.5",
  ],
  [
    () => crossEntropy(x, x, { ignoreIndex: 1 }),
    ValueError,
    "crossEntropy: got ignoreIndex with class probabilities",
  ],
  [
    () => crossEntropy(x, labels(0, 1, 2), { ignoreIndex: 0.5 }),
    ValueError,
    "crossEntropy: ignoreIndex is 0.5",
  ],
  [
    () => crossEntropy(x, labels(0, 1, 2), { reduction: "average" as "mean" }),
    ValueError,
    "crossEntropy: reduction is average, expected mean, sum, none",
  ],
  [() => mse(x, zeros([3, 1])), ShapeError, "mse: got input [3,5] and target [3,1], expected equal shapes"],
  [() => l1(x, zeros([5])), ShapeError, "l1: got input [3,5] and target [5]"],
  [() => mse(x, zeros([3, 5], { dtype: "float64" })), DTypeError, "mse: got float32 and float64"],
  [() => huber(x, x, { delta: 0 }), ValueError, "huber: delta is 0"],
  [() => bceWithLogits(x, zeros([3])), ShapeError, "bceWithLogits: got input [3,5] and target [3]"],
  [
    () => bceWithLogits(x, x, { posWeight: zeros([2, 3, 5]) }),
    ShapeError,
    "bceWithLogits: posWeight [2,3,5] does not broadcast to the input [3,5]",
  ],
  [
    () => bceWithLogits(x, x, { weight: zeros([4]) }),
    ShapeError,
    "bceWithLogits: weight: shapes [4] and [3,5]",
  ],
  [() => klDiv(x, zeros([3])), ShapeError, "klDiv: got input [3,5] and target [3]"],
  [
    () => klDiv(x, x, { reduction: "batch" as "mean" }),
    ValueError,
    "klDiv: reduction is batch, expected mean, sum, none, batchmean",
  ],
])("mistake %#", (run, type, message) => {
  expect(run).toThrow(type);
  expect(run).toThrow(message);
});

it("the kernels themselves answer a label out of range with NaN, and write nowhere else", () => {
  const logits = tensor([
    [1, 2, 3],
    [1, 2, 3],
  ]);
  const wrong = labels(0, 1_000_000);
  const saved = Tensor.allocate([8], "float32", "test");
  const guarded = ones([6 + 8]);
  const { crossEntropy: forward, crossEntropyGrad } = lossKernels("float32");
  forward(2, 3, logits.address, wrong.address, -100, 0, saved.address);
  crossEntropyGrad(
    2,
    3,
    ones([]).address,
    0,
    logits.address,
    wrong.address,
    -100,
    0,
    saved.address,
    guarded.address,
  );
  expect([...saved.data().subarray(0, 2)].map(Number.isNaN)).toEqual([false, true]);
  expect([...guarded.data()].map(Number.isNaN)).toEqual([
    false,
    false,
    false,
    true,
    true,
    true,
    ...new Array(8).fill(false),
  ]);
});

it("gives the same bits every time, and frees all that it took", () => {
  const logits = randn([37, 11], { requiresGrad: true });
  const target = tensor(Int32Array.from({ length: 37 }, (_, i) => (i * 5) % 11));
  const run = (): number[] =>
    scope(() => {
      const loss = crossEntropy(logits, target, { labelSmoothing: 0.1 });
      const value = loss.item();
      return [value, ...grad(loss, [logits])[0]!.toArray()];
    });
  const first = run();
  const before = heap().arena.live;
  expect(run()).toEqual(first);
  expect(heap().arena.live).toBe(before);
  // Outside of a scope only the result and the gradient are left.
  const loss = crossEntropy(logits, target);
  backward(loss);
  loss.dispose();
  logits.grad!.dispose();
  expect(heap().arena.live).toBe(before);
});
