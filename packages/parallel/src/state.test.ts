import { expect, it } from "vitest";
import { decodeState, encodeState, takeState } from "./state.ts";

it("typed arrays keep their type and all their bits", () => {
  const state = {
    means: Float64Array.of(0.1, Number.NaN, Number.NEGATIVE_INFINITY, -0),
    list: [
      Int32Array.of(-1),
      { bytes: new Uint8Array([1, 2, 3]).subarray(1) },
      BigInt64Array.of(-(2n ** 62n)),
    ],
    none: new Float32Array(0),
    words: ["a", null, true],
  };
  expect(takeState(state)).toEqual(state);
  expect(decodeState(encodeState(state))).toEqual(state);
  expect(encodeState(takeState(state))).toBe(encodeState(state));
});

it("is a copy, of which only the elements of typed arrays can change", () => {
  const state = { means: Float32Array.of(1), words: ["a"] };
  const taken = takeState(state) as typeof state;
  state.means[0] = 2;
  expect(taken.means).toEqual(Float32Array.of(1));
  expect(Object.isFrozen(taken)).toBe(true);
  expect(Object.isFrozen(taken.words)).toBe(true);
  expect(takeState({ bytes: Buffer.from([7]) })).toEqual({ bytes: Uint8Array.of(7) });
});
