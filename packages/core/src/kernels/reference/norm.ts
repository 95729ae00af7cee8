// Reference kernels: the normalizations, over rows and per channel.
import type { NumericArray } from "../../dtype.ts";
import type { Kernels } from "../table.ts";

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: a table of kernels, each of which fits a screen.
export function norm(F: NumericArray) {
  const { BYTES_PER_ELEMENT: width } = F;

  /** Mean (0 unless centered) and 1/√(mean square distance from it + eps) of the row at `from`. */
  function rowMoments(from: number, cols: number, eps: number, centered: number): [number, number] {
    let mean = 0;
    if (centered) for (let c = 0; c < cols; c++) mean += F[from + c]! / cols;
    let variance = 0;
    for (let c = 0; c < cols; c++) variance += (F[from + c]! - mean) ** 2 / cols;
    return [mean, 1 / Math.sqrt(variance + eps)];
  }

  /** Calls `use` for every element with its position and channel. */
  function eachElement(
    outer: number,
    channels: number,
    inner: number,
    use: (place: number, channel: number) => void,
  ): void {
    for (let o = 0; o < outer; o++) {
      for (let c = 0; c < channels; c++) {
        for (let i = 0; i < inner; i++) use((o * channels + c) * inner + i, c);
      }
    }
  }

  /** Adds up in float64. */
  function channelSums(
    outer: number,
    channels: number,
    inner: number,
    term: (place: number, channel: number) => number,
  ): Float64Array {
    const sums = new Float64Array(channels);
    eachElement(outer, channels, inner, (place, c) => {
      sums[c]! += term(place, c);
    });
    return sums;
  }

  return {
    rowNorm(rows, cols, eps, centered, x, weight, bias, y) {
      for (let r = 0; r < rows; r++) {
        const from = x / width + r * cols;
        const [mean, scale] = rowMoments(from, cols, eps, centered);
        for (let c = 0; c < cols; c++) {
          const w = weight ? F[weight / width + c]! : 1;
          const b = bias ? F[bias / width + c]! : 0;
          F[y / width + r * cols + c] = (F[from + c]! - mean) * scale * w + b;
        }
      }
    },

    rowNormGrad(rows, cols, eps, centered, dy, x, weight, dx) {
      for (let r = 0; r < rows; r++) {
        const row = r * cols;
        const [mean, scale] = rowMoments(x / width + row, cols, eps, centered);
        const g = (c: number) => F[dy / width + row + c]! * (weight ? F[weight / width + c]! : 1);
        const n = (c: number) => (F[x / width + row + c]! - mean) * scale;
        let meanG = 0;
        let meanGN = 0;
        for (let c = 0; c < cols; c++) {
          if (centered) meanG += g(c) / cols;
          meanGN += (g(c) * n(c)) / cols;
        }
        for (let c = 0; c < cols; c++) F[dx / width + row + c] = (g(c) - meanG - n(c) * meanGN) * scale;
      }
    },

    rowNormGradWeight(rows, cols, eps, centered, dy, x, dw) {
      const sums = new Float64Array(cols);
      for (let r = 0; r < rows; r++) {
        const from = x / width + r * cols;
        const [mean, scale] = rowMoments(from, cols, eps, centered);
        for (let c = 0; c < cols; c++) {
          sums[c]! += F[dy / width + r * cols + c]! * (F[from + c]! - mean) * scale;
        }
      }
      F.set(sums, dw / width);
    },

    channelMoments(outer, channels, inner, x, mean, rest, variance) {
      const count = outer * inner;
      const means = channelSums(outer, channels, inner, (place) => F[x / width + place]! / count);
      const variances = channelSums(outer, channels, inner, (place, c) => {
        return (F[x / width + place]! - means[c]!) ** 2 / count;
      });
      F.set(means, mean / width);
      for (let c = 0; c < channels; c++) F[rest / width + c] = means[c]! - F[mean / width + c]!;
      F.set(variances, variance / width);
    },

    channelAffine(outer, channels, inner, x, center, scale, shift, y) {
      eachElement(outer, channels, inner, (place, c) => {
        const distance = F[x / width + place]! - (center ? F[center / width + c]! : 0);
        F[y / width + place] = distance * F[scale / width + c]! + (shift ? F[shift / width + c]! : 0);
      });
    },

    channelDot(outer, channels, inner, a, b, center, rest, y) {
      const sums = channelSums(outer, channels, inner, (place, c) => {
        const middle = (center ? F[center / width + c]! : 0) + (rest ? F[rest / width + c]! : 0);
        return F[a / width + place]! * (b ? F[b / width + place]! - middle : 1);
      });
      F.set(sums, y / width);
    },

    channelCombine(outer, channels, inner, a, b, center, p, q, r, y) {
      eachElement(outer, channels, inner, (place, c) => {
        const distance = F[b / width + place]! - F[center / width + c]!;
        F[y / width + place] =
          F[a / width + place]! * F[p / width + c]! + distance * F[q / width + c]! + F[r / width + c]!;
      });
    },
  } satisfies Partial<Kernels>;
}
