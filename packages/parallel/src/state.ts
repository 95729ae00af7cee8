// A job's `state`: what its functions know about the data besides params. Plain data, so that every thread, the file of
// the weights and every checkpoint have the same, to the bit: JSON, and typed arrays, written as their bytes.
import { describeThrown, JobError } from "./errors.ts";

/** True for plain objects, as from `{ … }` or JSON.parse. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** True if it survives JSON and the way between threads unchanged. */
export function isScalar(value: unknown): boolean {
  return typeof value === "string" || typeof value === "boolean" || Number.isFinite(value);
}

/** Frozen, so that no thread can make its copy differ. The elements of typed arrays cannot be. */
export function freeze<T>(value: T): T {
  if (ArrayBuffer.isView(value)) return value;
  if (typeof value === "object" && value !== null) Object.values(value).forEach(freeze);
  return Object.freeze(value);
}

/** Marks a typed array in JSON: its type stands there, and its bytes as base64 beside it. */
const arrayKey = "$array";

const arrayTypes = {
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
};
type TypedArray = InstanceType<(typeof arrayTypes)[keyof typeof arrayTypes]>;

/** The name of a typed array's type; also that of a subclass, such as Buffer. */
function typeOf(value: object): keyof typeof arrayTypes | undefined {
  const names = Object.keys(arrayTypes) as (keyof typeof arrayTypes)[];
  return names.find((name) => value instanceof arrayTypes[name]);
}

/** The path of something that is neither JSON nor a typed array; undefined if there is none. */
function misfitOf(value: unknown, path: string): string | undefined {
  if (value === null || isScalar(value)) return undefined;
  if (typeof value === "object" && typeOf(value)) return undefined;
  if (!Array.isArray(value) && !isPlainObject(value)) {
    const name = typeof value === "object" ? value.constructor?.name : undefined;
    return `${path} is ${name ?? (typeof value === "function" ? "a function" : String(value))}`;
  }
  if (Object.hasOwn(value, arrayKey)) return `${path} has the key ${arrayKey}, which marks typed arrays,`;
  for (const [key, part] of Object.entries(value)) {
    // JSON leaves it out, as if absent.
    if (part === undefined && !Array.isArray(value)) continue;
    const found = misfitOf(part, Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`);
    if (found) return found;
  }
  return undefined;
}

/** State as text. The same state has the same text. */
export function encodeState(state: unknown): string {
  return JSON.stringify(state, function (this: Record<string, unknown>, key, value: unknown) {
    // `value` may already be what a method toJSON() made, such as that of Buffer.
    const own = this[key];
    const type = typeof own === "object" && own !== null ? typeOf(own) : undefined;
    if (!type) return value;
    const { buffer, byteOffset, byteLength } = own as TypedArray;
    return { [arrayKey]: type, base64: Buffer.from(buffer, byteOffset, byteLength).toString("base64") };
  });
}

function decodeArray(value: unknown): unknown {
  if (!isPlainObject(value) || !Object.hasOwn(value, arrayKey)) return value;
  const { [arrayKey]: type, base64 } = value;
  if (typeof type !== "string" || !Object.hasOwn(arrayTypes, type) || typeof base64 !== "string")
    throw new SyntaxError(`${JSON.stringify(type)} is no type of arrays`);
  const bytes = Uint8Array.from(Buffer.from(base64, "base64"));
  return new arrayTypes[type as keyof typeof arrayTypes](bytes.buffer);
}

/**
 * The state that a text holds, frozen.
 *
 * @throws SyntaxError or RangeError if `encodeState` did not write the text
 */
export function decodeState(text: string): unknown {
  return freeze(JSON.parse(text, (_, value: unknown) => decodeArray(value)));
}

/**
 * A job's state as every thread gets it: a frozen copy.
 *
 * @throws JobError if it is not plain data
 */
export function takeState(state: unknown): unknown {
  if (state === undefined) return undefined;
  let misfit: string | undefined;
  try {
    misfit = misfitOf(state, "state");
  } catch (error) {
    misfit = `state cannot be read (${describeThrown(error)})${error instanceof RangeError ? "; does it hold itself?" : ""}`;
  }
  if (misfit) {
    throw new JobError(
      `dataset: ${misfit}, expected plain data (finite numbers, strings, booleans, null, arrays, typed arrays, objects): it is saved with the weights`,
    );
  }
  return decodeState(encodeState(state));
}
