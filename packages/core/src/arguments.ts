// Describes wrong arguments, which the types rule out but JavaScript does not, and refuses asynchronous functions.
// Knows nothing of tensors or memory.
import { ShardgradError, ValueError } from "./errors.ts";

/** What a wrong argument is, for error messages: `"text"`, `2`, `an array`, `a Linear`, … */
export function kindOf(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "function") return "a function";
  if (Array.isArray(value)) return "an array";
  if (typeof value !== "object" || value === null) return String(value);
  // Bundlers may put an underscore before a class name.
  const name = String(value.constructor?.name ?? "").replace(/^_/, "");
  return name === "" || name === "Object" ? "an object" : `${/^[AEIO]/.test(name) ? "an" : "a"} ${name}`;
}

/** @throws ValueError unless `value` can be called */
export function requireFunction(operation: string, value: unknown): void {
  if (typeof value === "function") return;
  throw new ValueError(`${operation}: got ${kindOf(value)}, expected a function`);
}

/**
 * @param example what the error shows
 * @throws ValueError unless `value` is an array, or like one
 */
export function requireList(operation: string, name: string, value: unknown, example: string): void {
  if (typeof value === "object" && value !== null && "length" in value) return;
  throw new ValueError(`${operation}: ${name} is ${kindOf(value)}, expected an array, such as ${example}`);
}

/**
 * Refuses asynchronous functions where something holds only while a function runs.
 *
 * @throws ShardgradError if the function was asynchronous: other code would run under the same condition
 */
export function refusePromise(operation: string, result: unknown, expected: string): void {
  if (result instanceof Promise) {
    throw new ShardgradError(
      `${operation}: the function returned a promise; only synchronous work can be ${expected}`,
    );
  }
}
