// Arithmetic on shapes and strides: sizes, broadcasting, axes. Plain arrays in, plain arrays out. Strides are in
// elements, never in bytes. Knows nothing of tensors or memory.
import { kindOf } from "./arguments.ts";
import { ShapeError, ValueError } from "./errors.ts";

/** Sizes of the axes of a tensor, outermost first; `[]` is a scalar. */
export type Shape = readonly number[];

/** Numbers nested as deep as a tensor's rank: a number for a scalar, rows of rows for a matrix. */
export type NestedNumbers = number | NestedNumbers[];

/** Number of elements: the product of all sizes; 1 for a scalar. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const length of shape) size *= length;
  return size;
}

/** Row-major strides, in elements. */
export function contiguousStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = step;
    step *= shape[axis]!;
  }
  return strides;
}

/** True if the strides visit memory in order without gaps. Axes of length 1 do not matter. */
export function isContiguous(shape: Shape, strides: Shape): boolean {
  if (sizeOf(shape) === 0) return true;
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const length = shape[axis]!;
    if (length !== 1 && strides[axis] !== step) return false;
    step *= length;
  }
  return true;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((length, axis) => length === b[axis]);
}

/** `[2,3]`, for error messages. */
export function formatShape(shape: Shape): string {
  return `[${shape.join(",")}]`;
}

/** Throws if it is not a shape, for untyped callers. */
export function requireShape(operation: string, shape: Shape): void {
  if (!Array.isArray(shape)) {
    throw new ShapeError(
      `${operation}: shape is ${kindOf(shape)}, expected an array of sizes; write [2, 3], not 2, 3`,
    );
  }
}

/** Checks that every size is a non-negative integer; returns a frozen copy. */
export function checkShape(operation: string, shape: Shape): Shape {
  requireShape(operation, shape);
  for (const length of shape) {
    if (!Number.isSafeInteger(length) || length < 0) {
      throw new ShapeError(
        `${operation}: shape ${formatShape(shape)} is not valid; sizes are non-negative integers`,
      );
    }
  }
  return Object.freeze([...shape]);
}

/** NumPy's rule: align at the right; sizes must be equal, or one of them 1. */
export function broadcastShapes(operation: string, a: Shape, b: Shape): Shape {
  if (sameShape(a, b)) return a;
  const rank = Math.max(a.length, b.length);
  const result = new Array<number>(rank);
  for (let axis = 1; axis <= rank; axis++) {
    const x = a[a.length - axis] ?? 1;
    const y = b[b.length - axis] ?? 1;
    if (x !== y && x !== 1 && y !== 1) {
      throw new ShapeError(
        `${operation}: shapes ${formatShape(a)} and ${formatShape(b)} do not broadcast (${x} against ${y}, ${axis} from the right); sizes must be equal or 1`,
      );
    }
    result[rank - axis] = x === 1 ? y : x;
  }
  return result;
}

/** Strides that read a tensor of `shape` as if it had shape `target`: 0 along broadcast axes. */
export function broadcastStrides(shape: Shape, strides: Shape, target: Shape): number[] {
  const lead = target.length - shape.length;
  return target.map((_, axis) => (axis < lead || shape[axis - lead] === 1 ? 0 : strides[axis - lead]!));
}

/** Turns `-1` into the last axis; throws if the axis does not exist. */
export function normalizeAxis(operation: string, axis: number, rank: number): number {
  const normalized = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || normalized < 0 || normalized >= rank) {
    throw new ShapeError(
      `${operation}: axis ${kindOf(axis)} of a tensor of rank ${rank}; expected an integer from ${-rank} to ${rank - 1}`,
    );
  }
  return normalized;
}

/** Sorted, distinct, non-negative axes; `undefined` means all of them. */
export function normalizeAxes(
  operation: string,
  axes: number | readonly number[] | undefined,
  rank: number,
): number[] {
  if (axes === undefined) return Array.from({ length: rank }, (_, axis) => axis);
  const list = typeof axes === "number" ? [axes] : axes;
  if (!Array.isArray(list)) {
    throw new ShapeError(
      `${operation}: axes are ${kindOf(axes)}, expected a number or an array of numbers; options come after them`,
    );
  }
  const normalized = list.map((axis) => normalizeAxis(operation, axis, rank));
  if (new Set(normalized).size !== normalized.length) {
    throw new ValueError(`${operation}: axes ${formatShape(list)} name an axis twice; name each once`);
  }
  return normalized.sort((a, b) => a - b);
}

/** Drops axes of length 1 and merges neighbours that every operand walks without a gap. */
export function collapseAxes(
  shape: Shape,
  operands: readonly Shape[],
): { shape: number[]; operands: number[][] } {
  const joined: number[] = [];
  const strides = operands.map((): number[] => []);
  for (let axis = 0; axis < shape.length; axis++) {
    const length = shape[axis]!;
    if (length === 1) continue;
    const last = joined.length - 1;
    const joins = last >= 0 && operands.every((s, i) => strides[i]![last] === s[axis]! * length);
    if (joins) {
      joined[last]! *= length;
      operands.forEach((s, i) => {
        strides[i]![last] = s[axis]!;
      });
    } else {
      joined.push(length);
      operands.forEach((s, i) => {
        strides[i]!.push(s[axis]!);
      });
    }
  }
  return { shape: joined, operands: strides };
}

/**
 * Calls `visit` for each position of `shape` in row-major order, with its offset in each operand.
 *
 * @param operands the strides of each operand along the axes of `shape`
 */
export function walkAxes(
  shape: Shape,
  operands: readonly Shape[],
  visit: (offsets: readonly number[], position: number) => void,
): void {
  const index = shape.map(() => 0);
  const offsets = operands.map(() => 0);
  for (let position = 0; position < sizeOf(shape); position++) {
    visit(offsets, position);
    // Advance: the last axis first, and the next one whenever an axis ends.
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const atEnd = ++index[axis]! === shape[axis];
      const steps = atEnd ? 1 - shape[axis]! : 1;
      operands.forEach((strides, i) => {
        offsets[i]! += steps * strides[axis]!;
      });
      if (!atEnd) break;
      index[axis] = 0;
    }
  }
}

/**
 * Strides that read elements of `shape` and `strides` in row-major order as if they had shape `target`, with as many
 * elements. Undefined if there are none, and the elements must be copied first.
 */
export function reshapeStrides(shape: Shape, strides: Shape, target: Shape): number[] | undefined {
  if (sizeOf(shape) === 0 || isContiguous(shape, strides)) return contiguousStrides(target);
  // Each axis of the target must divide one of the contiguous runs.
  const { shape: runs, operands } = collapseAxes(shape, [strides]);
  const steps = operands[0]!;
  const result = new Array<number>(target.length);
  let rest = 1;
  let step = 1;
  for (let axis = target.length - 1; axis >= 0; axis--) {
    const length = target[axis]!;
    if (rest === 1 && length !== 1) {
      rest = runs.pop()!;
      step = steps.pop()!;
    }
    if (rest % length !== 0) return undefined;
    result[axis] = step;
    step *= length;
    rest /= length;
  }
  return result;
}

export type FourNumbers = [number, number, number, number];

/**
 * Splits a walk over strided operands into walks over four axes, as kernels need. Merges axes where possible. Calls
 * `walk` for each block of the last four axes with the lengths, and each operand's strides and offset.
 */
export function walkFourAxes(
  shape: Shape,
  operands: readonly Shape[],
  walk: (lengths: FourNumbers, strides: FourNumbers[], starts: readonly number[]) => void,
): void {
  const { shape: axes, operands: steps } = collapseAxes(shape, operands);
  while (axes.length < 4) {
    axes.unshift(1);
    for (const strides of steps) strides.unshift(0);
  }
  const outer = axes.slice(0, -4);
  const lengths = axes.slice(-4) as FourNumbers;
  const inner = steps.map((strides) => strides.slice(-4) as FourNumbers);
  walkAxes(
    outer,
    steps.map((strides) => strides.slice(0, -4)),
    (starts) => walk(lengths, inner, starts),
  );
}
