// Element types of tensors: their names, sizes and typed arrays. Knows nothing of memory or kernels.
import { kindOf } from "./arguments.ts";
import { DTypeError } from "./errors.ts";

/** Element type of a tensor. `float32` runs on the WebAssembly kernels, the others on the reference kernels. */
export type DType = "float32" | "float64" | "int32" | "uint8";

/** Typed arrays that can hold the elements of a tensor. */
export type NumericArray = Float32Array | Float64Array | Int32Array | Uint8Array;

/** Integer arrays that are accepted as int32 if all values fit; NumPy stores labels as int64. */
export type IntegerArray =
  | BigInt64Array
  | BigUint64Array
  | Int8Array
  | Int16Array
  | Uint16Array
  | Uint32Array;

/** Bytes per element. */
export const bytesPerElement: Readonly<Record<DType, number>> = {
  float32: 4,
  float64: 8,
  int32: 4,
  uint8: 1,
};

/** The typed array class that holds elements of each dtype outside the shared memory. */
export const typedArrayOf = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  uint8: Uint8Array,
} as const;

/** Numeric codes of the dtypes for kernel arguments. */
export const dtypeCode: Readonly<Record<DType, number>> = { float32: 0, float64: 1, int32: 2, uint8: 3 };

/**
 * Returns the dtype, checked for untyped callers.
 *
 * @throws DTypeError if there is no such dtype
 */
export function checkDType(operation: string, dtype: DType): DType {
  if (!Object.hasOwn(bytesPerElement, dtype)) {
    throw new DTypeError(
      `${operation}: dtype is ${kindOf(dtype)}, expected float32, float64, int32 or uint8; choose one of them`,
    );
  }
  return dtype;
}

export function isFloat(dtype: DType): boolean {
  return dtype === "float32" || dtype === "float64";
}

/** The dtype whose elements `array` holds, or undefined for other typed arrays. */
export function dtypeOfArray(array: unknown): DType | undefined {
  if (array instanceof Float32Array) return "float32";
  if (array instanceof Float64Array) return "float64";
  if (array instanceof Int32Array) return "int32";
  if (array instanceof Uint8Array) return "uint8";
  return undefined;
}

export function isIntegerArray(array: unknown): array is IntegerArray {
  return (
    array instanceof BigInt64Array ||
    array instanceof BigUint64Array ||
    array instanceof Int8Array ||
    array instanceof Int16Array ||
    array instanceof Uint16Array ||
    array instanceof Uint32Array
  );
}

/**
 * The same integers as int32.
 *
 * @param refuse makes the error for the first element that does not fit
 */
export function toInt32(array: IntegerArray, refuse: (place: number) => Error): Int32Array {
  const held = new Int32Array(array.length);
  for (let i = 0; i < held.length; i++) {
    const value = Number(array[i]);
    held[i] = value;
    if (held[i] !== value) throw refuse(i);
  }
  return held;
}

/** What to do with numbers that should be int32. */
export function int32Advice(name: string): string {
  return `write cast(${name}, "int32"), or keep them in an Int32Array from the start`;
}

/**
 * Throws unless two dtypes are the same.
 *
 * @throws DTypeError
 */
export function requireOneDType(operation: string, dtype: DType, other: DType): void {
  if (other === dtype) return;
  throw new DTypeError(`${operation}: got ${dtype} and ${other}, expected one dtype; cast one of them`);
}
