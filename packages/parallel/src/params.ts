// What a run passes to a job's functions: `params`, numbers and words with defaults in the job, and `state` (state.ts).
// Both are plain data, so that every thread has the same. Knows nothing of jobs.
import { nearestName } from "@shardgrad/core/engine";
import { JobError } from "./errors.ts";
import { freeze, isPlainObject, isScalar } from "./state.ts";

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
  /** What dataset() returned besides its columns, or its `fit` learned; undefined if nothing. */
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
