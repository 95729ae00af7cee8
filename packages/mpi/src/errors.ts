// The error of this package. Messages say: operation, what it got, what it expected, what to do.
import { ShardgradError } from "@shardgrad/core";

/** There is no usable MPI, or a message between the machines failed. */
export class MpiError extends ShardgradError {
  override name = "MpiError";
}
