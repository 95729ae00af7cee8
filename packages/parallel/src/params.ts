// What a run passes to a job's functions: `params`, numbers and words with defaults in the job, and `state`, which its
// dataset() returned. Both are plain data, so that every thread has the same. Knows nothing of jobs.
import { nearestName } from "@shardgrad/core/engine";
import { describeThrown, JobError } from "./errors.ts";

/** One value that a command line can express. */
export type ParamValue = number | string | boolean | readonly (number | string | boolean)[];

/** Hyperparameters by name. */
export type Params = Readonly<Record<string, ParamValue>>;

/** Values by name, or settings such as "lr=0.1", which take the type of the default. */
export type ParamSettings = Params | readonly string[];

/** The last argument of every function of a job. */
export interface JobContext<P = Params, S = unknown> {
  /** The job's `params`, with the values of this run. */
  readonly params: P;
  /** What dataset() returned besides its columns; undefined if nothing. */
  readonly state: S;
}

const kindOf = (value: unknown): string => (Array.isArray(value) ? "array" : typeof value);

function show(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return kindOf(value);
  }
}

/** True for plain objects, as from `{ … }` or JSON.parse. */
function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** True if it survives JSON and the way between threads unchanged. */
function isScalar(value: unknown): boolean {
  return typeof value === "string" || typeof value === "boolean" || Number.isFinite(value);
}

function isParamValue(value: unknown): value is ParamValue {
  return Array.isArray(value) ? value.every(isScalar) : isScalar(value);
}

/** @throws JobError unless the defaults are values that a run can be given */
export function checkParams(params: unknown): void {
  if (typeof params !== "object" || params === null || Array.isArray(params)) {
    throw new JobError(`defineJob: params is ${kindOf(params)}, expected an object such as { lr: 0.01 }`);
  }
  for (const [name, value] of Object.entries(params)) {
    if (isParamValue(value)) continue;
    throw new JobError(
      `defineJob: params.${name} is ${typeof value === "number" ? value : show(value)}, expected a finite number, a string, a boolean, or an array of these; what is larger, or no plain data, dataset() may return as state`,
    );
  }
}

/** Parses the text of a setting by the type of the default; undefined if it does not fit. */
function parse(text: string, preset: ParamValue): ParamValue | undefined {
  if (typeof preset === "string") return text;
  if (typeof preset === "number") return text.trim() === "" ? undefined : Number(text);
  if (typeof preset === "boolean") return text === "true" || (text === "false" ? false : undefined);
  // As JSON, or without brackets and quotes as on a command line: 128,64
  const words = text.startsWith("[") ? text.slice(1, text.endsWith("]") ? -1 : undefined) : text;
  const parts = words.trim() === "" ? [] : words.split(",").map((word) => word.trim());
  const of = preset[0] ?? (parts.every((word) => !Number.isNaN(Number(word))) ? 0 : "");
  const values = parts.map((word) => parse(word.replace(/^"(.*)"$/, "$1"), of));
  return values.includes(undefined) ? undefined : (values as number[]);
}

function settingOf(text: string): [name: string, value: string] {
  const at = text.indexOf("=");
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw new JobError(`train: the setting "${text}" has no value, expected name=value, such as lr=0.1`);
}

/** A run's params: the defaults, overridden by what is given. */
export function resolveParams(defaults: Params, given: ParamSettings = {}): Params {
  const names = Object.keys(defaults);
  const values: Record<string, ParamValue> = structuredClone(defaults) as Record<string, ParamValue>;
  const presetOf = (name: string): ParamValue => {
    if (Object.hasOwn(defaults, name)) return defaults[name]!;
    const near = nearestName(name, names);
    const known =
      names.length === 0
        ? "it declares none: give it params"
        : `${near === undefined ? "it has" : `did you mean ${near}? It has`} ${names.join(", ")}`;
    throw new JobError(`train: the job has no param "${name}"; ${known}`);
  };
  const isText = Array.isArray(given) && given.every((setting) => typeof setting === "string");
  if (!isText && !isPlainObject(given)) {
    throw new JobError(`train: params is ${show(given)}, expected values by name, such as { lr: 0.1 }`);
  }
  const entries: [string, unknown][] = isText ? given.map(settingOf) : Object.entries(given);
  for (const [name, value] of entries) {
    const preset = presetOf(name);
    const found = isText ? parse(value as string, preset) : value;
    if (value === undefined) continue;
    if (found === undefined || !isParamValue(found) || !isAlike(found, preset)) {
      throw new JobError(
        `train: params.${name} is ${isText ? value : show(value)}, expected ${describeKind(preset)}, as the job's default ${show(preset)}`,
      );
    }
    values[name] = structuredClone(found) as ParamValue;
  }
  return freeze(values);
}

/** True if a value may replace the default. An empty array says nothing about its elements. */
function isAlike(value: ParamValue, preset: ParamValue): boolean {
  if (!Array.isArray(value) || !Array.isArray(preset)) return kindOf(value) === kindOf(preset);
  return preset.length === 0 || value.every((part) => typeof part === typeof preset[0]);
}

function describeKind(preset: ParamValue): string {
  if (typeof preset === "number") return "a finite number";
  if (typeof preset === "boolean") return "true or false";
  if (typeof preset === "string") return "a string";
  return preset.length === 0 ? "an array" : `an array of ${typeof preset[0]}s`;
}

/** Frozen, so that no thread can make its copy differ. */
function freeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) Object.values(value).forEach(freeze);
  return Object.freeze(value);
}

/** The path of something that JSON does not preserve; undefined if there is none. */
function misfitOf(value: unknown, path: string): string | undefined {
  if (value === null || isScalar(value)) return undefined;
  if (!Array.isArray(value) && !isPlainObject(value)) {
    const name = typeof value === "object" ? value.constructor?.name : undefined;
    return `${path} is ${name ?? (typeof value === "function" ? "a function" : String(value))}`;
  }
  for (const [key, part] of Object.entries(value)) {
    // JSON leaves it out, as if absent.
    if (part === undefined && !Array.isArray(value)) continue;
    const found = misfitOf(part, Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`);
    if (found) return found;
  }
  return undefined;
}

/**
 * A job's state as every thread gets it: a frozen copy.
 *
 * @throws JobError if JSON cannot represent it
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
      `dataset: ${misfit}, expected plain data that JSON can hold (finite numbers, strings, booleans, null, arrays, objects): it is saved with the weights; write Array.from(…) for a typed array`,
    );
  }
  return freeze(JSON.parse(JSON.stringify(state)));
}

/** Metadata for a safetensors file of weights, where only strings are allowed. */
export function describeRun({ params, state }: JobContext): Record<string, string> {
  return {
    format: "pt",
    ...(Object.keys(params).length > 0 && { "shardgrad.params": JSON.stringify(params) }),
    ...(state !== undefined && { "shardgrad.state": JSON.stringify(state) }),
  };
}
