// The error of this package. Messages say: operation, what it got, what it expected, what to do.
import { ShardgradError } from "@shardgrad/core";

/** Native kernels do not run here: another processor, or a system that allows no executable memory. */
export class NativeError extends ShardgradError {
  override name = "NativeError";
}
