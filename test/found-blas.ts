// This machine's BLAS, for tests that need one. They are skipped if there is none, and with SHARDGRAD_BLAS=off.
import type { Blas } from "@shardgrad/blas";
import { BlasError, findBlas } from "@shardgrad/blas";

function find(): Blas | undefined {
  try {
    return findBlas();
  } catch (error) {
    if (error instanceof BlasError) return undefined;
    throw error;
  }
}

export const foundBlas = find();
