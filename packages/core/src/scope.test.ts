// What a scope frees and what it leaves, measured by the bytes that the arena has handed out.
import { expect, test } from "vitest";
import { gradEnabled, noGrad, withGrad } from "./autograd/define-op.ts";
import { backward } from "./autograd/tape.ts";
import { ReleasedError, ShardgradError } from "./errors.ts";
import { heap } from "./memory/heap.ts";
import { ones, tensor } from "./ops/create/create.ts";
import { add, mul, sum } from "./ops/index.ts";
import { currentGenerator, Generator, withGenerator } from "./random.ts";
import { scope } from "./scope.ts";
import type { Tensor } from "./tensor.ts";

/** Bytes that `body` leaves behind; everything here is one block of 64 bytes. */
function blocksLeftBy(body: () => void): number {
  const before = heap().arena.live;
  body();
  return (heap().arena.live - before) / 64;
}

const x = () => ones([3]);
x(); // The kernels take their packing buffer with the first tensor.

test.each<{ what: string; body: () => unknown; left: number }>([
  { what: "nothing", body: () => void x(), left: 0 },
  { what: "a number", body: () => sum(mul(x(), 2)).item(), left: 0 },
  { what: "a tensor", body: () => mul(x(), x()), left: 1 },
  { what: "an array", body: () => [x(), [x()], 5, null], left: 2 },
  { what: "an object", body: () => ({ a: x(), b: { c: x() }, d: undefined, e: "text" }), left: 2 },
  { what: "a map", body: () => new Map([["a", x()]]), left: 1 },
  { what: "the same tensor twice", body: () => [x(), x()].flatMap((t) => [t, t]), left: 2 },
  { what: "a view", body: () => x().view([3, 1], [1, 1]), left: 1 },
  { what: "nothing, but kept one", body: () => void x().keep(), left: 1 },
  { what: "a tensor that was disposed", body: () => disposed(x()), left: 0 },
  {
    what: "a foreign object",
    body: () =>
      new (class Holder {
        inside = x();
      })(),
    left: 0,
  },
])("leaves $left blocks of a body that returns $what", ({ body, left }) => {
  expect(blocksLeftBy(() => scope(body))).toBe(left);
});

test("what an inner scope leaves belongs to the outer one", () => {
  expect(blocksLeftBy(() => scope(() => scope(() => [x(), x()])))).toBe(2);
  expect(blocksLeftBy(() => scope(() => void scope(() => [x(), x()])))).toBe(0);
});

function disposed(t: Tensor): Tensor {
  t.dispose();
  return t;
}

test("returns the result of the body, alive and unchanged", () => {
  const result = scope(() => ({ y: add(x(), 1), n: 5 }));
  expect(result.n).toBe(5);
  expect([...result.y.toArray()]).toEqual([2, 2, 2]);
});

test("leaves tensors of outer scopes alone, also where they are disposed or kept inside", () => {
  const [outside, gone, kept] = [x(), x(), x()];
  const seen: Tensor[] = [outside, gone, kept];
  const alive = scope(() => {
    seen.push(x(), x());
    scope(() => {
      for (const tensor of [gone, seen[3]!]) tensor.dispose();
      for (const tensor of [kept, seen[4]!]) tensor.keep();
    });
    return seen.map((tensor) => tensor.alive);
  });
  expect(alive).toEqual([true, false, true, false, true]);
  expect(seen.map((tensor) => tensor.alive)).toEqual(alive);
});

test("keeps gradients of leaves", () => {
  const leaf = tensor([1, 2, 3], { requiresGrad: true });
  scope(() => backward(sum(mul(leaf, leaf))));
  expect([...leaf.grad!.toArray()]).toEqual([2, 4, 6]);
});

test("a result whose graph was freed says so in backward", () => {
  const leaf = tensor([1, 2, 3], { requiresGrad: true });
  const loss = scope(() => sum(mul(add(leaf, 1), leaf)));
  expect(loss.item()).toBe(20);
  expect(() => backward(loss)).toThrow(ReleasedError);
  expect(() => backward(loss)).toThrow("the end of its scope");
});

test("frees everything when the body throws, and goes on as before", () => {
  const throwing = () =>
    scope(() => {
      x();
      throw new Error("from the body");
    });
  expect(blocksLeftBy(() => expect(throwing).toThrow("from the body"))).toBe(0);
  expect(blocksLeftBy(() => x())).toBe(1);
});

test("refuses asynchronous work, and frees what it had made", () => {
  const start = () => scope(async () => void x());
  expect(blocksLeftBy(() => expect(start).toThrow(ShardgradError))).toBe(0);
  expect(start).toThrow("scope: the function returned a promise");
});

test.each<[name: string, run: (body: () => unknown) => unknown]>([
  ["noGrad", noGrad],
  ["withGrad", (body) => withGrad(true, body)],
  ["withGenerator", (body) => withGenerator(new Generator(1), body)],
])("%s refuses asynchronous work, and puts back what it had changed", (name, run) => {
  const before = [gradEnabled(), currentGenerator()];
  expect(() => run(async () => 1)).toThrow(ShardgradError);
  expect(() => run(async () => 1)).toThrow(`${name}: the function returned a promise; only synchronous work`);
  expect([gradEnabled(), currentGenerator()]).toEqual(before);
});

test("what a tensor says when it is used after its scope", () => {
  let leaked: Tensor | undefined;
  scope(() => {
    leaked = x();
  });
  expect(leaked!.alive).toBe(false);
  expect(() => leaked!.toArray()).toThrow(
    "tensor [3]: its memory was given back by the end of its scope; read it before, or keep() it",
  );
});
