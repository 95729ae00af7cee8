// Names of parts and options in what people write: one that does not exist is a JobError, with what was most likely meant.
// Which names there are is said beside their types; how they are looked at is core's, as for its own options.
import type { OptionNames } from "@shardgrad/core/engine";
import { findUnknown } from "@shardgrad/core/engine";
import { JobError } from "./errors.ts";

/**
 * Throws unless `given` is an object of which every name is one of `names`.
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
