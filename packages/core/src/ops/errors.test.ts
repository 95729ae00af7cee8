// What ops refuse, and that the message names the op, what it got and what it expected.
import { describe, expect, test } from "vitest";
import { DTypeError, ShapeError, ValueError } from "../errors.ts";
import { heap } from "../memory/heap.ts";
import { scope } from "../scope.ts";
import { manualSeed, ones, rand, randn, tensor, zeros } from "./create.ts";
import * as ops from "./index.ts";

const f32 = (...shape: number[]) => ones(shape);
const f64 = (...shape: number[]) => ones(shape, { dtype: "float64" });
const i32 = (...values: number[]) => tensor(values, { dtype: "int32" });

ones([1]); // The kernels take their packing buffer with the first tensor.

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
  ["full: shape [-1] is not valid", () => zeros([-1])],
  ["uniform: shape [0.5] is not valid", () => rand([0.5])],
];

const dtypeErrors: Row[] = [
  ["add: got float32 and float64, expected one dtype; cast one of them", () => ops.add(f32(2), f64(2))],
  ["greater: got float32 and int32", () => ops.greater(f32(2), i32(1, 2))],
  ["matmul: got float32 and float64", () => ops.matmul(f32(2, 2), f64(2, 2))],
  ["linear: got float32 and float64", () => ops.linear(f32(2, 2), f32(2, 2), f64(2))],
  ["logSoftmax: x is int32, expected float32 or float64", () => ops.logSoftmax(i32(1, 2))],
  ["pick: index is float32, expected int32", () => ops.pick(f32(2, 2), f32(2))],
  ["normal: x is int32", () => randn([2], { dtype: "int32" })],
  ["requiresGrad: x is uint8", () => zeros([2], { dtype: "uint8", requiresGrad: true })],
  ["tensor: got [object Uint16Array] at depth 0, expected numbers", () => tensor(Uint16Array.of(1) as never)],
  ["tensor: got [object String] at depth 2, expected numbers", () => tensor([[1, "2"]] as never)],
];

const valueErrors: Row[] = [
  ["sum: axes [1,-1] name an axis twice", () => ops.sum(f32(2, 3), [1, -1])],
  ["permute: got axes [1,1] for rank 2, expected each of 0 to 1 once", () => ops.permute(f32(2, 3), [1, 1])],
  ["permute: got axes [0] for rank 2", () => ops.permute(f32(2, 3), [0])],
  ["pick: index 3 at position 1, expected 0 to 2", () => ops.pick(f32(2, 3), i32(0, 3))],
  ["pick: index -1 at position 0, expected 0 to 2", () => ops.pick(f32(2, 3), i32(-1, 0))],
  ["manualSeed: seed -1", () => manualSeed(-1)],
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
