// Parts of a tensor, and tensors embedded in larger ones. The ops slice and pad are each other's gradients, so they
// share a file. Others (select, narrow, flip) are slices; none of them copies.
import { requireList } from "../../arguments.ts";
import { defineOp } from "../../autograd/define-op.ts";
import { addInto } from "../../autograd/gradient-ops.ts";
import { ShapeError, ValueError } from "../../errors.ts";
import { elementwiseKernels } from "../../kernels/families.ts";
import { requireTensor } from "../../require-tensor.ts";
import type { Shape } from "../../shape.ts";
import { formatShape, normalizeAxes, normalizeAxis } from "../../shape.ts";
import { copyStrided } from "../../strided-copy.ts";
import { contiguous, Tensor } from "../../tensor.ts";

/**
 * What to take along one axis: an index, which drops the axis, or `[start, end, step]` as in Python's `start:end:step`.
 * Negative numbers count from the end, bounds outside are clamped, and absent or null bounds reach as far as possible:
 * `[]` is the whole axis, `[null, null, -1]` the whole axis backwards.
 */
export type SliceRange =
  | number
  | readonly [start?: number | null | undefined, end?: number | null | undefined, step?: number];

/** `length` elements of an axis: `start`, `start + step`, …. A dropped axis has one and does not appear in the shape. */
interface Window {
  start: number;
  step: number;
  length: number;
  dropped: boolean;
}

/** The part of `x` inside one window per axis. */
function look(x: Tensor, windows: readonly Window[]): Tensor {
  const kept = windows.flatMap(({ dropped }, axis) => (dropped ? [] : [axis]));
  const offset = windows.reduce((sum, { start }, axis) => sum + start * x.strides[axis]!, x.offset);
  return x.view(
    kept.map((axis) => windows[axis]!.length),
    kept.map((axis) => windows[axis]!.step * x.strides[axis]!),
    offset,
  );
}

const sliceOp = defineOp<[Tensor], readonly Window[]>({
  name: "slice",
  forward: look,
  vjp: [(dy, _, x, windows): Tensor => setInto(dy, { shape: x.shape, windows, value: 0 })],
  addGradient: (sum, dy, _y, _x, windows) => {
    const part = look(sum, windows);
    const added = contiguous(part);
    addInto(added, dy, added);
    if (added !== part) copyStrided(added, part);
  },
});

interface Surroundings {
  shape: Shape;
  windows: readonly Window[];
  value: number;
}

/** A tensor of `shape` filled with `value`, with `x` in its windows. */
const setInto = defineOp<[Tensor], Surroundings>({
  name: "pad",
  forward: (x, { shape, windows, value }) => {
    const y = Tensor.allocate(shape, x.dtype, "pad");
    if (x.size < y.size) elementwiseKernels(x.dtype).fill(y.size, value, y.address);
    copyStrided(x, look(y, windows));
    return y;
  },
  vjp: [(dy, _y, _x, { windows }) => sliceOp(dy, windows)],
});

function whole(length: number): Window {
  return { start: 0, step: 1, length, dropped: false };
}

function requireInteger(operation: string, name: string, value: number): void {
  if (!Number.isSafeInteger(value))
    throw new ValueError(`${operation}: ${name} is ${value}, expected an integer`);
}

function indexWindow(operation: string, index: number, axis: number, length: number): Window {
  requireInteger(operation, "index", index);
  const start = index < 0 ? index + length : index;
  if (start < 0 || start >= length) {
    throw new ValueError(
      `${operation}: index ${index} along axis ${axis} of length ${length}, expected ${-length} to ${length - 1}`,
    );
  }
  return { start, step: 1, length: 1, dropped: true };
}

/** Python's rules: `slice.indices` of https://docs.python.org/3/reference/datamodel.html. */
function rangeWindow(range: SliceRange, axis: number, length: number): Window {
  if (typeof range === "number") return indexWindow("slice", range, axis, length);
  requireList("slice", `range ${axis}`, range, "[1, 3]");
  const [first, last, step = 1] = range;
  requireInteger("slice", "step", step);
  if (step === 0) throw new ValueError(`slice: step of axis ${axis} is 0, expected an integer other than 0`);
  // Bounds of a range: one before the first element is a valid end when going backwards.
  const [lowest, highest] = step > 0 ? [0, length] : [-1, length - 1];
  const place = (name: string, value: number) => {
    requireInteger("slice", name, value);
    return Math.min(highest, Math.max(lowest, value < 0 ? value + length : value));
  };
  const start = typeof first === "number" ? place("start", first) : step > 0 ? lowest : highest;
  const end = typeof last === "number" ? place("end", last) : step > 0 ? highest : lowest;
  const count = Math.max(0, Math.ceil((end - start) / step));
  return { start: count > 0 ? start : 0, step, length: count, dropped: false };
}

/**
 * A view of part of `x`, like `x[…]` in NumPy: one range per axis, from the first on; the other axes are whole.
 * `slice(x, [0, [1, 3], [null, null, -1]])` is `x[0, 1:3, ::-1]`.
 *
 * @throws ShapeError if there are more ranges than axes; ValueError if an index is outside, or a step is 0
 */
export function slice(x: Tensor, ranges: readonly SliceRange[]): Tensor {
  requireTensor("slice", x);
  requireList("slice", "ranges", ranges, "[0, [1, 3]]");
  if (ranges.length > x.rank) {
    throw new ShapeError(
      `slice: got ${ranges.length} ranges for shape ${formatShape(x.shape)}, expected at most ${x.rank}, one per axis`,
    );
  }
  const windows = x.shape.map((length, axis) => rangeWindow(ranges[axis] ?? [], axis, length));
  return sliceOp(x, windows);
}

/** `x` through a window along `axis`, and whole along the others. */
function alongAxis(x: Tensor, axis: number, window: Window): Tensor {
  return sliceOp(
    x,
    x.shape.map((length, i) => (i === axis ? window : whole(length))),
  );
}

/**
 * A view of `x` at one index along `axis`, which is dropped; negative indices count from the end.
 *
 * @throws ShapeError if the axis does not exist; ValueError if the index is outside
 */
export function select(x: Tensor, axis: number, index: number): Tensor {
  requireTensor("select", x);
  const along = normalizeAxis("select", axis, x.rank);
  return alongAxis(x, along, indexWindow("select", index, along, x.shape[along]!));
}

/**
 * A view of `length` elements along `axis` from `start`; a negative `start` counts from the end.
 *
 * @throws ShapeError if the axis does not exist; ValueError if the range is outside it
 */
export function narrow(x: Tensor, axis: number, start: number, length: number): Tensor {
  requireTensor("narrow", x);
  const along = normalizeAxis("narrow", axis, x.rank);
  const available = x.shape[along]!;
  requireInteger("narrow", "start", start);
  requireInteger("narrow", "length", length);
  const first = start < 0 ? start + available : start;
  if (first < 0 || length < 0 || first + length > available) {
    throw new ValueError(
      `narrow: got ${length} places from ${start} along axis ${axis} of ${formatShape(x.shape)}, expected places within 0 to ${available}`,
    );
  }
  return alongAxis(x, along, { start: first, step: 1, length, dropped: false });
}

/**
 * A view with the elements reversed along `axes` (default all).
 *
 * @throws ShapeError if an axis does not exist; ValueError if one is named twice
 */
export function flip(x: Tensor, axes?: number | readonly number[]): Tensor {
  requireTensor("flip", x);
  const reversed = normalizeAxes("flip", axes, x.rank);
  const windows = x.shape.map((length, axis) =>
    reversed.includes(axis) && length > 0
      ? { start: length - 1, step: -1, length, dropped: false }
      : whole(length),
  );
  return sliceOp(x, windows);
}

/** Elements to add before and after an axis; a number means the same on both sides. */
export type PadWidth = number | readonly [before: number, after: number];

/**
 * `x` surrounded by `value`: one width per axis, as in NumPy's `pad`. `pad(x, [0, [1, 2]])` of `[n,m]` is `[n,m+3]`.
 *
 * @throws ShapeError unless there is one width per axis; ValueError unless widths are non-negative integers
 */
export function pad(x: Tensor, widths: readonly PadWidth[], value = 0): Tensor {
  requireTensor("pad", x);
  requireList("pad", "widths", widths, "[0, [1, 2]]");
  if (widths.length !== x.rank) {
    throw new ShapeError(
      `pad: got ${widths.length} widths for shape ${formatShape(x.shape)}, expected ${x.rank}, one per axis`,
    );
  }
  const sides = widths.map((width, axis) => {
    if (typeof width !== "number") requireList("pad", `width ${axis}`, width, "[1, 2]");
    const [before, after] = typeof width === "number" ? [width, width] : width;
    for (const count of [before, after]) {
      if (!Number.isSafeInteger(count) || count < 0) {
        throw new ValueError(
          `pad: width ${count} of axis ${axis}, expected a non-negative integer; use slice to take elements away`,
        );
      }
    }
    return { before, after };
  });
  return setInto(x, {
    shape: x.shape.map((length, axis) => sides[axis]!.before + length + sides[axis]!.after),
    windows: x.shape.map((length, axis) => ({ ...whole(length), start: sides[axis]!.before })),
    value,
  });
}
