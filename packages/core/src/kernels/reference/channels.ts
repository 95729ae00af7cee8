// Reference kernels: the normalizations per channel.
import type { NumericArray } from "../../dtype.ts";
import type { Kernels } from "../table.ts";

export function channels(F: NumericArray) {
  const { BYTES_PER_ELEMENT: width } = F;

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
