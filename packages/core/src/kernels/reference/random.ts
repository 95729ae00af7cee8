// Reference kernels: random numbers at given positions of a Philox stream (see ../../random.ts).
import type { NumericArray } from "../../dtype.ts";
import { philox } from "../../random.ts";
import type { Kernels } from "../table.ts";

const block = new Uint32Array(4);

/** Fills `block` with the four words at positions 4·index … 4·index+3. */
function drawBlock(index: number, stream: number, key0: number, key1: number): void {
  philox(block, index >>> 0, Math.floor(index / 0x100000000), stream, 0, key0, key1);
}

export function random(F: NumericArray) {
  const { BYTES_PER_ELEMENT: width } = F;

  return {
    uniform(n, low, high, key0, key1, stream, position, y) {
      for (let i = 0; i < n; i++) {
        const place = position + i;
        if (i === 0 || place % 4 === 0) drawBlock(Math.floor(place / 4), stream, key0, key1);
        // 24 bits, so that the fraction is exact in float32 and below 1.
        F[y / width + i] = low + (high - low) * ((block[place % 4]! >>> 8) / 0x1000000);
        // The sum may still round up to `high`, as in [1, 2).
        if (F[y / width + i]! >= high) F[y / width + i] = low;
      }
    },

    normal(n, mean, std, key0, key1, stream, position, y) {
      for (let i = 0; i < n; i++) {
        const place = position + i;
        if (i === 0 || place % 4 === 0) drawBlock(Math.floor(place / 4), stream, key0, key1);
        // Places come in pairs that share two words: radius from the first, angle from the second.
        const pair = (place % 4) & 2;
        const radius = Math.sqrt(-2 * Math.log((block[pair]! + 1) / 0x100000000));
        const angle = (2 * Math.PI * block[pair + 1]!) / 0x100000000;
        F[y / width + i] = mean + std * radius * (place & 1 ? Math.sin(angle) : Math.cos(angle));
      }
    },
  } satisfies Partial<Kernels>;
}
