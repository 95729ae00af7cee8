// Shards of one batch on one thread: their moments merged, and passes over them in turns, against the batch in one piece.
import { describe, expect, test } from "vitest";
import { grad } from "../../autograd/tape.ts";
import { compileInRounds } from "../../capture/compile.ts";
import { GradientError } from "../../errors.ts";
import { heap } from "../../memory/heap.ts";
import { BatchNorm1d } from "../../nn/normalization.ts";
import type { Share } from "../../observer.ts";
import { manualSeed } from "../../random.ts";
import { Tensor } from "../../tensor.ts";
import { mean, mul, randn, sum, tanh } from "../index.ts";
import { mergeMoments, mergeSums } from "./shard-moments.ts";

const share = (place: number, count: number, values: number[], weight = count): Share => ({
  place,
  weight,
  count,
  values: Float64Array.from(values),
});

const moments = (values: readonly number[]) => {
  const middle = values.reduce((total, value) => total + value, 0) / values.length;
  return [
    Math.fround(middle),
    middle - Math.fround(middle),
    values.reduce((total, value) => total + (value - middle) ** 2, 0) / values.length,
  ];
};

describe("mergeMoments", () => {
  test("mean, its rest and variance are those of all values", () => {
    const parts = [[10_000, 10_001], [9_999.5], [10_003, 9_990, 10_000, 10_002]];
    const merged = mergeMoments(parts.map((values, place) => share(place, values.length, moments(values))));
    const expected = moments(parts.flat());
    expect(merged[0]).toBe(expected[0]);
    expect(merged[1]).toBeCloseTo(expected[1]!, 9);
    expect(merged[2]).toBeCloseTo(expected[2]!, 9);
  });

  test("the bits follow from the places of the shards, not from the order in which they come", () => {
    const there = Array.from({ length: 23 }, (_, place) =>
      share(place, place + 2, moments([place / 3, Math.sin(place), Math.exp(place) / 7])),
    );
    expect(mergeMoments(there.toReversed())).toEqual(mergeMoments(there));
    const elsewhere = there.map((one) => ({ ...one, place: one.place + 1 }));
    expect(mergeMoments(elsewhere)).not.toEqual(mergeMoments(there));
  });

  test("of one shard they are its own, to the bit", () => {
    const own = [0.1, 1e-30, -7e20, 0.3, 1e-7, 3e38].map(Math.fround);
    expect([...mergeMoments([share(0, 97, own)])].map(Math.fround)).toEqual(own);
  });

  test("one value in all has no variance", () => {
    expect(() => mergeMoments([share(0, 1, [3, 0, 0])])).toThrow(/1 values per channel, expected at least 2/);
  });
});

test("mergeSums scales by weights and counts; of one shard they are its own, to the bit", () => {
  const [a, b] = [share(0, 2, [1, 10], 3), share(1, 6, [2, 20], 1)];
  // 3·1 + 1·2 = 5: for a, 5/3 · 2/8; for b, 5/1 · 6/8.
  expect([...mergeSums([a, b], a)].map((x) => x.toFixed(6))).toEqual(["0.416667", "4.166667"]);
  expect([...mergeSums([a, b], b)]).toEqual([3.75, 37.5]);
  const own = share(4, 7, [0.1, 3e-20].map(Math.fround), 0.7);
  expect([...mergeSums([own], own)].map(Math.fround)).toEqual([...own.values]);
});

/** Does what the workers of a run do: each pass up to its next exchange, then all go on with what came of it. */
function meetInTurns(
  shards: readonly { weight: number; prepare: () => ReturnType<ReturnType<typeof compileInRounds>> }[],
): void {
  const passes = shards.map(({ prepare }) => prepare().replay);
  const settlements: (() => void)[] = [];
  for (;;) {
    const stops = passes.map((pass) => pass.next());
    if (stops.some(({ done }) => done)) {
      expect(stops.every(({ done }) => done)).toBe(true);
      break;
    }
    const shares = stops.map(({ value: exchange }, i) => {
      const { addresses, size, count } = exchange!;
      const { float32 } = heap();
      const values = addresses.flatMap((address) => [...float32.subarray(address / 4, address / 4 + size)]);
      return share(i, count, values, shards[i]!.weight);
    });
    stops.forEach(({ value: exchange }, i) => {
      const { addresses, size, merge, settle } = exchange!;
      const merged = merge(shares, shares[i]!);
      addresses.forEach((address, at) => {
        heap().float32.set(merged.subarray(at * size, (at + 1) * size), address / 4);
      });
      const count = shares.reduce((total, one) => total + one.count, 0);
      if (i === 0 && settle) settlements.push(() => settle(merged, count));
    });
  }
  for (const settlement of settlements) settlement();
}

describe("passes over shards in turns", () => {
  const channels = 3;
  const loss = (norms: readonly BatchNorm1d[], x: Tensor, target: Tensor) =>
    mean(mul(tanh(norms[1]!.forward(mul(norms[0]!.forward(x), x))), target));

  test.each([[[8]], [[3, 5]], [[1, 6, 1]]])(
    "sizes %j: gradients and running statistics of the batch",
    (sizes) => {
      manualSeed(5);
      const [x, target] = [randn([8, channels]), randn([8, channels])];
      const whole = [new BatchNorm1d(channels), new BatchNorm1d(channels, { momentum: null })];
      const split = [new BatchNorm1d(channels), new BatchNorm1d(channels, { momentum: null })];
      const weights = (norms: readonly BatchNorm1d[]) => norms.flatMap((norm) => norm.parameters());
      const statistics = (norms: readonly BatchNorm1d[]) =>
        norms.flatMap((norm) => norm.namedBuffers().flatMap(([, buffer]) => [...buffer.toArray()]));

      let start = 0;
      const shards = sizes.map((size) => {
        const rows = (all: Tensor) =>
          new Tensor(all.storage, [size, channels], [channels, 1], start * channels, "float32").keep();
        const [part, goal] = [rows(x), rows(target)];
        start += size;
        const into = weights(split).map(({ shape }) => Tensor.allocate(shape, "float32", "test").keep());
        const prepare = compileInRounds(() => void grad(loss(split, part, goal), weights(split), { into }), {
          before: () => undefined,
        });
        return { weight: size, into, prepare: () => prepare() };
      });

      for (let step = 1; step <= 3; step++) {
        const expected = grad(loss(whole, x, target), weights(whole)).map((gradient) => gradient!.toArray());
        meetInTurns(shards);
        expected.forEach((gradient, i) => {
          gradient.forEach((value, at) => {
            const averaged = shards.reduce(
              (total, { weight, into }) => total + (weight / 8) * into[i]!.toArray()[at]!,
              0,
            );
            if (sizes.length === 1) expect(averaged).toBe(value);
            else expect(averaged).toBeCloseTo(value, 6);
          });
        });
        const [here, there] = [statistics(split), statistics(whole)];
        if (sizes.length === 1) expect(here).toEqual(there);
        here.forEach((value, i) => {
          expect(value).toBeCloseTo(there[i]!, 6);
        });
        expect(split[1]!.numBatchesTracked!.item()).toBe(step);
      }
    },
  );

  test("the gradient of a gradient is refused", () => {
    const norm = new BatchNorm1d(channels);
    const x = randn([4, channels]);
    x.requiresGrad = true;
    const prepare = compileInRounds(() => void grad(sum(tanh(norm.forward(x))), [x], { createGraph: true }), {
      before: () => undefined,
    });
    expect(() => prepare()).toThrow(GradientError);
  });
});
