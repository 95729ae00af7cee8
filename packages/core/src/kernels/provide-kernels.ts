// Where other packages plug in native kernels: this package has no native code and never looks for any. And where those
// for memory beyond 4 GiB come in, which few programs load. dispatch.ts selects the kernels.
import type { DType } from "../dtype.ts";
import { ValueError } from "../errors.ts";
import type { Heap } from "../memory/heap.ts";
import type { KernelFamily } from "./family.ts";
import type { Kernels } from "./table.ts";
import type { WasmBuild } from "./wasm.ts";

/** A kernel with its arguments. */
export interface JoinableCall {
  readonly run: (...args: number[]) => unknown;
  readonly args: readonly number[];
}

/** Recorded calls as one. */
export interface JoinedCalls {
  /** Repeats the calls in their order. */
  run(): void;
  /** Gives back what they took. Do not run them afterwards. */
  dispose(): void;
}

/** Makes one call of several, where calls are dear. */
export interface CallJoiner {
  /** Whether a function is a kernel that can run together with others. */
  joins(run: JoinableCall["run"]): boolean;
  /** Which arguments of such a kernel are addresses, by their positions. */
  addresses(run: JoinableCall["run"]): readonly number[];
  /** Joins calls of such kernels. */
  join(calls: readonly JoinableCall[]): JoinedCalls;
}

/** What a package provides: kernels of the two dtypes that native code may compute, and how recorded calls are joined. */
export interface ProvidedKernels {
  readonly float32: Partial<Kernels>;
  readonly float64: Partial<Kernels>;
  readonly joiner?: CallJoiner;
}

/** The kernels of a family as they are without those that are provided. */
export type Otherwise = <K extends object>(family: KernelFamily<K>, dtype: DType) => K;

/**
 * Makes kernels over the numbers in `heap`. `otherwise` has the kernels for everything that they lack, cannot do, or
 * would do slower.
 */
export type KernelsOver = (heap: Heap, otherwise: Otherwise) => ProvidedKernels;

/** Machine code for this processor (`@shardgrad/native`), or the matrix products of a BLAS (`@shardgrad/blas`). */
export type ProvidedName = "native" | "blas";

const provided = new Map<ProvidedName, KernelsOver>();

/** Makes a set of kernels available to `useKernels` on this thread; does not select it. */
export function provideKernels(name: ProvidedName, kernels: KernelsOver): void {
  provided.set(name, kernels);
}

/** What this thread was given, if anything. */
export function providedKernels(name: ProvidedName): KernelsOver | undefined {
  return provided.get(name);
}

/** Makes the kernels of a family, by their names. */
export type WideFamilies = (names: readonly string[]) => Partial<Kernels>;

/** Makes the WebAssembly kernels of a build for a heap beyond 4 GiB: see `wasm/wide-kernels.ts`. */
export type WideKernels = (heap: Heap, build: WasmBuild) => WideFamilies;

let wide: WideKernels | undefined;

/** Makes WebAssembly kernels available on this thread for a heap beyond 4 GiB. */
export function provideWideKernels(kernels: WideKernels): void {
  wide = kernels;
}

/**
 * The WebAssembly kernels for a heap beyond 4 GiB.
 *
 * @throws ValueError if this thread was given none
 */
export function wideKernelsOver(heap: Heap, build: WasmBuild): WideFamilies {
  if (wide) return wide(heap, build);
  throw new ValueError(
    `useKernels: "${build}" needs @shardgrad/core/wide-kernels for memory beyond 4 GiB; see provideWideKernels`,
  );
}
