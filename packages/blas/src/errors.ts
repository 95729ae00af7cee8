// The error of this package. Messages say: operation, what it got, what it expected, what to do.
import { ShardgradError } from "@shardgrad/core";

/** There is no usable BLAS: none was found, or the named one does not work. */
export class BlasError extends ShardgradError {
  override name = "BlasError";
}
