// Wrong arguments, which the types rule out and JavaScript does not: what to call them, and asynchronous functions.
// Knows nothing of tensors or memory.
import { ShardgradError } from "./errors.ts";

/** What a wrong argument is, as it stands in error messages: `"text"`, `2`, `an array`, `a Linear`, … */
export function kindOf(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "function") return "a function";
  if (Array.isArray(value)) return "an array";
  if (typeof value !== "object" || value === null) return String(value);
  // A bundler may have put an underscore before the name of a class.
  const name = String(value.constructor?.name ?? "").replace(/^_/, "");
  return name === "" || name === "Object" ? "an object" : `${/^[AEIO]/.test(name) ? "an" : "a"} ${name}`;
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
