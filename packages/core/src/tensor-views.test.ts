// Copies between views of any rank and any strides, also negative ones, on fast and reference kernels. Compared with a
// walk over all places one by one.
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import type { DType } from "./dtype.ts";
import { useKernels } from "./kernels/dispatch.ts";
import { tensor, zeros } from "./ops/create/create.ts";
import type { Shape } from "./shape.ts";
import { copyStrided } from "./strided-copy.ts";
import type { Tensor } from "./tensor.ts";

afterEach(() => {
  useKernels("auto");
});

const dtypes = ["float32", "float64", "int32", "uint8"] as const;
const iota = (n: number) => Array.from({ length: n }, (_, i) => i);

interface Layout {
  strides: number[];
  offset: number;
  /** Elements of the block that the view lies in. */
  extent: number;
}

/** Where the elements of a view lie, in row-major order. */
function walk(shape: Shape, { strides, offset }: Layout): number[] {
  return shape.reduce(
    (places, length, axis) => places.flatMap((place) => iota(length).map((i) => place + i * strides[axis]!)),
    [offset],
  );
}

/** Strides for a shape: axes in any order and direction, with gaps between them; repeated axes if `repeats`. */
function anyLayout(shape: Shape, repeats: boolean): fc.Arbitrary<Layout> {
  const order = fc.shuffledSubarray(iota(shape.length), { minLength: shape.length });
  const kinds = fc.array(
    fc.constantFrom("dense", "dense", "dense", "back", "gap", ...(repeats ? ["repeated"] : [])),
    {
      minLength: shape.length,
      maxLength: shape.length,
    },
  );
  return fc
    .tuple(fc.oneof(fc.constant(iota(shape.length)), order), kinds, fc.nat(4))
    .map(([axes, kind, before]) => {
      const strides = shape.map(() => 0);
      let extent = 1;
      let offset = before;
      for (const axis of axes.toReversed()) {
        if (kind[axis] === "repeated") continue;
        const step = kind[axis] === "gap" ? extent + 3 : extent;
        const reach = Math.max(0, shape[axis]! - 1) * step;
        strides[axis] = kind[axis] === "back" ? -step : step;
        if (kind[axis] === "back") offset += reach;
        extent += reach;
      }
      return { strides, offset, extent: extent + before };
    });
}

const anyCopy = fc
  .oneof(
    fc.array(fc.nat(3), { maxLength: 6 }),
    // Long enough for vectors, strips and squares.
    fc.array(fc.integer({ min: 1, max: 37 }), { minLength: 1, maxLength: 2 }),
    fc.tuple(fc.constant(2), fc.constantFrom(3, 4, 20), fc.constantFrom(16, 17, 24)),
  )
  .chain((shape) => fc.tuple(fc.constant(shape), anyLayout(shape, true), anyLayout(shape, false)));

function block(values: number[], dtype: DType, shape: Shape, { strides, offset }: Layout): [Tensor, Tensor] {
  const whole = tensor(values, { dtype });
  return [whole, whole.view(shape, strides, offset)];
}

describe.each(["auto", "wasm-plain", "reference"] as const)("%s kernels", (set) => {
  test.each(dtypes)("%s: copyStrided sets every element of the target, and nothing else", (dtype) => {
    useKernels(set);
    fc.assert(
      fc.property(anyCopy, ([shape, from, to]) => {
        const values = iota(from.extent).map((i) => (dtype === "uint8" ? (i * 7) % 251 : i));
        const [source, x] = block(values, dtype, shape, from);
        const before = iota(to.extent).map(() => 255);
        const [target, y] = block(before, dtype, shape, to);
        copyStrided(x, y);
        const places = walk(shape, to);
        walk(shape, from).forEach((place, i) => {
          before[places[i]!] = values[place]!;
        });
        expect([...target.toArray()]).toEqual(before);
        for (const t of [source, x, target, y]) t.dispose();
      }),
      { seed: 7, numRuns: 250 },
    );
  });
});

test("bits are moved, not numbers: any NaN stays what it is", () => {
  const bits = Int32Array.from([0x7fc00000, 0x7f800001, -1, 0x7fa55555, -0x80000000, 1]);
  const x = tensor(new Float32Array(bits.buffer));
  const y = zeros([6]);
  new Int32Array(x.data().buffer).set(bits, x.address / 4);
  copyStrided(x.view([3, 2], [-2, -1], 5), y.view([3, 2], [-2, -1], 5));
  expect([...new Int32Array(y.toArray().buffer)]).toEqual([...bits]);
});

test("copyFrom takes its own elements in another order", () => {
  const x = tensor([1, 2, 3, 4, 5, 6]);
  x.copyFrom(x.view([6], [-1], 5));
  expect([...x.toArray()]).toEqual([6, 5, 4, 3, 2, 1]);
});
