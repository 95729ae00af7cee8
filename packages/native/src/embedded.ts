// The form in which the package carries its machine code. scripts/build-kernels.ts writes it.
import { inflateRawSync } from "node:zlib";
import type { ParameterType } from "@shardgrad/core/kernels";
import type { Convention } from "./backends.ts";

/** A kernel in a block of machine code. */
export interface EmbeddedKernel {
  readonly name: string;
  readonly parameters: readonly ParameterType[];
  /** Bytes of scratch memory that it needs. */
  readonly scratchBytes: number;
  /** Whether it has a result. */
  readonly returns: boolean;
  /** Where it begins, by the convention of the caller. */
  readonly entries: Readonly<Partial<Record<Convention, number>>>;
}

export interface EmbeddedLibrary {
  /** Deflated, as base64. */
  readonly code: string;
  readonly kernels: readonly EmbeddedKernel[];
  /** What each of the self-check's calls leaves in memory. */
  readonly checks: readonly number[];
}

/** The machine code of a library. */
export const codeOf = ({ code }: EmbeddedLibrary): Uint8Array => inflateRawSync(Buffer.from(code, "base64"));
