// The scratch memory of this instance, which is one per thread: no call finds there what another has left.

/** What gemm packs into: a tile of C, a block of A and one of B. Others need less. */
const SCRATCH_BYTES: usize = 128 + 65536 + 524288;

/** 64-byte aligned. */
export let scratch: usize = 0;

/** Bytes that `setScratch` needs. */
export function scratchBytes(): usize {
  return SCRATCH_BYTES;
}

/** Lends this instance its scratch memory: 64-byte aligned, of `scratchBytes` or more. */
export function setScratch(ptr: usize, bytes: usize): void {
  if (bytes < SCRATCH_BYTES) unreachable();
  scratch = ptr;
}
