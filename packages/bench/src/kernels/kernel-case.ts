// A case of `bench kernels`: one kernel at one size, and the work that it does.
import type { Tensor } from "@shardgrad/core";
import { rand, randn, zeros } from "@shardgrad/core";
import type { Kernels } from "@shardgrad/core/engine";

export interface KernelCase {
  /** `gemm x·wᵀ`, `softmax` … */
  kernel: string;
  /** Sizes of the operands. */
  shape: string;
  /** Floating-point operations if the kernel is limited by them; else bytes read and written. */
  work: { flops: number } | { bytes: number };
  /** Allocates, and returns a function that calls the kernel once. */
  make(): (kernels: Kernels) => () => void;
}

/** A set of kernels by its name. */
export interface NamedKernels {
  who: string;
  kernels: Kernels;
}

export const bytesPerFloat = 4;

/** Address of normal numbers, which live until the scope ends. */
export const normal = (...shape: number[]): number => randn(shape).address;

/** Address of zeros, for output. */
export const blank = (...shape: number[]): number => zeros(shape).address;

/** Address of random labels below `limit`. */
export function labels(count: number, limit: number): number {
  const values: Tensor = zeros([count], { dtype: "int32" });
  values.copyFrom(Int32Array.from(rand([count]).data(), (value) => Math.floor(value * limit)));
  return values.address;
}
