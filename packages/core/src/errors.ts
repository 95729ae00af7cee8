// The typed errors of the library. Every message says: operation, what it got, what it expected, what to do.
// Knows nothing of the rest of the library.

/** Base class of all errors that the library throws on purpose. */
export class ShardgradError extends Error {
  override name = "ShardgradError";
}

/** Sizes or axes that do not match. */
export class ShapeError extends ShardgradError {
  override name = "ShapeError";
}

/** A dtype that the operation does not accept. */
export class DTypeError extends ShardgradError {
  override name = "DTypeError";
}

/** A value outside its valid range, such as a class index or an option. */
export class ValueError extends ShardgradError {
  override name = "ValueError";
}

/**
 * A class or an index out of range, with its position in its tensor. A caller that knows what the rows mean can word
 * the position better, see `at`.
 */
export class IndexError extends ValueError {
  override name = "IndexError";
  readonly value: number;
  /** Index of the element in row-major order. */
  readonly place: number;
  /** Shape of the tensor. */
  readonly shape: readonly number[];
  readonly operation: string;
  readonly expected: string;

  /** @param where describes the place; by default its position in the tensor */
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

  /** The same error with another description of the place: "in sample 390". */
  at(where: string): IndexError {
    return this.#reworded(new IndexError(this.operation, this, this.expected, where));
  }

  /** The same error with another operation: "metrics.accuracy". */
  by(operation: string): IndexError {
    return this.#reworded(new IndexError(operation, this, this.expected));
  }

  /** Keeps the original stack. */
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

/** The memory is exhausted, or not available. */
export class MemoryError extends ShardgradError {
  override name = "MemoryError";
}

/** A tensor was used after its memory was freed. */
export class ReleasedError extends ShardgradError {
  override name = "ReleasedError";
}

/** There is nothing to differentiate. */
export class GradientError extends ShardgradError {
  override name = "GradientError";
}

/** Something that a compiled function cannot do, because a replay would not repeat it. */
export class CaptureError extends ShardgradError {
  override name = "CaptureError";
  /** How many replays happened before this was noticed: some of them may have been wrong. */
  readonly replays: number;

  constructor(message: string, replays = 0) {
    super(message);
    this.replays = replays;
  }
}

/** A file or byte string in the wrong format. */
export class FormatError extends ShardgradError {
  override name = "FormatError";
}
