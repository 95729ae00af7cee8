// The two instruction sets, and the calling conventions.
import type { Target } from "@shardgrad/core/kernels";
import type { Width } from "../assembler/operands.ts";

/** AVX2 with FMA, or AVX-512 (F, BW, DQ, VL). */
export type InstructionSet = "avx2" | "avx512";
/** How the system calls: as Linux and macOS do, or as Windows does. */
export type Convention = "sysv" | "win64";

export interface Machine {
  readonly set: InstructionSet;
  readonly target: Target;
  /** Bytes of a vector. */
  readonly width: Width;
  readonly vectorRegisters: number;
  /** Masks in registers of their own, k1 and following, as k0 masks nothing; 0 if they are vectors. */
  readonly maskRegisters: number;
}

export const machines: Readonly<Record<InstructionSet, Machine>> = {
  avx2: {
    set: "avx2",
    target: {
      lanes: 8,
      fuses: true,
      registers: 16,
      masks: true,
      clears: false,
      unroll: { vectors: 2, operations: Number.POSITIVE_INFINITY },
      tile: { rows: 6, vectors: 2 },
      packs: "some",
    },
    width: 32,
    vectorRegisters: 16,
    maskRegisters: 0,
  },
  avx512: {
    set: "avx512",
    target: {
      lanes: 16,
      fuses: true,
      registers: 32,
      masks: true,
      clears: false,
      unroll: { vectors: 2, operations: Number.POSITIVE_INFINITY },
      tile: { rows: 14, vectors: 2 },
      packs: "some",
    },
    width: 64,
    vectorRegisters: 32,
    maskRegisters: 7,
  },
};
