// Schemas for parsed JSON, as data. Each check throws with the path, what it got and what it expected. Strict: no field
// may be missing, of another type, or unknown. Knows nothing of what it checks.

/** What is wrong with a checkpoint's files. Whoever catches it adds which checkpoint. */
export class Damage extends Error {
  override name = "Damage";
}

/** Throws a Damage if the value does not match. */
export type Check = (value: unknown, at: string) => void;

/** A value for messages: on one line, and short. */
export function shown(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object" && value !== null) return "an object";
  return typeof value === "string" ? JSON.stringify(value.slice(0, 40)) : String(value);
}

const refuse = (value: unknown, at: string, expected: string): never => {
  throw new Damage(`${at} is ${value === undefined ? "missing" : shown(value)}, expected ${expected}`);
};

const check =
  (fits: (value: unknown) => boolean, expected: string): Check =>
  (value, at) => {
    if (!fits(value)) refuse(value, at, expected);
  };

export const text = check((value) => typeof value === "string", "text");
/** Any number, also NaN and infinity. */
export const number = check((value) => typeof value === "number", "a number");
export const count = check(
  (value) => Number.isSafeInteger(value) && (value as number) >= 0,
  "an integer of at least 0",
);
export const scalar = check((value) => ["string", "number", "boolean"].includes(typeof value), "a scalar");

/** Exactly this value. */
export const exactly = (expected: string | number): Check =>
  check((value) => Object.is(value, expected), shown(expected));

export const matching = (pattern: RegExp, expected: string): Check =>
  check((value) => typeof value === "string" && pattern.test(value), expected);

/** An array with a length from `least` to `most`. */
export function list(of: Check, { least = 0, most = Number.POSITIVE_INFINITY } = {}): Check {
  return (value, at) => {
    if (!Array.isArray(value)) return refuse(value, at, "a list");
    if (value.length < least || value.length > most)
      refuse(value, at, least === most ? `a list of ${most}` : `a list of at most ${most}`);
    value.forEach((item, index) => {
      of(item, `${at}[${index}]`);
    });
  };
}

/** An array of exactly `length` items. */
export const listOf = (length: number, of: Check): Check => list(of, { least: length, most: length });

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Values by arbitrary names. */
export function record(of: Check): Check {
  return (value, at) => {
    if (!isObject(value)) return refuse(value, at, "an object");
    for (const [name, item] of Object.entries(value)) of(item, `${at}.${shown(name)}`);
  };
}

/** A number, or nested lists of numbers, all of one shape. */
export const numbers: Check = (value, at) => {
  shapeOf(value, at);
};

function shapeOf(value: unknown, at: string): string {
  if (!Array.isArray(value)) {
    number(value, at);
    return "";
  }
  const [first, ...others] = value.map((item, index) => shapeOf(item, `${at}[${index}]`));
  if (others.some((other) => other !== first)) refuse(value, at, "lists of one length");
  return `${value.length} ${first}`;
}

/** Exactly these fields. */
export function object(fields: Readonly<Record<string, Check>>): Check {
  return (value, at) => {
    if (!isObject(value)) return refuse(value, at, "an object");
    const unknown = Object.keys(value).find((name) => !Object.hasOwn(fields, name));
    if (unknown !== undefined) throw new Damage(`${at} has the unknown field ${shown(unknown)}`);
    const own = new Map(Object.entries(value));
    for (const [name, of] of Object.entries(fields)) of(own.get(name), `${at}.${name}`);
  };
}

const mostDepth = 64;

/** Any JSON value, up to a nesting limit. */
export function plain(value: unknown, at: string, depth = 0): void {
  if (depth > mostDepth) throw new Damage(`${at} is nested more than ${mostDepth} deep`);
  if (value === undefined) refuse(value, at, "something");
  if (typeof value !== "object" || value === null) return;
  for (const item of Object.values(value)) plain(item, at, depth + 1);
}
