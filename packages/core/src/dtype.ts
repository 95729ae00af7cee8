// Element types of tensors: their names, sizes and typed arrays. Knows nothing of memory or kernels.
import { kindOf } from "./arguments.ts";
import { DTypeError } from "./errors.ts";

/** Element type of a tensor. `float32` runs on the WebAssembly kernels, the others on the reference kernels. */
export type DType = "float32" | "float64" | "int32" | "uint8";

/** Typed arrays that can hold the elements of a tensor. */
export type NumericArray = Float32Array | Float64Array | Int32Array | Uint8Array;

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

/** Numbers that stand for a dtype in kernel arguments, which are all numeric. */
export const dtypeCode: Readonly<Record<DType, number>> = { float32: 0, float64: 1, int32: 2, uint8: 3 };

/**
 * The dtype itself, checked for callers without types.
 *
 * @throws DTypeError if there is none of this name
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
