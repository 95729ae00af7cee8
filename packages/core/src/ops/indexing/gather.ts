// Reading and adding at int32 indices: gather and scatterAdd (per element), indexSelect and indexAdd (whole slices).
// Each pair is one another's gradient. All of them move rows at positions counted in rows.

import { defineOp } from "../../autograd/define-op.ts";
import { int32Advice } from "../../dtype.ts";
import { DTypeError, ShapeError } from "../../errors.ts";
import { elementwiseKernels, indexedKernels } from "../../kernels/families.ts";
import { commonDType, requireTensor } from "../../require-tensor.ts";
import type { Shape } from "../../shape.ts";
import {
  broadcastStrides,
  contiguousStrides,
  formatShape,
  normalizeAxis,
  sameShape,
  sizeOf,
  walkFourAxes,
} from "../../shape.ts";
import { copyStrided } from "../../strided-copy.ts";
import { contiguous, Tensor } from "../../tensor.ts";
import { checkIndexRange } from "./indexing.ts";
import { slice } from "./slice.ts";

/** What indices select along `axis` of a tensor of `shape`: single elements, or all the axes after it. */
interface Places {
  shape: Shape;
  axis: number;
  wide: boolean;
}

/** Elements that move together. */
function rowLength({ shape, axis, wide }: Places): number {
  return wide ? sizeOf(shape.slice(axis + 1)) : 1;
}

/** The shape of the elements that `index` selects. */
function selectedShape(index: Tensor, { shape, axis, wide }: Places): Shape {
  return wide ? shape.with(axis, index.size) : index.shape;
}

/** For each row to read or add to, its number (int32) in the tensor, contiguous. */
function flatPlaces(index: Tensor, places: Places): Tensor {
  const { shape, axis, wide } = places;
  if (wide && sizeOf(shape.slice(0, axis)) === 1) return contiguous(index);
  // Indices of whole slices repeat for all axes before the axis.
  const grid = wide ? [...shape.slice(0, axis), index.size] : index.shape;
  const strides = broadcastStrides(index.shape, index.strides, grid);
  const rowSteps = contiguousStrides(wide ? shape.slice(0, axis + 1) : shape);
  const scale = rowSteps[axis]!;
  const steps = rowSteps.with(axis, 0);
  const y = Tensor.allocate(grid, "int32", "flatIndex");
  let done = 0;
  walkFourAxes(grid, [strides, steps], (lengths, [from, step], [start, offset]) => {
    const source = index.address + 4 * start!;
    indexedKernels("int32").flatIndex(
      ...lengths,
      source,
      ...from!,
      scale,
      offset!,
      ...step!,
      y.address + 4 * done,
    );
    done += sizeOf(lengths);
  });
  return y;
}

function addRows(x: Tensor, index: Tensor, places: Places, y: Tensor): void {
  const rows = flatPlaces(index, places);
  indexedKernels(x.dtype).scatterAdd(
    rows.size,
    rowLength(places),
    contiguous(x).address,
    rows.address,
    y.address,
  );
}

/** `y = x` at the positions. */
const takeOp = defineOp<[Tensor, Tensor], Places>({
  name: "gather",
  forward: (x, index, places) => {
    const y = Tensor.allocate(selectedShape(index, places), x.dtype, "gather");
    const rows = flatPlaces(index, places);
    const { gather: take } = indexedKernels(x.dtype);
    take(rows.size, rowLength(places), contiguous(x).address, rows.address, y.address);
    return y;
  },
  vjp: [(dy, _y, _x, index, places): Tensor => spreadOp(dy, index, places), null],
});

/** Zeros, with `dy` added at the positions: the transpose of `takeOp`. */
const spreadOp = defineOp<[Tensor, Tensor], Places>({
  name: "scatterAdd",
  forward: (dy, index, places) => {
    const y = Tensor.allocate(places.shape, dy.dtype, "scatterAdd");
    elementwiseKernels(dy.dtype).fill(y.size, 0, y.address);
    addRows(dy, index, places, y);
    return y;
  },
  vjp: [(dz, _y, _dy, index, places) => takeOp(dz, index, places), null],
});

/** `x`, with `source` added at the positions. */
const addOp = defineOp<[Tensor, Tensor, Tensor], Places>({
  name: "scatterAdd",
  forward: (x, source, index, places) => {
    const y = Tensor.allocate(x.shape, x.dtype, "scatterAdd");
    copyStrided(x, y);
    addRows(source, index, places, y);
    return y;
  },
  vjp: [(dy) => dy, (dy, _y, _x, _source, index, places) => takeOp(dy, index, places), null],
});

/** Checks the index of one axis, or one for each element. */
function placesOf(operation: string, x: Tensor, axis: number, index: Tensor, wide: boolean): Places {
  requireTensor(operation, x);
  requireTensor(operation, index, "index");
  if (index.dtype !== "int32") {
    throw new DTypeError(`${operation}: index is ${index.dtype}, expected int32; ${int32Advice("index")}`);
  }
  const along = normalizeAxis(operation, axis, x.rank);
  const fits = wide
    ? index.rank === 1
    : index.rank === x.rank && index.shape.every((length, i) => i === along || length <= x.shape[i]!);
  if (!fits) {
    const others = wide ? "" : `, along all axes but ${axis} at most as long as x`;
    throw new ShapeError(
      `${operation}: got x ${formatShape(x.shape)} and index ${formatShape(index.shape)}, expected an index of rank ${wide ? 1 : x.rank}${others}`,
    );
  }
  checkIndexRange(operation, index, x.shape[along]!, `axis ${axis} of x has length ${x.shape[along]}`);
  return { shape: x.shape, axis: along, wide };
}

/**
 * Elements of `x` at indices along one axis: for a matrix and axis 0, `y[i,j] = x[index[i,j],j]`. `index` is int32, has
 * the rank of `x`, and is no longer than `x` along the other axes; `y` has its shape. Like PyTorch's `gather`.
 *
 * @throws ValueError if an index is outside the axis; ShapeError, DTypeError
 */
export function gather(x: Tensor, axis: number, index: Tensor): Tensor {
  return takeOp(x, index, placesOf("gather", x, axis, index, false));
}

/**
 * `x` with elements of `source` added at indices along one axis: for a matrix and axis 0, `y = x; y[index[i,j],j] +=
 * source[i,j]`. `index` as for `gather`. `source` is at least as long along each axis; anything beyond the index is not
 * read. Additions at the same position follow the row-major order of the index, so the same inputs give the same bits.
 * Like PyTorch's `scatter_add`.
 *
 * @throws ValueError if an index is outside the axis; ShapeError, DTypeError
 */
export function scatterAdd(x: Tensor, axis: number, index: Tensor, source: Tensor): Tensor {
  commonDType("scatterAdd", [x, source]);
  const places = placesOf("scatterAdd", x, axis, index, false);
  if (source.rank !== index.rank || index.shape.some((length, i) => length > source.shape[i]!)) {
    throw new ShapeError(
      `scatterAdd: got source ${formatShape(source.shape)} for index ${formatShape(index.shape)}, expected at least its length along each axis`,
    );
  }
  const read = sameShape(source.shape, index.shape)
    ? source
    : slice(
        source,
        index.shape.map((length) => [0, length]),
      );
  return addOp(x, read, index, places);
}

/**
 * Slices of `x` at indices along one axis: `[a,n,b]` and an int32 `index` of `[m]` at axis 1 give `[a,m,b]`. Indices
 * may repeat. Like PyTorch's `index_select`.
 *
 * @throws ValueError if an index is outside the axis; ShapeError, DTypeError
 */
export function indexSelect(x: Tensor, axis: number, index: Tensor): Tensor {
  return takeOp(x, index, placesOf("indexSelect", x, axis, index, true));
}

/**
 * `x` with slices of `source` added at indices along one axis: `x [a,n,b]`, `index [m]` int32 and `source [a,m,b]` at
 * axis 1. Additions at the same position follow the order of the index. Like PyTorch's `index_add`.
 *
 * @throws ValueError if an index is outside the axis; ShapeError, DTypeError
 */
export function indexAdd(x: Tensor, axis: number, index: Tensor, source: Tensor): Tensor {
  commonDType("indexAdd", [x, source]);
  const places = placesOf("indexAdd", x, axis, index, true);
  const expected = selectedShape(index, places);
  if (!sameShape(source.shape, expected)) {
    throw new ShapeError(
      `indexAdd: got source ${formatShape(source.shape)}, expected ${formatShape(expected)}, the shape of x but as long along axis ${axis} as the index`,
    );
  }
  return addOp(x, source, index, places);
}
