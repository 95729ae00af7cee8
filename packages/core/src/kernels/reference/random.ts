// Reference kernels: random numbers at given positions of a Philox stream (see ../../random.ts).
import type { NumericArray } from "../../dtype.ts";
import type { Heap } from "../../memory/heap.ts";
import { philox } from "../../random.ts";
import type { Kernels } from "../table.ts";

const block = new Uint32Array(4);

export function random(F: NumericArray, heap: Heap) {
  const { BYTES_PER_ELEMENT: width } = F;
  const round = width === 4 ? Math.fround : (value: number) => value;

  /** Calls `use` with the index in `block` of each of the n numbers from `position` on. */
  function draw(n: number, cells: number, position: number, use: (i: number, word: number) => void): void {
    const [key0, key1, shard, step, stream, low, high] = heap.int32.subarray(cells / 4, cells / 4 + 7);
    const first = (low! >>> 0) + (high! >>> 0) * 0x100000000;
    for (let i = 0; i < n; i++) {
      const place = position + i;
      if (i === 0 || place % 4 === 0) {
        const index = first + Math.floor(place / 4);
        const upper = Math.floor(index / 0x100000000) + shard! * 0x80000;
        philox(block, index, upper, step!, stream!, key0!, key1!);
      }
      use(i, place % 4);
    }
  }

  return {
    uniform(n, low, high, cells, position, y) {
      draw(n, cells, position, (i, word) => {
        // 24 bits, so that the fraction is below 1 and exact in float32.
        F[y / width + i] = low + (high - low) * ((block[word]! >>> 8) / 0x1000000);
        // The sum may still round up to `high`, as in [1, 2).
        if (F[y / width + i]! >= high) F[y / width + i] = low;
      });
    },

    normal(n, mean, std, cells, position, y) {
      draw(n, cells, position, (i, word) => {
        // Positions come in pairs that share two words: radius from the first, angle from the second.
        const pair = word & 2;
        const radius = Math.sqrt(-2 * Math.log((block[pair]! + 1) / 0x100000000));
        const angle = (2 * Math.PI * block[pair + 1]!) / 0x100000000;
        F[y / width + i] = mean + std * radius * (word & 1 ? Math.sin(angle) : Math.cos(angle));
      });
    },

    dropoutMask(n, threshold, cells, position, mask) {
      draw(n, cells, position, (i, word) => {
        heap.uint8[mask + i] = block[word]! >>> 8 >= threshold ? 1 : 0;
      });
    },

    dropout(n, scale, x, mask, y) {
      for (let i = 0; i < n; i++) {
        F[y / width + i] = heap.uint8[mask + i] !== 0 ? F[x / width + i]! * round(scale) : 0;
      }
    },
  } satisfies Partial<Kernels>;
}
