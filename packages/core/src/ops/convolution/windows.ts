// What convolution and pooling share: options for one axis or two, images with or without a batch axis, and how many
// windows fit along an axis.
import { requireList } from "../../arguments.ts";
import { ShapeError, ValueError } from "../../errors.ts";
import { formatShape } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { reshape } from "../shape/broadcast.ts";

/** One number for both axes, or one for rows and one for columns. */
export type Pair = number | readonly [rows: number, cols: number];

/** Both numbers of an option, integers of at least `least`. */
export function pairOf(operation: string, name: string, value: Pair, least: number): [number, number] {
  if (typeof value !== "number") requireList(operation, name, value, "[3, 3], or a number");
  const pair = typeof value === "number" ? [value, value] : value;
  if (!(pair.length === 2 && pair.every((number) => Number.isSafeInteger(number) && number >= least))) {
    throw new ValueError(
      `${operation}: ${name} is ${formatShape([value].flat())}, expected an integer from ${least} on, or a pair of them`,
    );
  }
  return [pair[0]!, pair[1]!];
}

/** Calls `f` with `x [n,c,h,w]`, adding a batch axis and, for one dimension, rows to `x`; removes them from the result. */
export function onImages(
  operation: string,
  dimensions: 1 | 2,
  x: Tensor,
  f: (images: Tensor) => Tensor,
): Tensor {
  const batched = x.rank === dimensions + 2;
  if (!batched && x.rank !== dimensions + 1) {
    const expected = dimensions === 1 ? "[n,c,l] or [c,l]" : "[n,c,h,w] or [c,h,w]";
    throw new ShapeError(`${operation}: x has shape ${formatShape(x.shape)}, expected ${expected}`);
  }
  if (batched && dimensions === 2) return f(x);
  const lead = batched ? x.shape.slice(0, 2) : [1, x.shape[0]!];
  const rows = dimensions === 1 ? [1] : [];
  const y = f(reshape(x, [...lead, ...rows, ...x.shape.slice(-dimensions)]));
  return reshape(y, [...y.shape.slice(batched ? 0 : 1, 2), ...y.shape.slice(-dimensions)]);
}

/** Sizes along one axis. `before` and `after` count the padding. */
export interface Axis {
  length: number;
  size: number;
  stride: number;
  before: number;
  after: number;
  dilation: number;
  /** Whether a last window may begin inside and end outside. */
  ceil: boolean;
}

/** Extent of a window, from its first to its last element. */
export function spanOf({ size, dilation }: Axis): number {
  return dilation * (size - 1) + 1;
}

/** How many windows fit; 0 or less if none does. */
export function windowCount(axis: Axis): number {
  const { length, stride, before, after, ceil } = axis;
  const room = length + before + after - spanOf(axis);
  if (!ceil) return Math.floor(room / stride) + 1;
  const count = Math.ceil(room / stride) + 1;
  // A window must not begin in the padding after the input.
  return (count - 1) * stride >= length + before ? count - 1 : count;
}

/** The number of windows along rows and columns; throws if there is none. */
export function windowCounts(operation: string, rows: Axis, cols: Axis): [number, number] {
  const counts: [number, number] = [windowCount(rows), windowCount(cols)];
  if (counts[0] < 1 || counts[1] < 1) {
    const padded = [rows, cols].map(({ length, before, after }) => length + before + after);
    throw new ShapeError(
      `${operation}: a kernel that spans ${formatShape([spanOf(rows), spanOf(cols)])} does not fit the padded input ${formatShape(padded)}; ` +
        "use a smaller kernel or dilation, or more padding",
    );
  }
  return counts;
}
