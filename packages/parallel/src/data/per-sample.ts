// Numbers that a job gives for each sample (weights, classes): read from a column, an array or a function, and checked.
// Main thread only.
import { heap, nearestName } from "@shardgrad/core/engine";
import { JobError, oneLine } from "../errors.ts";
import type { StoredColumns } from "./columns.ts";
import { rowSize, rowsOf } from "./columns.ts";
import type { PerSample } from "./dataset.ts";

/** The accepted range of the numbers. */
export type Requirement = "weights" | "classes";

const requirements: Record<Requirement, { fits: (value: number) => boolean; expected: string }> = {
  weights: {
    fits: (value) => Number.isFinite(value) && value >= 0,
    expected: "a finite number of at least 0",
  },
  classes: { fits: (value) => Number.isInteger(value), expected: "an integer" },
};

/** A column as it is looked up by name. */
interface Found {
  values: ArrayLike<number>;
  rowSize: number;
}

/** Where columns are looked up. */
export interface NamedColumns {
  names: readonly string[];
  find: (name: string) => Found | undefined;
}

/**
 * Returns one number per sample, in a new array.
 *
 * @param what names the numbers in errors
 * @throws JobError if a sample has no number, or the number is out of range
 */
export function perSample(
  what: string,
  spec: PerSample,
  samples: number,
  requirement: Requirement,
  columns: NamedColumns,
): Float64Array {
  const given = numbersOf(what, spec, samples, columns);
  if (given?.length !== samples) {
    throw new JobError(
      `${what}: got ${given?.length ?? typeof spec} numbers for ${samples} samples; expected one for each, or the name of a column`,
    );
  }
  const { fits, expected } = requirements[requirement];
  for (let i = 0; i < samples; i++) {
    if (fits(given[i]!)) continue;
    throw new JobError(`${what}: sample ${i} has ${String(given[i])}, expected ${expected}`);
  }
  return given instanceof Float64Array && given !== spec ? given : Float64Array.from(given);
}

function nameList(wrong: string, names: readonly string[]): string {
  const near = nearestName(wrong, names);
  const shown = names.length > 12 ? [...names.slice(0, 12), "…"] : names;
  return `${near === undefined ? "" : `did you mean ${near}? `}there are ${oneLine(shown.join(", "))}`;
}

function numbersOf(
  what: string,
  spec: PerSample,
  samples: number,
  { names, find }: NamedColumns,
): ArrayLike<number> {
  if (typeof spec === "function") return Float64Array.from({ length: samples }, (_, i) => spec(i));
  if (typeof spec !== "string") return spec as ArrayLike<number>;
  const found = find(spec);
  if (!found) throw new JobError(`${what}: there is no column ${spec}; ${nameList(spec, names)}`);
  if (found.rowSize === 1) return found.values;
  throw new JobError(
    `${what}: column ${spec} has ${found.rowSize} numbers per sample, expected one; name a column of single numbers`,
  );
}

/** Finds a column of a stored set by name. For a part of another set, returns the column of the whole set. */
function findStored(what: string, name: string, { samples, columns, computedBy, subset }: StoredColumns) {
  const column = columns.find((candidate) => candidate.name === name);
  if (!column) return undefined;
  if (computedBy) {
    throw new JobError(
      `${what}: column ${name} is computed, and not known beforehand; give an array, or a function of the sample's number`,
    );
  }
  const { address, dtype, scaling } = column;
  const view = heap()[dtype];
  const start = address / view.BYTES_PER_ELEMENT;
  const { scale, shift } = scaling ?? { scale: 1, shift: 0 };
  const size = rowSize(column);
  const stored = view.subarray(start, start + (subset?.of ?? samples) * size);
  return { values: Float64Array.from(stored, (value) => value * scale + shift), rowSize: size };
}

/** One number per sample of a stored set. For a part of another set, the job gives them for the whole set. */
export function perSampleOf(
  what: string,
  spec: PerSample,
  set: StoredColumns,
  requirement: Requirement,
): Float64Array {
  const given = perSample(what, spec, set.subset?.of ?? set.samples, requirement, {
    names: set.columns.map(({ name }) => name),
    find: (name) => findStored(what, name, set),
  });
  const rowAt = rowsOf(set);
  return set.subset ? Float64Array.from({ length: set.samples }, (_, place) => given[rowAt(place)]!) : given;
}
