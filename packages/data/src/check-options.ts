// Checks the names of options: an unknown one throws a DataError that suggests the likely name.
import type { OptionNames } from "@shardgrad/core/engine";
import { findUnknown, nearestName } from "@shardgrad/core/engine";
import { DataError } from "./errors.ts";

/** @throws DataError unless every name in `options` is one of `names` */
export function checkDataOptions(operation: string, options: unknown, names: OptionNames): void {
  const problem = findUnknown(options, names);
  if (problem !== undefined) throw new DataError(`${operation}: ${problem}`);
}

/** @throws DataError unless `value` is one of `choices` */
export function checkChoice(
  operation: string,
  name: string,
  value: unknown,
  choices: readonly string[],
): void {
  if (typeof value === "string" && choices.includes(value)) return;
  const got = typeof value === "string" ? JSON.stringify(value) : typeof value;
  const near = typeof value === "string" ? nearestName(value, choices) : undefined;
  throw new DataError(
    `${operation}: ${name} is ${got}, expected ${near ? `${JSON.stringify(near)}, or another of ` : "one of "}${choices.join(", ")}`,
  );
}

/** @throws DataError unless there is a column of this name */
export function requireColumn(operation: string, name: string, columns: readonly string[]): void {
  if (columns.includes(name)) return;
  const near = nearestName(name, columns);
  const shown = columns.length > 12 ? [...columns.slice(0, 12), "…"] : columns;
  throw new DataError(
    `${operation}: there is no column ${JSON.stringify(name)}; ${near === undefined ? "" : `did you mean ${near}? `}there are ${shown.join(", ")}`,
  );
}
