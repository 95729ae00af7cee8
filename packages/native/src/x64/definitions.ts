// The kernels that are compiled for x86-64.
import type { Definition } from "@shardgrad/core/kernels";
import { kernelDefinitions } from "@shardgrad/core/kernels";

/** Kernels with an operation that this backend does not have: bytes as lanes, and storing one. */
const without: ReadonlySet<string> = new Set(["maskedSoftmax", "gatherUint8", "dropoutMask", "dropout"]);

export const definitions: readonly Definition[] = Object.values(kernelDefinitions)
  .flat()
  .filter(({ name }) => !without.has(name));
