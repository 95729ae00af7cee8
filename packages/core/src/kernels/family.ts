// A family of kernels: what belongs together in the table, the reference and the definitions, and is embedded as one. A
// program carries the families that it calls, and a thread makes one when it first calls it. families.ts lists them all;
// dispatch.ts makes them.
import type { DType, NumericArray } from "../dtype.ts";
import type { Heap } from "../memory/heap.ts";

/** WebAssembly as scripts/build-kernels.ts embeds it. */
export interface EmbeddedModules {
  /** The module, packed (`unpack.ts`); or that with relaxed SIMD and the plain one behind it, if they differ. */
  readonly packed: string;
  /** The bytes of each. */
  readonly sizes: readonly number[];
  /** `checksumOf` each. */
  readonly checksums: readonly number[];
  /** The names of the kernels in it. */
  readonly kernels: readonly string[];
}

/** What kernels of a family are made of. */
export interface FamilyParts<K extends object> {
  /** Plain loops, for elements of the type of `F`, a view of the whole heap. */
  readonly reference: (F: NumericArray, heap: Heap) => K;
  readonly modules: EmbeddedModules;
}

/** The kernels of a family for elements of a dtype, as the thread's choice has them. */
export interface KernelFamily<K extends object> extends FamilyParts<K> {
  (dtype: DType): K;
}

/** Kernels for each dtype. */
export type ByDType<K> = Readonly<Record<DType, K>>;
