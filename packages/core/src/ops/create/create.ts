// Creates tensors from numbers, constants and random draws. They are leaves of the graph; no gradients here.

import type { DType, IntegerArray, NumericArray } from "../../dtype.ts";
import { checkDType, dtypeOfArray, isFloat, isIntegerArray, toInt32 } from "../../dtype.ts";
import { DTypeError, ShapeError, ValueError } from "../../errors.ts";
import { elementwiseKernels, randomKernels } from "../../kernels/families.ts";
import type { Filling } from "../../memory/storage.ts";
import { observer, outsideOfCapture, refuseHostAccess } from "../../observer.ts";
import { checkOptions, optionNames } from "../../options.ts";
import { requireFloat } from "../../require-tensor.ts";
import type { Shape } from "../../shape.ts";
import { checkShape, formatShape, sizeOf } from "../../shape.ts";
import { Tensor } from "../../tensor.ts";
import { generatorCells, takePlace, takePositions } from "./generator.ts";

/** Numbers or booleans, nested to any depth, with rows of equal length; rows may be typed arrays. */
export type NestedValues = number | boolean | NumericArray | readonly NestedValues[];

/** The argument of `tensor`: values, or arrays of other integer types, which become int32. */
export type TensorData = NestedValues | IntegerArray;

/** Options of all functions that make tensors. */
export interface TensorOptions {
  /** Element type; default `float32`. */
  dtype?: DType;
  /** Whether `backward` writes its gradient to `.grad`. */
  requiresGrad?: boolean;
}

/** Option names of all functions that create tensors. */
export const tensorOptionNames = { dtype: true, requiresGrad: true } as const;
export const tensorOptions = optionNames<TensorOptions>(tensorOptionNames);
const shapedOptions = optionNames<TensorOptions & { shape?: Shape }>({ ...tensorOptionNames, shape: true });

function isRow(data: unknown): data is readonly NestedValues[] | NumericArray {
  return Array.isArray(data) || dtypeOfArray(data) !== undefined;
}

function shapeOfNested(data: NestedValues): number[] {
  const shape: number[] = [];
  for (let level: NestedValues | undefined = data; isRow(level); level = level[0]) shape.push(level.length);
  return shape;
}

function flatten(data: NestedValues, shape: Shape, depth: number, into: (number | boolean)[]): void {
  const row = isRow(data) ? data : undefined;
  if (row?.length !== shape[depth]) {
    const got = row ? `a row of ${row.length}` : "a number";
    const expected = depth < shape.length ? `a row of ${shape[depth]}` : "a number";
    throw new ShapeError(
      `tensor: got ${got} at depth ${depth}, expected ${expected}; rows must be of equal length`,
    );
  }
  if (row) for (const element of row) flatten(element, shape, depth + 1, into);
  else if (typeof data === "number" || typeof data === "boolean") into.push(data);
  else {
    throw new DTypeError(
      `tensor: got ${Object.prototype.toString.call(data)} at depth ${depth}, expected numbers; ${typeof data === "bigint" ? "write Number(value)" : "copy other arrays with Array.from"}`,
    );
  }
}

function outOfRange(data: IntegerArray, place: number): ValueError {
  return new ValueError(
    `tensor: ${data[place]} at position ${place} of a ${data.constructor.name}, expected integers from -2147483648 to 2147483647, which int32 holds; pass Float64Array.from(data, Number) for numbers beyond`,
  );
}

/** Throws if a value does not fit the integer dtype; fractions are truncated. */
function checkFits(values: ArrayLike<number | boolean>, held: NumericArray, dtype: DType): void {
  for (let i = 0; i < held.length; i++) {
    if (Math.trunc(Number(values[i])) !== held[i]) {
      throw new ValueError(
        `tensor: ${values[i]} at position ${i} does not fit ${dtype}; pass { dtype: "float32" }, or clip it`,
      );
    }
  }
}

/**
 * A tensor from a number, a boolean, nested arrays of them, or a typed array (whose elements are copied).
 *
 * The default dtype is that of the typed array; int32 for arrays of other integers, such as int64, if all values fit.
 * Booleans alone become uint8 (1 and 0). Everything else becomes float32, even integers: JavaScript cannot tell `1`
 * from `1.0`.
 *
 * The option `shape` is the shape of a flat typed array; by default it is a vector.
 *
 * @throws ShapeError if rows differ in length, or the shape does not match the number of elements
 * @throws DTypeError for anything but numbers and booleans; ValueError if a number does not fit the integer dtype
 */
export function tensor(data: TensorData, options: TensorOptions & { shape?: Shape } = {}): Tensor {
  checkOptions("tensor", options, shapedOptions);
  let values: ArrayLike<number | boolean>;
  let shape: Shape;
  const given = isIntegerArray(data) ? toInt32(data, (place) => outOfRange(data, place)) : data;
  let ownType = dtypeOfArray(given);
  if (ownType) {
    values = given as NumericArray;
    shape = [values.length];
  } else {
    shape = shapeOfNested(given);
    const flat: (number | boolean)[] = [];
    flatten(given, shape, 0, flat);
    if (flat.length > 0 && flat.every((value) => typeof value === "boolean")) ownType = "uint8";
    values = flat;
  }
  if (options.shape) shape = checkShape("tensor", options.shape);
  if (sizeOf(shape) !== values.length) {
    throw new ShapeError(
      `tensor: got ${values.length} numbers for shape ${formatShape(shape)}, expected ${sizeOf(shape)}`,
    );
  }
  refuseHostAccess("tensor()", "make it before the call, or pass it as an argument");
  const dtype = checkDType("tensor", options.dtype ?? ownType ?? "float32");
  const x = Tensor.allocate(Object.freeze([...shape]), dtype, "tensor");
  x.data().set(values as ArrayLike<number>);
  if (!isFloat(dtype) && dtype !== ownType) checkFits(values, x.data(), dtype);
  return asLeaf(x, options);
}

/** Makes a new tensor a leaf of the graph if the options ask for it. */
export function asLeaf(x: Tensor, options: TensorOptions): Tensor {
  if (options.requiresGrad) {
    requireFloat("requiresGrad", x);
    x.requiresGrad = true;
  }
  return x;
}

/** The dtype that the options ask for; throws a DTypeError if there is no such dtype. */
export function dtypeIn(operation: string, options: TensorOptions): DType {
  return checkDType(operation, options.dtype ?? "float32");
}

/** Whether a new tensor gets its contents when it is first used. A step that is recorded needs them at once. */
const isForLater = (x: Tensor) => observer() === null && !x.storage.allocated;

/** Overwrites a new tensor with a number, or puts that off. */
export function fill(x: Tensor, value: number): void {
  const { size, dtype } = x;
  if (!isForLater(x)) elementwiseKernels(dtype).fill(size, value, x.address);
  else {
    x.storage.fillLater({
      description: `${size} ${dtype} ${Object.is(value, -0) ? "-0" : value}`,
      writeAt: (offset) => outsideOfCapture(() => elementwiseKernels(dtype).fill(size, value, offset)),
    });
  }
}

/** The numbers of the current generator that are due now, to be written later. */
function drawnLater(kernel: "uniform" | "normal", x: Tensor, first: number, second: number): Filling {
  const { size, dtype } = x;
  const place = takePlace(size);
  return {
    description: `${size} ${dtype} ${kernel} ${first} ${second} of ${JSON.stringify(place)}`,
    writeAt: (offset) =>
      outsideOfCapture(() => {
        const cells = generatorCells(place).address;
        randomKernels(dtype)[kernel](size, first, second, cells, place.position, offset);
      }),
  };
}

function filled(operation: string, shape: Shape, value: number, options: TensorOptions): Tensor {
  const checked = checkShape(operation, shape);
  checkOptions(operation, options, tensorOptions);
  const x = Tensor.allocate(checked, dtypeIn(operation, options), operation);
  fill(x, value);
  return asLeaf(x, options);
}

/** A tensor whose elements are all `value`. */
export function full(shape: Shape, value: number, options: TensorOptions = {}): Tensor {
  return filled("full", shape, value, options);
}

/** A tensor of zeros. */
export function zeros(shape: Shape, options: TensorOptions = {}): Tensor {
  return filled("zeros", shape, 0, options);
}

/** A tensor of ones. */
export function ones(shape: Shape, options: TensorOptions = {}): Tensor {
  return filled("ones", shape, 1, options);
}

function draw(
  kernel: "uniform" | "normal",
  shape: Shape,
  first: number,
  second: number,
  options: TensorOptions,
): Tensor {
  const [name, names] =
    kernel === "uniform" ? (["rand", randOptions] as const) : (["randn", randnOptions] as const);
  const checked = checkShape(name, shape);
  checkOptions(name, options, names);
  const x = Tensor.allocate(checked, dtypeIn(name, options), name);
  requireFloat(name, x, "the result");
  if (isForLater(x)) x.storage.fillLater(drawnLater(kernel, x, first, second));
  else {
    const { cells, position } = takePositions(x.size);
    randomKernels(x.dtype)[kernel](x.size, first, second, cells, position, x.address);
  }
  return asLeaf(x, options);
}

/** Options of `rand`. */
export interface RandOptions extends TensorOptions {
  /** Inclusive lower bound; default 0. */
  low?: number;
  /** Exclusive upper bound; default 1. */
  high?: number;
}

export const randOptions = optionNames<RandOptions>({ ...tensorOptionNames, low: true, high: true });

/** Uniform numbers in [low, high) from this thread's random stream. */
export function rand(shape: Shape, options: RandOptions = {}): Tensor {
  return draw("uniform", shape, options.low ?? 0, options.high ?? 1, options);
}

/** Options of `randn`. */
export interface RandnOptions extends TensorOptions {
  /** Default 0. */
  mean?: number;
  /** The standard deviation; default 1. */
  std?: number;
}

export const randnOptions = optionNames<RandnOptions>({ ...tensorOptionNames, mean: true, std: true });

/** Normal numbers from this thread's random stream. */
export function randn(shape: Shape, options: RandnOptions = {}): Tensor {
  return draw("normal", shape, options.mean ?? 0, options.std ?? 1, options);
}
