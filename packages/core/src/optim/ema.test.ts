import { afterAll, expect, it } from "vitest";
import { ShapeError, ValueError } from "../errors.ts";
import { useKernels } from "../kernels/dispatch.ts";
import { tensor } from "../ops/create/create.ts";
import type { Tensor } from "../tensor.ts";
import { EMA } from "./ema.ts";

afterAll(() => {
  useKernels("auto");
});

const weights = (): Tensor[] => [
  tensor(
    [
      [1, -2],
      [0.5, 3],
    ],
    { dtype: "float64" },
  ),
  tensor(Float32Array.from({ length: 37 }, (_, i) => Math.sin(i))),
];

/** Weights that move from update to update. */
function move(parameters: readonly Tensor[], t: number): void {
  for (const w of parameters)
    w.data().forEach((_, i, data) => {
      data[i] = Math.sin(3 * t + i);
    });
}

it("is the weights at the first update, and a running mean after it", () => {
  const [w] = weights() as [Tensor, Tensor];
  const ema = new EMA([w], { decay: 0.75 });
  expect([...ema.averages[0]!.data()]).toEqual([1, -2, 0.5, 3]);
  let expected: number[] = [];
  for (let t = 0; t < 5; t++) {
    move([w], t);
    ema.update();
    expected = [...w.data()].map((x, i) => (t === 0 ? x : 0.75 * expected[i]! + 0.25 * x));
    ema.averages[0]!.data().forEach((average, i) => {
      expect(average).toBeCloseTo(expected[i]!, 14);
    });
  }
});

it("takes a decay that changes", () => {
  const w = tensor([1], { dtype: "float64" });
  const ema = new EMA([w], { decay: (updates) => updates / (updates + 1) });
  for (const value of [1, 2, 6]) {
    w.copyFrom([value]);
    ema.update();
  }
  expect(ema.averages[0]!.item()).toBeCloseTo(3, 14);
});

it("gives the same bits however an update is cut, and from every kernel set", () => {
  const run = (cuts: readonly number[]): number[] => {
    const [, w] = weights() as [Tensor, Tensor];
    const ema = new EMA([w], { decay: 0.9 });
    for (let t = 0; t < 3; t++) {
      move([w], t);
      ema.advance();
      [...cuts, 37].forEach((to, piece) => {
        ema.updateRange(0, cuts[piece - 1] ?? 0, to);
      });
    }
    return [...ema.averages[0]!.data()];
  };
  useKernels("reference");
  const expected = run([]);
  useKernels("auto");
  for (const cuts of [[], [1, 2, 3], [5, 9, 36]]) expect(run(cuts)).toEqual(expected);
});

it("swaps with the weights and back, bit for bit", () => {
  const parameters = weights();
  const ema = new EMA(parameters);
  move(parameters, 1);
  const [w, a] = [parameters, ema.averages].map((list) => list.map((x) => x.toArray()));
  ema.swap();
  expect(parameters.map((x) => x.toArray())).toEqual(a);
  expect(ema.averages.map((x) => x.toArray())).toEqual(w);
  ema.swap();
  expect(parameters.map((x) => x.toArray())).toEqual(w);
});

it("goes on from a saved state", () => {
  const run = (interrupted: boolean): object[] => {
    const parameters = weights();
    let ema = new EMA(parameters, { decay: 0.5 });
    for (let t = 0; t < 4; t++) {
      if (interrupted && t === 2) {
        const dict = ema.stateDict();
        ema = new EMA(parameters, { decay: 0.5 });
        ema.loadStateDict(dict);
      }
      move(parameters, t);
      ema.update();
    }
    return ema.averages.map((x) => x.toArray());
  };
  expect(run(true)).toEqual(run(false));
});

it("refuses what does not fit", () => {
  const ema = new EMA(weights());
  expect(() => new EMA([])).toThrow(ValueError);
  expect(() => new EMA(weights(), { decay: 1.5 })).toThrow(/decay is 1.5/);
  expect(() => ema.loadStateDict({ updates: 0.5, averages: ema.averages })).toThrow(/updates is 0.5/);
  expect(() => ema.loadStateDict({ updates: 0, averages: [] })).toThrow(/got 0 averages, expected 2/);
  expect(() => ema.loadStateDict({ updates: 0, averages: [...ema.averages].reverse() })).toThrow(ShapeError);
});
