// How what threads share comes to its memory: who lays it out does not know whose the memory is.
import type { Storage } from "@shardgrad/core/engine";

/** Gives storage of so many bytes: of zeros, unless it does not matter what is in it. */
export type Allocate = (bytes: number, contents?: "zeros" | "any") => Pick<Storage, "offset">;
