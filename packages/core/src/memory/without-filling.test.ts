// What is built by its shapes has memory and contents only where somebody looks, and then those that it would have had.
import { describe, expect, test } from "vitest";
import { compile } from "../capture/compile.ts";
import * as init from "../nn/init.ts";
import { Linear } from "../nn/linear.ts";
import { parameter } from "../nn/module.ts";
import { mul } from "../ops/arithmetic/arithmetic.ts";
import { full, rand, randn, zeros } from "../ops/create/create.ts";
import { Adam } from "../optim/adam.ts";
import { manualSeed } from "../random.ts";
import { heap } from "./heap.ts";
import { Storage, withoutFilling } from "./storage.ts";

const build = () => {
  manualSeed(3);
  const layer = new Linear(40, 30);
  init.normal(layer.bias!, 1, 2);
  const parts = { layer, drawn: randn([7, 9]), constant: full([5], 2.5), last: rand([3], { low: -1 }) };
  return { ...parts, optimizer: new Adam([layer.weight], { lr: 0.1 }) };
};
const tensorsOf = ({ layer, drawn, constant, last, optimizer }: ReturnType<typeof build>) => [
  layer.weight,
  layer.bias!,
  drawn,
  constant,
  last,
  ...Object.values(optimizer.state[0]!),
];
const expected = tensorsOf(build()).map((x) => x.toArray());

test("it takes no memory until it is read, and has the same numbers then, in whatever order", () => {
  const { arena } = heap();
  const before = arena.live;
  const unfilled = withoutFilling(build);
  expect(arena.live).toBe(before);
  const tensors = tensorsOf(unfilled.result);
  expect(unfilled.bytes).toBeGreaterThanOrEqual(4 * 3 * 1200);
  manualSeed(99);
  const last = tensors.length - 1;
  expect(tensors.toReversed().map((x) => x.toArray())).toEqual(expected.toReversed());
  expect(tensors[last]!.storage.filling).toBeNull();
  expect(unfilled.bytes).toBe(0);
  // Filling them draws nothing from the stream that is current then.
  const next = rand([2]).toArray();
  manualSeed(99);
  expect(next).toEqual(rand([2]).toArray());
});

test("what is larger than all memory has a shape", () => {
  const { result, bytes } = withoutFilling(() => new Adam([parameter(zeros([2 ** 20, 2 ** 20]))], { lr: 1 }));
  expect([result.parameters[0]!.size, bytes]).toEqual([2 ** 40, 3 * 2 ** 42]);
  expect(() => result.parameters[0]!.data()).toThrow("zeros: asked for 4096.0 GiB");
});

test("fillRest fills what is left, and what is released before takes nothing", () => {
  const { arena } = heap();
  const { result, fillRest } = withoutFilling(build);
  const [first, ...others] = tensorsOf(result);
  const before = arena.live;
  first!.dispose();
  fillRest();
  expect(others.map((x) => x.toArray())).toEqual(expected.slice(1));
  expect(arena.live).toBeGreaterThan(before);
});

describe("moved to another block", () => {
  const moved = (contents: "copy" | "adopt") => {
    const target = Storage.allocate(4 * 1200, "test");
    target.retain();
    heap().float32.fill(8, target.offset / 4, target.offset / 4 + 1200);
    const { result } = withoutFilling(build);
    const { arena } = heap();
    const before = arena.live;
    result.layer.weight.moveTo(target, contents);
    const taken = arena.live - before;
    return { values: result.layer.weight.toArray(), taken };
  };

  test("it adopts what is there, and nothing is computed", () => {
    expect(moved("adopt")).toEqual({ values: new Float32Array(1200).fill(8), taken: 0 });
  });

  test("it is filled there", () => {
    expect(moved("copy")).toEqual({ values: expected[0], taken: 0 });
  });
});

test("views, and what is computed from it, see its numbers", () => {
  manualSeed(3);
  const { result } = withoutFilling(() => {
    const x = parameter(zeros([4, 6]));
    const view = x.view([6, 4], [1, 6]);
    const doubled = mul(init.uniform(x), 2);
    return { x, view, doubled };
  });
  manualSeed(3);
  const values = rand([4, 6]).toNested() as number[][];
  expect(result.x.toNested()).toEqual(values);
  expect((result.view.toNested() as number[][])[2]).toEqual(values.map((row) => row[2]));
  expect(result.doubled.toNested()).toEqual(values.map((row) => row.map((value) => 2 * value)));
});

test("a step that is recorded replays nothing of it", () => {
  const { result: x } = withoutFilling(() => full([3], 2));
  const step = compile(() => mul(x, 3));
  step();
  step();
  x.data().fill(5);
  expect(step().toArray()).toEqual(Float32Array.of(15, 15, 15));
});
