// Scores of how samples are ordered by what a model says, whatever the threshold: ROC AUC and average precision. Each is
// scikit-learn's function of that name; of several classes, the mean of each against all others.
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

/** What lies at or above each of the thresholds that there are, from the highest score on: by label, in weights. */
interface Curve {
  hits: Float64Array;
  misses: Float64Array;
}

/** Samples in the order of their scores, equal ones together. Those without weight are left out. */
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

/** The area under the curve of hits by misses; NaN if there are none of one of them. */
function areaUnder({ hits, misses }: Curve): number {
  const [allHits, allMisses] = [hits.at(-1) ?? 0, misses.at(-1) ?? 0];
  let area = 0;
  hits.forEach((hit, i) => {
    area += ((misses[i]! - (misses[i - 1] ?? 0)) * (hit + (hits[i - 1] ?? 0))) / 2;
  });
  return area / (allHits * allMisses);
}

/** The mean of the precision at each threshold, by how much recall it brings; 0 if there is nothing to recall. */
function precisionOver({ hits, misses }: Curve): number {
  const all = hits.at(-1) ?? 0;
  if (all === 0) return 0;
  let mean = 0;
  hits.forEach((hit, i) => {
    mean += ((hit - (hits[i - 1] ?? 0)) / all) * (hit / (hit + misses[i]!));
  });
  return mean;
}

/** One number per sample, or two classes: what speaks for class 1. */
function binaryScores(x: Collected): Float64Array | undefined {
  if (rowSize(x) === 1) return Float64Array.from(x.data);
  if (requireClasses(x) > 2) return undefined;
  return Float64Array.from({ length: x.shape[0]! }, (_, i) => x.data[2 * i + 1]! - x.data[2 * i]!);
}

const isClass = (labels: NumericArray, of: number) =>
  Uint8Array.from(labels, (label) => Number(label === of));

/** A score of two classes, and the mean over all classes of it if there are more. */
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
 * The area under the ROC curve: how often a sample of class 1 scores higher than one of class 0, ties for a half. Scores are
 * one number per sample, of any kind, or those of two classes; of more classes they are probabilities, and the result is
 * the mean of each class against all others. NaN if a class has no samples, or all.
 */
export function rocAucScore(options: ProbabilityOptions = {}): Score {
  return ranking("rocAucScore", areaUnder, options);
}

/** Average precision: the mean precision over the recall that each threshold brings. Scores as for `rocAucScore`. */
export function averagePrecisionScore(options: ProbabilityOptions = {}): Score {
  return ranking("averagePrecisionScore", precisionOver, options);
}
