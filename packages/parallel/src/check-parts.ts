// Checks the names of fields and options. An unknown one throws a JobError that suggests the likely name. The names are
// declared beside their types; the comparison is core's, which uses it for its own options.
import type { OptionNames } from "@shardgrad/core/engine";
import { findUnknown } from "@shardgrad/core/engine";
import { JobError } from "./errors.ts";

/**
 * Throws unless `given` is an object whose names are all in `names`.
 *
 * @param operation what errors begin with
 * @param noun what a name stands for
 */
export function checkParts(
  operation: string,
  given: unknown,
  names: OptionNames,
  noun: "option" | "part" = "part",
): void {
  const problem = findUnknown(given, names, noun);
  if (problem !== undefined) throw new JobError(`${operation}: ${problem}`);
}
