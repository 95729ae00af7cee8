// The typed errors of the library. Every message says: operation, what it got, what it expected, what to do.
// Knows nothing of the rest of the library.

/** Base class of all errors that the library throws on purpose. */
export class ShardgradError extends Error {
  override name = "ShardgradError";
}

/** What a wrong argument is, as it stands in error messages: `"text"`, `2`, `an array`, `a Linear`, … */
export function kindOf(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "function") return "a function";
  if (Array.isArray(value)) return "an array";
  if (typeof value !== "object" || value === null) return String(value);
  const name: unknown = value.constructor?.name;
  return typeof name !== "string" || name === "" || name === "Object"
    ? "an object"
    : `${/^[AEIO]/.test(name) ? "an" : "a"} ${name}`;
}

/**
 * For what lasts only while a function runs.
 *
 * @throws ShardgradError if the function was asynchronous: other code would run in it
 */
export function refusePromise(operation: string, result: unknown, expected: string): void {
  if (result instanceof Promise) {
    throw new ShardgradError(
      `${operation}: the function returned a promise; only synchronous work can be ${expected}`,
    );
  }
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

/** A file or byte string that is not in the format it should be in. */
export class FormatError extends ShardgradError {
  override name = "FormatError";
}
