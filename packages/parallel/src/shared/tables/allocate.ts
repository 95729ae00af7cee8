// How shared structures get their memory: a layout does not know who owns the memory.
import type { Storage } from "@shardgrad/core/engine";

/** Returns storage of so many bytes: zeroed, unless the contents do not matter. */
export type Allocate = (bytes: number, contents?: "zeros" | "any") => Pick<Storage, "offset">;
