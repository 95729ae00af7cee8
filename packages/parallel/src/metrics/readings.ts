// How scores read a job's outputs: labels, class scores, probabilities, single numbers per sample. Everything is
// float64, and errors name the mistake. Knows nothing of any score.

import type { NumericArray, Shape } from "@shardgrad/core";
import { IndexError } from "@shardgrad/core";
import { optionNames } from "@shardgrad/core/engine";
import { JobError } from "../errors.ts";
import type { Collected } from "./definition.ts";

const format = (shape: Shape) => `[${shape.map((length, axis) => (axis === 0 ? "n" : length)).join(",")}]`;

/** Numbers in each row. */
export function rowSize({ shape }: Collected): number {
  return shape.slice(1).reduce((size, length) => size * length, 1);
}

/** Throws unless there is one number per sample, `[n]` or `[n,1]`. */
export function single(what: string, x: Collected): NumericArray {
  if (rowSize(x) === 1) return x.data;
  throw new JobError(`got ${what} ${format(x.shape)}, expected one per sample, [n]`);
}

/**
 * Thrown for a label that is not a class. A caller that knows the samples can reword it.
 *
 * @param classes how many there are; Infinity if unknown
 */
export function labelError(
  what: string,
  { data, shape }: Collected,
  place: number,
  classes: number,
): IndexError {
  const range = Number.isFinite(classes) ? `from 0 to ${classes - 1}` : "of at least 0";
  const expected = `integers ${range}; check the labels against the number of classes`;
  return new IndexError(what, { value: data[place]!, place, shape }, expected);
}

/** One label per sample: integers from 0, below `classes` if known. Floats must be whole numbers. */
export function readLabels(what: string, x: Collected, classes = Number.POSITIVE_INFINITY): Int32Array {
  const data = single(what, x);
  const bad = data.findIndex((label) => !(Number.isInteger(label) && label >= 0 && label < classes));
  if (bad < 0) return Int32Array.from(data);
  throw labelError(what, x, bad, classes);
}

/** How to read predicted classes from a model's outputs. */
export interface PredictionOptions {
  /**
   * For two classes and one number per sample: class 1 from this value on. Use 0 for logits, 0.5 for probabilities. No
   * default.
   */
  threshold?: number;
}

/** Options of scikit-learn that the scores here do not have. */
export const scoreInstead = { sampleWeight: "the job's sampleWeight counts; leave it out" };
export const predictionOptions = optionNames<PredictionOptions>({ threshold: true }, scoreInstead);

/** The number of classes of an output: the last axis of `[n,classes]`; 2 for one number per sample. */
export function classesOf(shape: Shape): number {
  return shape.length === 0 || (shape.length === 1 && shape[0] === 1) ? 2 : shape[0]!;
}

/** A row of scores `[n,classes]`; throws for any other shape. */
export function requireClasses(x: Collected): number {
  if (x.shape.length === 2 && x.shape[1]! >= 2) return x.shape[1]!;
  throw new JobError(`got scores ${format(x.shape)}, expected one for each class, [n,classes]`);
}

/** The index of the first largest number of a row; -1, which is no class, if one is NaN. */
function argmax(data: NumericArray, from: number, length: number): number {
  let best = 0;
  for (let i = 0; i < length; i++) {
    const value = data[from + i]!;
    if (Number.isNaN(value)) return -1;
    if (value > data[from + best]!) best = i;
  }
  return best;
}

/**
 * The predicted class of each sample: from class scores `[n,classes]`, from one number `[n]` and a threshold, or from
 * int32 labels. NaN gives -1, which is no class.
 */
export function readPredictions(x: Collected, { threshold }: PredictionOptions): Int32Array {
  const { data, shape } = x;
  const samples = shape[0]!;
  if (rowSize(x) > 1) {
    const classes = requireClasses(x);
    return Int32Array.from({ length: samples }, (_, i) => argmax(data, i * classes, classes));
  }
  if (data instanceof Int32Array || data instanceof Uint8Array) return readLabels("predictions", x);
  if (threshold === undefined) {
    throw new JobError(
      "got one number per sample, expected scores of classes [n,classes], or a threshold: 0 for logits, 0.5 for probabilities",
    );
  }
  return Int32Array.from(data, (value) => (Number.isNaN(value) ? -1 : Number(value >= threshold)));
}

/** How to read probabilities from a model's outputs. */
export interface ProbabilityOptions {
  /** Whether the model outputs logits, to which softmax or sigmoid is applied. By default it outputs probabilities. */
  logits?: boolean;
}

export const probabilityOptions = optionNames<ProbabilityOptions>({ logits: true }, scoreInstead);

/** How far the sum of a row of float32 probabilities may be from 1. */
const tolerance = 1e-4;

function checkProbabilities(data: ArrayLike<number>, from: number, length: number): void {
  let sum = 0;
  for (let i = from; i < from + length; i++) {
    if (!(data[i]! >= 0 && data[i]! <= 1) && !Number.isNaN(data[i]!)) {
      throw new JobError(`got ${data[i]}, expected probabilities; are these logits? Say { logits: true }`);
    }
    sum += data[i]!;
  }
  if (length > 1 && Math.abs(sum - 1) > tolerance) {
    throw new JobError(
      `got a row that sums to ${Number(sum.toPrecision(6))}, expected probabilities of all classes, which sum to 1; are these logits? Say { logits: true }`,
    );
  }
}

/** Log-softmax of a row: subtracts the log of the sum of the exponentials. */
export function logSoftmaxRow(data: ArrayLike<number>, from: number, length: number): Float64Array {
  let most = Number.NEGATIVE_INFINITY;
  for (let i = from; i < from + length; i++) most = Math.max(most, data[i]!);
  let sum = 0;
  for (let i = from; i < from + length; i++) sum += Math.exp(data[i]! - most);
  const logSum = most + Math.log(sum);
  return Float64Array.from({ length }, (_, i) => data[from + i]! - logSum);
}

/** Probabilities of all classes, one row after another. */
export function readProbabilities(x: Collected, { logits = false }: ProbabilityOptions): Float64Array {
  const classes = requireClasses(x);
  const samples = x.shape[0]!;
  const y = new Float64Array(samples * classes);
  for (let i = 0; i < samples; i++) {
    const from = i * classes;
    if (logits) y.set(logSoftmaxRow(x.data, from, classes).map(Math.exp), from);
    else {
      checkProbabilities(x.data, from, classes);
      y.set(x.data.subarray(from, from + classes), from);
    }
  }
  return y;
}

/** Probabilities of class 1, for two classes and one number per sample. */
export function readBinaryProbabilities(x: Collected): Float64Array {
  const y = Float64Array.from(single("scores", x));
  for (let i = 0; i < y.length; i++) checkProbabilities(y, i, 1);
  return y;
}

/** The weight of each sample. */
export function weightOf(weights: Float32Array | undefined): (sample: number) => number {
  return weights ? (sample) => weights[sample]! : () => 1;
}

/** The weighted mean; NaN if all weights are 0. */
export function weightedMean(values: ArrayLike<number>, weights: Float32Array | undefined): number {
  const weight = weightOf(weights);
  let [sum, total] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    // A number of weight 0 may be NaN.
    if (weight(i) === 0) continue;
    sum += weight(i) * values[i]!;
    total += weight(i);
  }
  return sum / total;
}
