// The typed errors of the library. Every message says: operation, what it got, what it expected, what to do.
// Knows nothing of the rest of the library.

/** Base class of all errors that the library throws on purpose. */
export class ShardgradError extends Error {
  override name = "ShardgradError";
}

/** Sizes or axes that do not fit together. */
export class ShapeError extends ShardgradError {
  override name = "ShapeError";
}

/** An element type that the operation does not take. */
export class DTypeError extends ShardgradError {
  override name = "DTypeError";
}

/** A value outside its legal range, such as a class index or an option. */
export class ValueError extends ShardgradError {
  override name = "ValueError";
}

/** The memory is used up, or cannot be had. */
export class MemoryError extends ShardgradError {
  override name = "MemoryError";
}

/** A tensor was used after its memory had been given back. */
export class ReleasedError extends ShardgradError {
  override name = "ReleasedError";
}

/** Differentiation was asked for where there is nothing to differentiate. */
export class GradientError extends ShardgradError {
  override name = "GradientError";
}

/** Something that a compiled function cannot do, because it would not happen again when the function is replayed. */
export class CaptureError extends ShardgradError {
  override name = "CaptureError";
  /** How often the function was replayed before this was noticed: some of these replays may have been wrong. */
  readonly replays: number;

  constructor(message: string, replays = 0) {
    super(message);
    this.replays = replays;
  }
}

/** A file or byte string that is not in the format it should be in. */
export class FormatError extends ShardgradError {
  override name = "FormatError";
}
