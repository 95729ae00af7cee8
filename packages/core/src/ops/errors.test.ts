// What ops refuse, and that the message names the op, what it got and what it expected.
import { describe, expect, test } from "vitest";
import { DTypeError, ShapeError, ValueError } from "../errors.ts";
import { heap } from "../memory/heap.ts";
import { manualSeed } from "../random.ts";
import { scope } from "../scope.ts";
import type { Tensor } from "../tensor.ts";
import { ones, rand, randn, tensor, zeros } from "./create/create.ts";
import * as ops from "./index.ts";

const f32 = (...shape: number[]) => ones(shape);
const f64 = (...shape: number[]) => ones(shape, { dtype: "float64" });
const i32 = (...values: number[]) => tensor(values, { dtype: "int32" });

ones([1]); // The kernels take their packing buffer with the first tensor.

/** Arguments that the types rule out, and JavaScript does not. */
const wrong = (value: unknown) => value as never;

type Row = [message: string, call: () => unknown];

const shapeErrors: Row[] = [
  ["add: shapes [2,3] and [2] do not broadcast", () => ops.add(f32(2, 3), f32(2))],
  ["sub: shapes [2,3] and [3,3] do not broadcast", () => ops.sub(f32(2, 3), f32(3, 3))],
  ["mul: shapes [0] and [2] do not broadcast", () => ops.mul(f32(0), f32(2))],
  [
    "div: shapes [4,1,3] and [2,2] do not broadcast (3 against 2, 1 from",
    () => ops.div(f32(4, 1, 3), f32(2, 2)),
  ],
  ["equal: shapes [2] and [3]", () => ops.equal(f32(2), f32(3))],
  ["greater: shapes [2] and [3]", () => ops.greater(f32(2), f32(3))],
  ["notEqual: shapes [2] and [3]", () => ops.notEqual(f32(2), f32(3))],
  ["less: shapes [2] and [3]", () => ops.less(f32(2), f32(3))],
  ["lessEqual: shapes [2] and [3]", () => ops.lessEqual(f32(2), f32(3))],
  ["greaterEqual: shapes [2] and [3]", () => ops.greaterEqual(f32(2), f32(3))],
  ["maximum: shapes [2] and [3]", () => ops.maximum(f32(2), f32(3))],
  ["minimum: shapes [2] and [3]", () => ops.minimum(f32(2), f32(3))],
  ["pow: shapes [2] and [3]", () => ops.pow(f32(2), f32(3))],
  ["where: shapes [2] and [3]", () => ops.where(f32(2), f32(3), f32(1))],
  ["outer: got [2] and [], expected vectors", () => ops.outer(f32(2), f32())],
  ["outer: shapes [2] and [3] do not broadcast", () => ops.outer(f32(2, 1), f32(3, 1))],
  [
    'einsum: "ij,jk" gives axis 0 of [4,5] the name "j", which has length 3',
    () => ops.einsum("ij,jk", f32(2, 3), f32(4, 5)),
  ],
  ['einsum: "ii" gives axis 1 of [2,3] the name "i", which has length 2', () => ops.einsum("ii", f32(2, 3))],
  ['einsum: "ii" gives axis 1 of [1,3] the name "i", which has length 1', () => ops.einsum("ii", f32(1, 3))],
  ['einsum: "ij" names 2 axes in "ij", but the operand has shape [2]', () => ops.einsum("ij", f32(2))],
  [
    'einsum: "i...j" names 2 axes in "i...j", but the operand has shape [2]',
    () => ops.einsum("i...j", f32(2)),
  ],
  ["argmin: axis -1 of [2,0] is empty", () => ops.argmin(f32(2, 0))],
  ["max: axis 1 of [2,0] is empty, expected at least one element", () => ops.max(f32(2, 0))],
  ["min: axis 1 of [2,0] is empty", () => ops.min(f32(2, 0), 1)],
  ["max: axis 1 of a tensor of rank 1", () => ops.max(f32(2), 1)],
  ["prod: axis 1 of a tensor of rank 1", () => ops.prod(f32(2), 1)],
  ["variance: axis 1 of a tensor of rank 1", () => ops.variance(f32(2), 1)],
  ["std: axis 1 of a tensor of rank 1", () => ops.std(f32(2), 1)],
  ["norm: axis 1 of a tensor of rank 1", () => ops.norm(f32(2), 1)],
  ["cumsum: axis 1 of a tensor of rank 1", () => ops.cumsum(f32(2), 1)],
  ["logSumExp: axis 1 of a tensor of rank 1", () => ops.logSumExp(f32(2), 1)],
  ["softmax: axis 1 of a tensor of rank 1", () => ops.softmax(f32(2), 1)],
  ["reshape: [2,3] has 6 elements, which [4] cannot hold", () => ops.reshape(f32(2, 3), [4])],
  ["reshape: [2,3] has 6 elements, which [4,-1] cannot hold", () => ops.reshape(f32(2, 3), [4, -1])],
  ["reshape: [1] has 1 elements, which [-1,-1] cannot hold", () => ops.reshape(f32(1), [-1, -1])],
  ["reshape: [6] has 6 elements, which [-2,-3] cannot hold", () => ops.reshape(f32(6), [-2, -3])],
  ["reshape: [3] has 3 elements, which [1.5,2] cannot hold", () => ops.reshape(f32(3), [1.5, 2])],
  ["expand: [2,3] does not broadcast to [2,4]", () => ops.expand(f32(2, 3), [2, 4])],
  ["expand: [2,3] does not broadcast to [3]", () => ops.expand(f32(2, 3), [3])],
  ["expand: shape [-2] is not valid", () => ops.expand(f32(1), [-2])],
  ["sum: axis 2 of a tensor of rank 2; expected an integer from -2 to 1", () => ops.sum(f32(2, 3), 2)],
  ["mean: axis 5 of a tensor of rank 2", () => ops.mean(f32(2, 3), [0, 5])],
  ["argmax: axis -3 of a tensor of rank 2", () => ops.argmax(f32(2, 3), -3)],
  ["argmax: axis -1 of [2,0] is empty", () => ops.argmax(f32(2, 0))],
  ["argmax: axis -1 of a tensor of rank 0", () => ops.argmax(f32())],
  ["logSoftmax: axis 1 of a tensor of rank 1", () => ops.logSoftmax(f32(2), 1)],
  ["permute: axis 2 of a tensor of rank 2", () => ops.permute(f32(2, 3), [0, 2])],
  ["transpose: axis -2 of a tensor of rank 1", () => ops.transpose(f32(2))],
  [
    "matmul: inner sizes differ, x [32,784] and w [768,10]; check",
    () => ops.matmul(f32(32, 784), f32(768, 10)),
  ],
  ["matmul: inner sizes differ, x [2] and w [3]", () => ops.matmul(f32(2), f32(3))],
  ["matmul: shapes [2] and [5] do not broadcast", () => ops.matmul(f32(2, 3, 4), f32(5, 4, 1))],
  ["matmul: got [] and [2,2], expected vectors or matrices", () => ops.matmul(f32(), f32(2, 2))],
  ["linear: inner sizes differ, x [2,3] and w [5,4]", () => ops.linear(f32(2, 3), f32(5, 4))],
  ["linear: got x [2,3] and w [3]", () => ops.linear(f32(2, 3), f32(3))],
  ["linear: got x [] and w [3,1]", () => ops.linear(f32(), f32(3, 1))],
  ["linear: bias has shape [3], expected [5]", () => ops.linear(f32(2, 3), f32(5, 3), f32(3))],
  ["pick: got x [2,3] and index [1], expected [rows,cols] and [rows]", () => ops.pick(f32(2, 3), i32(0))],
  ["pick: got x [2] and index [2]", () => ops.pick(f32(2), i32(0, 1))],
  ["tensor: got a row of 1 at depth 1, expected a row of 2", () => tensor([[1, 2], [3]])],
  ["tensor: got a number at depth 1, expected a row of 1", () => tensor([[1], 2])],
  ["tensor: got a row of 1 at depth 1, expected a number", () => tensor([1, [2]])],
  ["tensor: got 3 numbers for shape [2,2], expected 4", () => tensor([1, 2, 3], { shape: [2, 2] })],
  ["tensor: shape [-1] is not valid", () => tensor([1], { shape: [-1] })],
  ["zeros: shape [-1] is not valid", () => zeros([-1])],
  ["rand: shape [0.5] is not valid", () => rand([0.5])],
  ["zeros: shape is 2, expected an array of sizes", () => zeros(wrong(2), wrong(3))],
  ["randn: shape is undefined, expected an array", () => randn(wrong(undefined))],
  ["tensor: shape is 2, expected an array", () => tensor([1, 2], { shape: wrong(2) })],
  ["reshape: shape is 3, expected an array", () => ops.reshape(f32(2, 3), wrong(3))],
  ["expand: shape is 3, expected an array", () => ops.expand(f32(1), wrong(3))],
  [
    "max: axes are a Tensor, expected a number or an array of numbers; the larger of two tensors is maximum(a, b)",
    () => ops.max(f32(2), wrong(f32(2))),
  ],
  ["min: axes are a Tensor, expected", () => ops.min(f32(2), wrong(f32(2)))],
  [
    "sum: axes are an object, expected a number or an array of numbers; options come after them",
    () => ops.sum(f32(2, 3), wrong({ keepDim: true })),
  ],
  ["mean: axes are null, expected", () => ops.mean(f32(2, 3), wrong(null))],
];

/** Operands that are neither a tensor nor a number. */
const noOperands: Row[] = [
  ["add: got undefined, expected a tensor or a number", () => ops.add(f32(2), wrong(undefined))],
  ["sub: got null, expected", () => ops.sub(wrong(null), f32(2))],
  ["mul: got an array, expected", () => ops.mul(f32(2), wrong([1, 2]))],
  ['div: got "2", expected', () => ops.div(f32(2), wrong("2"))],
  ["div: got an Int32Array, expected", () => ops.div(wrong(Int32Array.of(1)), 1)],
  ["maximum: got undefined, expected", () => ops.maximum(f32(2), wrong(undefined))],
  ["less: got an object, expected", () => ops.less(f32(2), wrong({ value: 1 }))],
  ["pow: got true, expected", () => ops.pow(f32(2), wrong(true))],
  ["pow: got undefined, expected", () => ops.pow(i32(2), wrong(undefined))],
  ["where: got undefined, expected", () => ops.where(f32(2), f32(2), wrong(undefined))],
  ["where: the condition is true, expected a tensor", () => ops.where(wrong(true), f32(2), 0)],
];

/** Names of dtypes that there are not. */
const noDTypes: Row[] = [
  [
    'zeros: dtype is "float16", expected float32, float64, int32 or uint8',
    () => zeros([1], wrong({ dtype: "float16" })),
  ],
  ['tensor: dtype is "toString", expected', () => tensor([1], wrong({ dtype: "toString" }))],
  ['rand: dtype is "half", expected', () => rand([1], wrong({ dtype: "half" }))],
  ['arange: dtype is "int64", expected', () => ops.arange(3, wrong({ dtype: "int64" }))],
  ['linspace: dtype is "half", expected', () => ops.linspace(0, 1, 3, wrong({ dtype: "half" }))],
  ['eye: dtype is "bool", expected', () => ops.eye(2, 2, wrong({ dtype: "bool" }))],
  ['cast: dtype is "half", expected', () => ops.cast(f32(2), wrong("half"))],
  ["cast: dtype is undefined, expected", () => ops.cast(f32(2), wrong(undefined))],
];

const { elu, erf, gelu, hardswish, leakyRelu, sigmoid, silu, softplus, softsign, tanh } = ops;
const { cos, exp, expm1, log, log1p, reciprocal, rsqrt, sin, sqrt } = ops;
const { logSoftmax, logSumExp, mean, norm, softmax, std, variance } = ops;
const forFloatsOnly: Record<string, (x: Tensor) => Tensor> = {
  ...{ elu, erf, gelu, hardswish, leakyRelu, sigmoid, silu, softplus, softsign, tanh },
  ...{ cos, exp, expm1, log, log1p, reciprocal, rsqrt, sin, sqrt },
  ...{ logSoftmax, logSumExp, mean, norm, softmax, std, variance },
};

const dtypeErrors: Row[] = [
  ...noOperands,
  ...noDTypes,
  ...Object.entries(forFloatsOnly).map(
    ([name, op]): Row => [`${name}: x is int32, expected float32 or float64; cast it`, () => op(i32(1, 2))],
  ),
  ["where: got float32 and float64", () => ops.where(f32(2), f32(2), f64(2))],
  ["outer: got float32 and float64", () => ops.outer(f32(2), f64(2))],
  ["einsum: got float32 and float64", () => ops.einsum("i,i", f32(2), f64(2))],
  ["mul: number 0.5 with a tensor of dtype int32, which cannot hold it", () => ops.mul(i32(1, 2), 0.5)],
  ["pow: got int32 to the power of -1, expected an integer from 0 on", () => ops.pow(i32(1, 2), -1)],
  ["pow: got int32 to the power of 0.5", () => ops.pow(i32(1, 2), 0.5)],
  ["add: got float32 and float64, expected one dtype; cast one of them", () => ops.add(f32(2), f64(2))],
  ["greater: got float32 and int32", () => ops.greater(f32(2), i32(1, 2))],
  ["matmul: got float32 and float64", () => ops.matmul(f32(2, 2), f64(2, 2))],
  ["linear: got float32 and float64", () => ops.linear(f32(2, 2), f32(2, 2), f64(2))],
  ["pick: index is float32, expected int32", () => ops.pick(f32(2, 2), f32(2))],
  ["randn: the result is int32", () => randn([2], { dtype: "int32" })],
  ["requiresGrad: x is uint8", () => zeros([2], { dtype: "uint8", requiresGrad: true })],
  [
    "tensor: got [object Uint8ClampedArray] at depth 0, expected numbers",
    () => tensor(Uint8ClampedArray.of(1) as never),
  ],
  ["tensor: got [object String] at depth 2, expected numbers", () => tensor([[1, "2"]] as never)],
];

const valueErrors: Row[] = [
  ["cat: got a Tensor, expected an array of tensors", () => ops.cat(wrong(f32(2)), wrong(f32(2)))],
  ["cat: tensor 1 is 2, expected a tensor", () => ops.cat([f32(2), wrong(2)])],
  ["stack: got a Tensor, expected an array of tensors", () => ops.stack(wrong(f32(2)))],
  ["clamp: got neither min nor max", () => ops.clamp(f32(2), {})],
  ["norm: got p 3, expected 1, 2 or Infinity", () => ops.norm(f32(2), 0, { p: 3 })],
  ["max: axes [1,-1] name an axis twice", () => ops.max(f32(2, 3), [1, -1])],
  ['einsum: "i,j" has 2 terms for 1 operands; write one term for each', () => ops.einsum("i,j", f32(2))],
  ['einsum: "i->j->i" has more than one arrow', () => ops.einsum("i->j->i", f32(2))],
  [
    'einsum: "i1" has the term "i1", expected letters and at most one ellipsis',
    () => ops.einsum("i1", f32(2, 2)),
  ],
  ['einsum: "...i..." has the term "...i..."', () => ops.einsum("...i...", f32(2, 2))],
  ['einsum: "i->ij" has "j" in the result only', () => ops.einsum("i->ij", f32(2))],
  ['einsum: "i->ii" has "i" twice in the result', () => ops.einsum("i->ii", f32(2))],
  ["sum: axes [1,-1] name an axis twice", () => ops.sum(f32(2, 3), [1, -1])],
  ["permute: got axes [1,1] for rank 2, expected each of 0 to 1 once", () => ops.permute(f32(2, 3), [1, 1])],
  ["permute: got axes [0] for rank 2", () => ops.permute(f32(2, 3), [0])],
  ["pick: index 3 at position 1, expected 0 to 2", () => ops.pick(f32(2, 3), i32(0, 3))],
  ["pick: index -1 at position 0, expected 0 to 2", () => ops.pick(f32(2, 3), i32(-1, 0))],
  ["manualSeed: seed -1", () => manualSeed(-1)],
  ["tensor: 256 at position 1 does not fit uint8", () => tensor([1, 256], { dtype: "uint8" })],
  ["tensor: 2147483648 at position 0 does not fit int32", () => tensor([2 ** 31], { dtype: "int32" })],
  ["tensor: NaN at position 0 does not fit int32", () => tensor([Number.NaN], { dtype: "int32" })],
  ["tensor: -1 at position 0 does not fit uint8", () => tensor(Int32Array.of(-1), { dtype: "uint8" })],
];

describe.each([
  { type: ShapeError, rows: shapeErrors },
  { type: DTypeError, rows: dtypeErrors },
  { type: ValueError, rows: valueErrors },
])("$type.name", ({ type, rows }) => {
  test.each(rows)("%s", (message, call) => {
    const before = heap().arena.live;
    expect(() => scope(call)).toThrow(type);
    expect(() => scope(call)).toThrow(message);
    expect(heap().arena.live).toBe(before);
  });
});
