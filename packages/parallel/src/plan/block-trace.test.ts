// Compares block traces with what the allocator and a captured step really take.
import {
  compile,
  grad,
  Linear,
  manualSeed,
  matmul,
  mean,
  mul,
  ReLU,
  randn,
  Sequential,
  scope,
  softmax,
  transpose,
  zeros,
} from "@shardgrad/core";
import { heap } from "@shardgrad/core/engine";
import { describe, expect, it } from "vitest";
import { isAlike, KeptBlocks, traceBlocks, traceFor } from "./block-trace.ts";

manualSeed(1);
const model = new Sequential(new Linear(7, 40), new ReLU(), new Linear(40, 3));
const parameters = model.parameters();
const into = parameters.map(({ shape }) => zeros(shape).keep());

const pass = (samples: number) => {
  const y = model.forward(randn([samples, 7]));
  grad(mean(mul(y, y)), parameters, { into });
};
const traceOf = (samples: number) => traceBlocks(() => scope(() => pass(samples)));

const pairOf = (trace: typeof traceOf) => ({
  few: { samples: 2, trace: trace(2) },
  more: { samples: 3, trace: trace(3) },
});

describe("from two and three samples follows", () => {
  const pair = pairOf(traceOf);

  it.each([1, 5, 64, 777])("the trace of %i", (samples) => {
    expect(traceFor(pair, samples)).toEqual(traceOf(samples));
  });

  it.each([5, 64, 777])("the trace of %i, each compared with each other", (samples) => {
    const compare = (count: number) =>
      traceBlocks(() =>
        scope(() => {
          const y = model.forward(randn([count, 7]));
          grad(mean(softmax(matmul(y, transpose(y)))), parameters, { into });
        }),
      );
    expect(traceFor(pairOf(compare), samples)).toEqual(compare(samples));
  });

  it.each([1, 5, 64, 777])("what a captured pass over %i holds", (samples) => {
    const before = heap().arena.live;
    const step = compile(() => pass(samples));
    scope(() => step());
    scope(() => step());
    const held = heap().arena.live - before;
    step.dispose();
    expect(heap().arena.live).toBe(before);
    const kept = new KeptBlocks();
    kept.add(traceFor(pair, samples));
    // Besides its blocks, it has cells for the random stream.
    expect(held - kept.bytes).toBe(64);
  });

  it("what passes over different numbers of samples hold together", () => {
    const before = heap().arena.live;
    const step = compile((samples: number) => pass(samples));
    const kept = new KeptBlocks();
    for (const samples of [64, 64, 50, 50]) scope(() => step(samples));
    for (const samples of [64, 50]) kept.add(traceFor(pair, samples));
    expect(heap().arena.live - before - kept.bytes).toBe(2 * 64);
    step.dispose();
  });
});

it("tells computations apart", () => {
  expect(isAlike(traceOf(2), traceOf(3))).toBe(true);
  expect(
    isAlike(
      traceOf(2),
      traceBlocks(() => scope(() => randn([2]))),
    ),
  ).toBe(false);
});

it("what outlives a trace is given back as ever", () => {
  const before = heap().arena.live;
  let kept = zeros([1]);
  traceBlocks(() => {
    kept.dispose();
    kept = zeros([1000]).keep();
  });
  expect(heap().arena.live - before).toBe(4096);
  kept.dispose();
  expect(heap().arena.live).toBe(before);
});
