// Scores of predicted classes: accuracy, precision, recall, confusion. Each matches scikit-learn's function of that
// name. They collect only the predicted class and the label of each sample, or whether it is a hit.

import { optionNames } from "@shardgrad/core/engine";
import { checkParts } from "../check-parts.ts";
import { JobError } from "../errors.ts";
import type { Collected, CollectedOutputs, Score, ScoreInfo } from "./definition.ts";
import { defineScore } from "./definition.ts";
import type { PredictionOptions } from "./readings.ts";
import {
  classesOf,
  predictionOptions,
  readLabels,
  readPredictions,
  requireClasses,
  scoreInstead,
  weightedMean,
  weightOf,
} from "./readings.ts";

const column = (data: Collected["data"]): Collected => ({ data, shape: [data.length] });

/** The number of classes if the outputs tell it; undefined if the model outputs labels. */
function classCount({ data, shape }: Collected): number | undefined {
  const own = shape.slice(1);
  const labelled = data instanceof Int32Array || data instanceof Uint8Array;
  return labelled && classesOf(own) === 2 ? undefined : classesOf(own);
}

/** Collects predicted classes and labels. */
const keepClasses =
  (options: PredictionOptions) =>
  ([scores, labels]: CollectedOutputs): CollectedOutputs => [
    column(readPredictions(scores, options)),
    column(readLabels("labels", labels, classCount(scores))),
  ];

/** The share of samples whose predicted class is right. */
export function accuracyScore(options: PredictionOptions = {}): Score {
  checkParts("accuracyScore", options, predictionOptions, "option");
  return defineScore("max", keepClasses(options), ([predictions, labels], { weights }) =>
    weightedMean(
      predictions.data.map((prediction, i) => Number(prediction === labels.data[i])),
      weights,
    ),
  );
}

const topKOptions = optionNames<{ k: number }>({ k: true }, scoreInstead);

/** The share of samples whose label is among the `k` classes with the highest scores. */
export function topKAccuracyScore(options: { k: number }): Score {
  checkParts("topKAccuracyScore", options, topKOptions, "option");
  const { k } = options;
  const keep = ([scores, labels]: CollectedOutputs): CollectedOutputs => {
    const classes = requireClasses(scores);
    const { data } = scores;
    const hits = Uint8Array.from(readLabels("labels", labels, classes), (label, sample) => {
      const from = sample * classes;
      let rank = 0;
      for (let other = 0; other < classes; other++) {
        // Among equal scores, the last class ranks first. NaN ranks before everything.
        const [own, value] = [data[from + label]!, data[from + other]!];
        if (other !== label && !(value < own || (value === own && other < label))) rank++;
      }
      return Number(rank < k);
    });
    return [column(hits), column(hits)];
  };
  if (!(Number.isSafeInteger(k) && k >= 1)) {
    throw new JobError(`topKAccuracyScore: k is ${String(k)}, expected an integer of at least 1`);
  }
  return defineScore("max", keep, ([hits], { weights }) => weightedMean(hits.data, weights));
}

/**
 * The confusion matrix: a row per true class, a column per predicted class, each cell a number of samples or the sum of
 * their weights. Needs scores of classes, `[n,classes]`, or a threshold.
 */
export function confusionMatrix(options: PredictionOptions = {}): Score {
  checkParts("confusionMatrix", options, predictionOptions, "option");
  const keep = (outputs: CollectedOutputs): CollectedOutputs => {
    if (classCount(outputs[0]) !== undefined) return keepClasses(options)(outputs);
    throw new JobError(
      "confusionMatrix got labels as predictions, expected scores of classes, or a threshold",
    );
  };
  return defineScore(undefined, keep, ([predictions, labels], { weights, shapes }) => {
    const classes = classesOf(shapes[0]!);
    const weight = weightOf(weights);
    const matrix = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
    predictions.data.forEach((prediction, i) => {
      if (prediction >= 0) matrix[labels.data[i]!]![prediction]! += weight(i);
    });
    return matrix;
  });
}

/** How to average the scores of the classes. */
export interface AverageOptions extends PredictionOptions {
  /**
   * "binary": class 1 of two. "macro": the mean over classes. "weighted": the mean weighted by samples per class.
   * "micro": over all samples together. Default "binary".
   */
  average?: "binary" | "macro" | "micro" | "weighted";
}

const averageOptions = optionNames<AverageOptions>({ threshold: true, average: true }, scoreInstead);

/** The counts of one class, in samples or in weights. */
interface Counts {
  hits: number;
  predicted: number;
  actual: number;
}

/** The counts of every class that appears in the labels or the predictions, in order. */
function countClasses([predictions, labels]: CollectedOutputs, { weights }: ScoreInfo): Map<number, Counts> {
  const weight = weightOf(weights);
  const counts = new Map<number, Counts>();
  const of = (label: number) => {
    const known = counts.get(label) ?? { hits: 0, predicted: 0, actual: 0 };
    counts.set(label, known);
    return known;
  };
  labels.data.forEach((label, i) => {
    const prediction = predictions.data[i]!;
    of(label).actual += weight(i);
    of(prediction).predicted += weight(i);
    if (label === prediction) of(label).hits += weight(i);
  });
  counts.delete(-1);
  return new Map([...counts].sort(([a], [b]) => a - b));
}

const ratio = (part: number, whole: number) => (whole === 0 ? 0 : part / whole);

const averages = ["binary", "macro", "micro", "weighted"];

/** A score of single classes, from each one's counts. */
function averaged(name: string, of: (counts: Counts) => number, options: AverageOptions): Score {
  checkParts(name, options, averageOptions, "option");
  const { average = "binary" } = options;
  if (!averages.includes(average)) {
    throw new JobError(`${name}: average is ${JSON.stringify(average)}, expected ${averages.join(", ")}`);
  }
  const keep = (outputs: CollectedOutputs): CollectedOutputs => {
    const [predictions, labels] = keepClasses(options)(outputs);
    const classes = Math.max(
      classCount(outputs[0]) ?? 2,
      ...[predictions, labels].map(({ data }) => 1 + maximum(data)),
    );
    if (average !== "binary" || classes <= 2) return [predictions, labels];
    throw new JobError(
      `${name} got ${classes} classes, and averages by "binary"; expected average: "macro", "micro" or "weighted"`,
    );
  };
  return defineScore("max", keep, (outputs, info) => {
    const counts = countClasses(outputs, info);
    const all = [...counts.values()];
    const sum = (each: (counts: Counts) => number) => all.reduce((total, own) => total + each(own), 0);
    const [hits, predicted, actual] = [
      sum((own) => own.hits),
      sum((own) => own.predicted),
      sum((own) => own.actual),
    ];
    switch (average) {
      case "binary":
        return of(counts.get(1) ?? { hits: 0, predicted: 0, actual: 0 });
      case "micro":
        return of({ hits, predicted, actual });
      case "macro":
        return sum(of) / all.length;
      case "weighted":
        return ratio(
          sum((own) => own.actual * of(own)),
          actual,
        );
    }
  });
}

function maximum(data: Collected["data"]): number {
  let most = 0;
  for (const value of data) most = Math.max(most, value);
  return most;
}

/** Precision: the share of samples predicted as a class that belong to it; 0 if none is predicted. */
export function precisionScore(options: AverageOptions = {}): Score {
  return averaged("precisionScore", ({ hits, predicted }) => ratio(hits, predicted), options);
}

/** Recall: the share of a class's samples that are predicted as it; 0 if it has none. */
export function recallScore(options: AverageOptions = {}): Score {
  return averaged("recallScore", ({ hits, actual }) => ratio(hits, actual), options);
}

/** F1: the harmonic mean of precision and recall; 0 if both are 0. */
export function f1Score(options: AverageOptions = {}): Score {
  return averaged("f1Score", ({ hits, predicted, actual }) => ratio(2 * hits, predicted + actual), options);
}
