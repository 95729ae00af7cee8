// Making tensors: from numbers, constants and random draws. Leaves of the graph; no gradients here.
import type { DType, NumericArray } from "../dtype.ts";
import { dtypeOfArray } from "../dtype.ts";
import { DTypeError, ShapeError } from "../errors.ts";
import { kernelsFor } from "../kernels/dispatch.ts";
import { currentGenerator } from "../random.ts";
import type { Shape } from "../shape.ts";
import { checkShape, formatShape, sizeOf } from "../shape.ts";
import { requireFloat, Tensor } from "../tensor.ts";

export { manualSeed } from "../random.ts";

/** Numbers, nested to any depth, all rows of one length. */
export type NestedNumbers = number | readonly NestedNumbers[];

export interface TensorOptions {
  /** Element type; `float32` if absent, or that of the typed array given. */
  dtype?: DType;
  /** Whether `backward` writes its gradient to `.grad`. */
  requiresGrad?: boolean;
}

function shapeOfNested(data: NestedNumbers): number[] {
  const shape: number[] = [];
  for (let level = data; Array.isArray(level); level = level[0] as NestedNumbers) {
    shape.push(level.length);
    if (level.length === 0) break;
  }
  return shape;
}

function flatten(data: NestedNumbers, shape: Shape, depth: number, into: number[]): void {
  const isRow = Array.isArray(data);
  if (isRow !== depth < shape.length || (isRow && data.length !== shape[depth])) {
    const got = isRow ? `a row of ${data.length}` : "a number";
    const expected = depth < shape.length ? `a row of ${shape[depth]}` : "a number";
    throw new ShapeError(
      `tensor: got ${got} at depth ${depth}, expected ${expected}; rows must be of equal length`,
    );
  }
  if (isRow) for (const element of data) flatten(element, shape, depth + 1, into);
  else if (typeof data === "number") into.push(data);
  else {
    throw new DTypeError(
      `tensor: got ${Object.prototype.toString.call(data)} at depth ${depth}, expected numbers; copy other arrays with Array.from`,
    );
  }
}

/**
 * A tensor from a number, nested arrays, or a typed array (whose elements are copied).
 *
 * @param shape the shape of a flat typed array; a vector if absent
 * @throws ShapeError if rows differ in length, or the shape does not fit the number of elements; DTypeError if
 * there is something other than numbers
 */
export function tensor(
  data: NestedNumbers | NumericArray,
  options: TensorOptions & { shape?: Shape } = {},
): Tensor {
  let values: ArrayLike<number>;
  let shape: Shape;
  const ownType = dtypeOfArray(data);
  if (ownType) {
    values = data as NumericArray;
    shape = [values.length];
  } else {
    shape = shapeOfNested(data as NestedNumbers);
    const flat: number[] = [];
    flatten(data as NestedNumbers, shape, 0, flat);
    values = flat;
  }
  if (options.shape) shape = checkShape("tensor", options.shape);
  if (sizeOf(shape) !== values.length) {
    throw new ShapeError(
      `tensor: got ${values.length} numbers for shape ${formatShape(shape)}, expected ${sizeOf(shape)}`,
    );
  }
  const x = Tensor.allocate(Object.freeze([...shape]), options.dtype ?? ownType ?? "float32", "tensor");
  x.data().set(values);
  return asLeaf(x, options);
}

function asLeaf(x: Tensor, options: TensorOptions): Tensor {
  if (options.requiresGrad) {
    requireFloat("requiresGrad", x);
    x.requiresGrad = true;
  }
  return x;
}

/** A tensor whose elements are all `value`. */
export function full(shape: Shape, value: number, options: TensorOptions = {}): Tensor {
  const x = Tensor.allocate(checkShape("full", shape), options.dtype ?? "float32", "full");
  kernelsFor(x.dtype).fill(x.size, value, x.address);
  return asLeaf(x, options);
}

/** A tensor of zeros. */
export function zeros(shape: Shape, options: TensorOptions = {}): Tensor {
  return full(shape, 0, options);
}

/** A tensor of ones. */
export function ones(shape: Shape, options: TensorOptions = {}): Tensor {
  return full(shape, 1, options);
}

function draw(
  kernel: "uniform" | "normal",
  shape: Shape,
  first: number,
  second: number,
  options: TensorOptions,
): Tensor {
  const x = Tensor.allocate(checkShape(kernel, shape), options.dtype ?? "float32", kernel);
  requireFloat(kernel, x);
  const generator = currentGenerator();
  const key0 = generator.seed >>> 0;
  const key1 = Math.floor(generator.seed / 0x100000000);
  const position = generator.take(x.size);
  kernelsFor(x.dtype)[kernel](x.size, first, second, key0, key1, generator.stream, position, x.address);
  return asLeaf(x, options);
}

/** Uniform numbers in [low, high) from this thread's random stream. */
export function rand(shape: Shape, options: TensorOptions & { low?: number; high?: number } = {}): Tensor {
  return draw("uniform", shape, options.low ?? 0, options.high ?? 1, options);
}

/** Normal numbers from this thread's random stream. */
export function randn(shape: Shape, options: TensorOptions & { mean?: number; std?: number } = {}): Tensor {
  return draw("normal", shape, options.mean ?? 0, options.std ?? 1, options);
}
