// Scores of predicted classes: how many are right, of which, and what is taken for what. Each is scikit-learn's function of
// that name. Only the predicted class and the label of a sample are collected, or whether it is a hit.

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

/** The number of classes that is known from the outputs; none for labels that a model gives itself. */
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

/** The share of samples whose class is predicted. */
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

/** The share of samples whose class is among the `k` with the highest scores. */
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
        // Of equal scores the last class comes first. NaN comes before everything.
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
 * What was predicted for what: a row for each class, a column for each that is predicted, and in them the samples, or their
 * weights. It needs scores of classes, `[n,classes]`, or a threshold.
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

/** How the scores of the classes become one. */
export interface AverageOptions extends PredictionOptions {
  /**
   * "binary": that of class 1, of two; "macro": their mean; "weighted": their mean by the samples of each class; "micro":
   * of all samples together. "binary" if absent.
   */
  average?: "binary" | "macro" | "micro" | "weighted";
}

const averageOptions = optionNames<AverageOptions>({ threshold: true, average: true }, scoreInstead);

/** Of one class, in samples or their weights. */
interface Counts {
  hits: number;
  predicted: number;
  actual: number;
}

/** Counts of the classes that there are, among the labels or the predictions, in their order. */
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

/** A score of single classes, from the counts of each. */
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

/** Of the samples that a class is predicted for, the share that are of it; 0 if it is predicted for none. */
export function precisionScore(options: AverageOptions = {}): Score {
  return averaged("precisionScore", ({ hits, predicted }) => ratio(hits, predicted), options);
}

/** Of the samples of a class, the share that it is predicted for; 0 if there are none. */
export function recallScore(options: AverageOptions = {}): Score {
  return averaged("recallScore", ({ hits, actual }) => ratio(hits, actual), options);
}

/** The harmonic mean of precision and recall; 0 if both are. */
export function f1Score(options: AverageOptions = {}): Score {
  return averaged("f1Score", ({ hits, predicted, actual }) => ratio(2 * hits, predicted + actual), options);
}
