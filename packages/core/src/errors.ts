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

/**
 * A class or an index that is outside of its range, which says where in its tensor it stands: a caller that knows what the
 * rows stand for can say it better, see `at`.
 */
export class IndexError extends ValueError {
  override name = "IndexError";
  readonly value: number;
  /** Number of the element in row-major order. */
  readonly place: number;
  /** Of the tensor. */
  readonly shape: readonly number[];
  readonly operation: string;
  readonly expected: string;

  /** @param where what is said of the place: its position in the tensor if absent */
  constructor(
    operation: string,
    found: { value: number; place: number; shape: readonly number[] },
    expected: string,
    where = `at position ${positionOf(found.place, found.shape)}`,
  ) {
    super(`${operation}: index ${found.value} ${where}, expected ${expected}`);
    this.value = found.value;
    this.place = found.place;
    this.shape = found.shape;
    this.operation = operation;
    this.expected = expected;
  }

  /** The same error, with other words for the place: "in sample 390". */
  at(where: string): IndexError {
    return this.#reworded(new IndexError(this.operation, this, this.expected, where));
  }

  /** The same error, with another name for who noticed: "metrics.accuracy". */
  by(operation: string): IndexError {
    return this.#reworded(new IndexError(operation, this, this.expected));
  }

  /** Thrown where this one was. */
  #reworded(error: IndexError): IndexError {
    if (this.stack !== undefined) error.stack = this.stack.replace(this.message, error.message);
    return error;
  }
}

/** The number itself in a vector, else one number per axis. */
function positionOf(place: number, shape: readonly number[]): string {
  if (shape.length < 2) return String(place);
  let rest = place;
  const indices = shape.toReversed().map((length) => {
    const index = rest % length;
    rest = Math.floor(rest / length);
    return index;
  });
  return `[${indices.reverse().join(",")}]`;
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
