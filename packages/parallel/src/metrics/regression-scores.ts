// Scores of predicted numbers. Each matches scikit-learn's function of that name, for predictions and targets of one
// shape, `[n]`, `[n,1]` or `[n,outputs]`. The result is the mean over the outputs.
import { optionNames } from "@shardgrad/core/engine";
import { checkParts } from "../check-parts.ts";
import { JobError } from "../errors.ts";
import type { Collected, CollectedOutputs, Direction, Score } from "./definition.ts";
import { defineScore } from "./definition.ts";
import { rowSize, weightedMean } from "./readings.ts";

const residualsOptions = optionNames<{ rows: number }>({ rows: true });

/** One of the numbers of each sample, predicted and right. */
interface Column {
  predictions: Float64Array;
  targets: Float64Array;
  weights: Float32Array | undefined;
}

function check(name: string, [predictions, targets]: CollectedOutputs): void {
  const [own, other] = [predictions, targets].map(({ shape }) => `[${shape.join(",")}]`);
  const single = rowSize(predictions) === 1 && rowSize(targets) === 1;
  if (single || own === other) return;
  throw new JobError(
    `${name} got predictions ${own} and targets ${other}, expected one shape; reshape one of them`,
  );
}

function columnOf({ data, shape }: Collected, output: number, outputs: number): Float64Array {
  return Float64Array.from({ length: shape[0]! }, (_, i) => data[i * outputs + output]!);
}

/** The mean over a sample's numbers of the score of each. */
function regression(name: string, direction: Direction, of: (column: Column) => number): Score {
  const keep = (outputs: CollectedOutputs): CollectedOutputs => {
    check(name, outputs);
    return outputs;
  };
  return defineScore(direction, keep, ([predictions, targets], { weights }) => {
    const outputs = rowSize(predictions);
    let sum = 0;
    for (let output = 0; output < outputs; output++) {
      const [own, right] = [columnOf(predictions, output, outputs), columnOf(targets, output, outputs)];
      sum += of({ predictions: own, targets: right, weights });
    }
    return sum / outputs;
  });
}

const meanOf = ({ predictions, targets, weights }: Column, f: (error: number) => number): number =>
  weightedMean(
    predictions.map((prediction, i) => f(prediction - targets[i]!)),
    weights,
  );

const squared = (error: number) => error * error;

/** The mean squared error. */
export function meanSquaredError(): Score {
  return regression("meanSquaredError", "min", (column) => meanOf(column, squared));
}

/** The root of the mean squared error. */
export function rootMeanSquaredError(): Score {
  return regression("rootMeanSquaredError", "min", (column) => Math.sqrt(meanOf(column, squared)));
}

/** The mean absolute error. */
export function meanAbsoluteError(): Score {
  return regression("meanAbsoluteError", "min", (column) => meanOf(column, Math.abs));
}

/**
 * R², the share of the targets' variance that the model predicts: 1 at best, 0 for predicting their mean. For constant
 * targets: 1 if predicted exactly, else 0. For a single sample: NaN.
 */
export function r2Score(): Score {
  return regression("r2Score", "max", (column) => {
    const { targets, weights } = column;
    if (targets.length < 2) return Number.NaN;
    const left = meanOf(column, squared);
    const counting = targets.filter((_, i) => weights?.[i] !== 0);
    // Compares the values: rounding may leave their variance above 0.
    if (counting.every((target) => target === counting[0])) return left === 0 ? 1 : 0;
    const mean = weightedMean(targets, weights);
    const variance = weightedMean(
      targets.map((target) => squared(target - mean)),
      weights,
    );
    return 1 - left / variance;
  });
}

/**
 * Pairs of a target and its prediction, `[rows, 2]`: those of samples that are spread evenly over the set, which a report
 * shows as residuals. If there are fewer samples, the last rows are NaN.
 */
export function residuals(options: { rows?: number } = {}): Score {
  checkParts("residuals", options, residualsOptions, "option");
  const { rows = 500 } = options;
  if (!(Number.isSafeInteger(rows) && rows >= 3))
    throw new JobError(`residuals: rows is ${String(rows)}, expected an integer of at least 3`);
  return defineScore(undefined, undefined, ([predictions, targets]) => {
    const [predicted, expected] = [predictions.data, targets.data];
    const count = expected.length;
    const places = Array.from({ length: rows }, (_, row) =>
      count <= rows ? row : Math.floor((row * count) / rows),
    );
    return places.map((at) => (at < count ? [expected[at]!, predicted[at]!] : [Number.NaN, Number.NaN]));
  });
}
