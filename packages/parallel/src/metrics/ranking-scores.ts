// Scores of how a model ranks samples, for all thresholds: ROC AUC and average precision. Each matches scikit-learn's
// function of that name. For several classes, the mean of one-against-rest scores.
import type { NumericArray } from "@shardgrad/core";
import { checkParts } from "../check-parts.ts";
import type { Collected, CollectedOutputs, Score } from "./definition.ts";
import { defineScore } from "./definition.ts";
import type { ProbabilityOptions } from "./readings.ts";
import {
  probabilityOptions,
  readLabels,
  readProbabilities,
  requireClasses,
  rowSize,
  weightOf,
} from "./readings.ts";

/** The weight at or above each threshold, by label, from the highest score down. */
interface Curve {
  hits: Float64Array;
  misses: Float64Array;
}

/** Samples sorted by score, with ties grouped. Leaves out samples of weight 0. */
function curveOf(scores: Float64Array, positive: Uint8Array, weights: Float32Array | undefined): Curve {
  const weight = weightOf(weights);
  const order = Uint32Array.from(scores.keys())
    .filter((i) => weight(i) !== 0)
    .sort((a, b) => scores[b]! - scores[a]! || a - b);
  const hits: number[] = [];
  const misses: number[] = [];
  let [hit, missed] = [0, 0];
  order.forEach((i, at) => {
    if (positive[i]) hit += weight(i);
    else missed += weight(i);
    if (at + 1 < order.length && scores[order[at + 1]!] === scores[i]) return;
    hits.push(hit);
    misses.push(missed);
  });
  return { hits: Float64Array.from(hits), misses: Float64Array.from(misses) };
}

/** The area under the curve of true positives over false positives; NaN if a class is empty. */
function areaUnder({ hits, misses }: Curve): number {
  const [allHits, allMisses] = [hits.at(-1) ?? 0, misses.at(-1) ?? 0];
  let area = 0;
  hits.forEach((hit, i) => {
    area += ((misses[i]! - (misses[i - 1] ?? 0)) * (hit + (hits[i - 1] ?? 0))) / 2;
  });
  return area / (allHits * allMisses);
}

/** The precision at each threshold, averaged by the recall it adds; 0 if there are no positives. */
function precisionOver({ hits, misses }: Curve): number {
  const all = hits.at(-1) ?? 0;
  if (all === 0) return 0;
  let mean = 0;
  hits.forEach((hit, i) => {
    mean += ((hit - (hits[i - 1] ?? 0)) / all) * (hit / (hit + misses[i]!));
  });
  return mean;
}

/** The score of class 1: from one number per sample, or from two classes. */
function binaryScores(x: Collected): Float64Array | undefined {
  if (rowSize(x) === 1) return Float64Array.from(x.data);
  if (requireClasses(x) > 2) return undefined;
  return Float64Array.from({ length: x.shape[0]! }, (_, i) => x.data[2 * i + 1]! - x.data[2 * i]!);
}

const isClass = (labels: NumericArray, of: number) =>
  Uint8Array.from(labels, (label) => Number(label === of));

/** The score of two classes; for more, the mean of one-against-rest scores. */
function ranking(name: string, of: (curve: Curve) => number, options: ProbabilityOptions): Score {
  checkParts(name, options, probabilityOptions, "option");
  const keep = ([scores, labels]: CollectedOutputs): CollectedOutputs => {
    const samples = scores.shape[0]!;
    const binary = binaryScores(scores);
    const classes = binary ? 2 : scores.shape[1]!;
    const own = readLabels("labels", labels, classes);
    const kept = binary ?? readProbabilities(scores, options);
    return [
      { data: kept, shape: binary ? [samples] : [samples, classes] },
      { data: own, shape: [samples] },
    ];
  };
  return defineScore("max", keep, ([{ data, shape }, labels], { samples, weights }) => {
    if (data.some(Number.isNaN)) return Number.NaN;
    const scores = data as Float64Array;
    if (shape.length === 1) return of(curveOf(scores, isClass(labels.data, 1), weights));
    const classes = shape[1]!;
    let sum = 0;
    for (let own = 0; own < classes; own++) {
      const column = Float64Array.from({ length: samples }, (_, i) => scores[i * classes + own]!);
      sum += of(curveOf(column, isClass(labels.data, own), weights));
    }
    return sum / classes;
  });
}

/**
 * The area under the ROC curve: how often a sample of class 1 scores higher than one of class 0, with ties counting
 * half. Takes one number per sample, of any scale, or the scores of two classes. More classes need probabilities, and
 * give the mean of one-against-rest scores. NaN if a class has no samples, or all of them.
 */
export function rocAucScore(options: ProbabilityOptions = {}): Score {
  return ranking("rocAucScore", areaUnder, options);
}

/** Average precision: the precision at each threshold, averaged by the recall it adds. Scores as for `rocAucScore`. */
export function averagePrecisionScore(options: ProbabilityOptions = {}): Score {
  return ranking("averagePrecisionScore", precisionOver, options);
}
