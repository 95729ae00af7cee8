// From a model's output back to words and numbers, for a job's `model` and `decode`.
import type { Tensor } from "@shardgrad/core";
import { DataError } from "../errors.ts";
import type { TableState } from "./state.ts";
import { showDate } from "./values.ts";

/** The class names of the target, in the order of labels. */
export function classNames({ target }: TableState): readonly (string | number)[] {
  if (target?.kind === "classes") return target.classes;
  throw new DataError(
    `classNames: the target ${target?.name ?? "is absent, and"} has no classes; it is a number`,
  );
}

/** How many numbers a model gives per row: one per class, or one for a number. */
export function outputSize({ target }: TableState): number {
  if (target) return target.kind === "classes" ? target.classes.length : 1;
  throw new DataError("outputSize: the table has no target; give it one: table(source, { target: … })");
}

/**
 * What a difference of 1 in the column `y` is in the target's own unit, or of its logarithm with scale "log". For metrics
 * that people can read.
 */
export function targetScale({ target }: TableState): number {
  if (target?.kind === "number") return target.scale;
  throw new DataError(`targetScale: the target ${target?.name ?? "is absent, and"} is no number`);
}

/** How many integers an embedding column has: its words, and 0 for others. */
export function vocabularySize({ inputs }: TableState, name: string): number {
  const input = inputs.find((candidate) => candidate.name === name);
  if (input?.kind === "embedding") return input.words.length + 1;
  const embeddings = inputs.filter(({ kind }) => kind === "embedding").map((embedding) => embedding.name);
  throw new DataError(
    `vocabularySize: ${JSON.stringify(name)} is no embedding; there are ${embeddings.join(", ") || "none"}`,
  );
}

function largest(values: ArrayLike<number>, from: number, count: number): number {
  let best = 0;
  for (let i = 1; i < count; i++) if (values[from + i]! > values[from + best]!) best = i;
  return best;
}

/** More digits than these are not in a float32. */
const digits = 9;

/**
 * What a model's output means: per row the class with the largest output, or the number in its own unit.
 *
 * @param output [n, classes]; or [n, 1] for a number, and for two classes (the second above 0, as of a logit)
 * @throws DataError if the output has another size
 */
export function decodeTarget(output: Tensor, state: TableState): (string | number)[] {
  const size = outputSize(state);
  const [rows = 1] = output.shape;
  const width = output.size / rows;
  const target = state.target!;
  const isLogit = target.kind === "classes" && size === 2 && width === 1;
  if (width !== size && !isLogit) {
    throw new DataError(
      `decodeTarget: the output has shape [${output.shape.join(",")}], expected [n,${size}], ${target.kind === "classes" ? `one number per class of ${target.name}` : `the number ${target.name}`}`,
    );
  }
  const values = output.toArray() as ArrayLike<number>;
  return Array.from({ length: rows }, (_, row) => {
    if (target.kind === "classes") {
      return target.classes[isLogit ? Number(values[row]! > 0) : largest(values, row * width, width)]!;
    }
    const value = values[row]! * target.scale + target.shift;
    const number = target.log ? Math.exp(value) : value;
    return target.type === "date" ? showDate(number) : Number(number.toPrecision(digits));
  });
}
