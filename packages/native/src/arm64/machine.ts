// What kernels know of NEON, and what the backend does: 32 vectors of four float32, and fused multiply-add, which every
// arm64 processor has.
import type { Target } from "@shardgrad/core/kernels";

export const neon: Target = {
  lanes: 4,
  fuses: true,
  registers: 32,
  masks: false,
  clears: false,
  unroll: { vectors: 4, operations: 48 },
  tile: { rows: 8, vectors: 2 },
  packs: "some",
};

export const vectorRegisters = 32;
/** Bytes of a vector. */
export const vectorBytes = 16;
