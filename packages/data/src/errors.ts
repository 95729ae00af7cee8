// The error of this package. Messages say: operation, what it got and where (file, line, column), what it expected, what
// to do.
import { ShardgradError } from "@shardgrad/core";

/** A file that cannot be read as what it is to be, or values that a table cannot take. */
export class DataError extends ShardgradError {
  override name = "DataError";
}

/** A quoted value for a message, cut if it is long. */
export function quoted(value: unknown): string {
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return "an array";
  if (typeof value === "object" && value !== null && !(value instanceof Date)) return "an object";
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…${typeof value === "string" ? '"' : ""}` : text;
}
