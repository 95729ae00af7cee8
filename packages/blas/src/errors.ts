// The error of this package. Messages say: what, what it got, what was expected, what to do.
import { ShardgradError } from "@shardgrad/core";

/** There is no BLAS to use: none was found, or the one that was named cannot be used. */
export class BlasError extends ShardgradError {
  override name = "BlasError";
}
