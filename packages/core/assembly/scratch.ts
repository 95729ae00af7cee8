// The scratch memory of this instance, one per thread. No call reads what another has left there.

/** What gemm packs: a tile of C, a block of A and one of B. Other kernels need less. */
const SCRATCH_BYTES: usize = 128 + 65536 + 524288;

/** 64-byte aligned. */
export let scratch: usize = 0;

/** Bytes that `setScratch` needs. */
export function scratchBytes(): usize {
  return SCRATCH_BYTES;
}

/** Sets this instance's scratch memory: 64-byte aligned, at least `scratchBytes` long. */
export function setScratch(ptr: usize, bytes: usize): void {
  if (bytes < SCRATCH_BYTES) unreachable();
  scratch = ptr;
}
