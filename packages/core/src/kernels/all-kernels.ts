// All families, and their kernels as one table, for who compares, measures or counts them by name. A program that imports
// this carries them all.
import * as families from "./families.ts";
import type { KernelFamily } from "./family.ts";
import type { Kernels } from "./table.ts";

export const kernelFamilies: readonly KernelFamily<object>[] = Object.values(families);

/** What `of` makes of each family, in one table: `allKernels((family) => family("float32"))`. */
export function allKernels<T = Kernels>(of: (family: KernelFamily<object>) => object): T {
  return Object.assign({}, ...kernelFamilies.map((family) => of(family)));
}
