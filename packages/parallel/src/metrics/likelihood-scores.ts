// Scores of probabilities: how likely the model finds the labels. They collect only the loss of each sample.

import { optionNames } from "@shardgrad/core/engine";
import { checkParts } from "../check-parts.ts";
import { JobError } from "../errors.ts";
import type { Collected, CollectedOutputs, Score } from "./definition.ts";
import { defineScore } from "./definition.ts";
import type { ProbabilityOptions } from "./readings.ts";
import {
  labelError,
  logSoftmaxRow,
  probabilityOptions,
  readBinaryProbabilities,
  readLabels,
  readProbabilities,
  requireClasses,
  rowSize,
  weightedMean,
} from "./readings.ts";

/** The float32 epsilon. Probabilities of 0 and 1 are moved inward by this. */
const epsilon = 2 ** -23;

const clipped = (p: number) => Math.min(1 - epsilon, Math.max(epsilon, p));

/** The negative log of each label's probability. */
function labelLosses([scores, labels]: CollectedOutputs, options: ProbabilityOptions): Float64Array {
  const { data } = scores;
  const classes = rowSize(scores) === 1 ? 2 : requireClasses(scores);
  const own = readLabels("labels", labels, classes);
  if (rowSize(scores) === 1) {
    // For a logit z: log(1 + exp(±z)), the negative log of the sigmoid of ∓z.
    const softplus = (z: number) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));
    if (options.logits)
      return Float64Array.from(own, (label, i) => softplus(label === 1 ? -data[i]! : data[i]!));
    const p = readBinaryProbabilities(scores);
    return p.map((value, i) => -Math.log(own[i] === 1 ? clipped(value) : 1 - clipped(value)));
  }
  if (options.logits)
    return Float64Array.from(own, (label, i) => -logSoftmaxRow(data, i * classes, classes)[label]!);
  const p = readProbabilities(scores, options);
  return Float64Array.from(own, (label, i) => -Math.log(clipped(p[i * classes + label]!)));
}

/**
 * The mean negative log-likelihood of the labels, as in scikit-learn's `log_loss`. Takes probabilities `[n,classes]`,
 * or `[n]` for class 1; with `logits`, applies softmax or sigmoid first.
 */
export function logLoss(options: ProbabilityOptions = {}): Score {
  checkParts("logLoss", options, probabilityOptions, "option");
  const keep = (outputs: CollectedOutputs): CollectedOutputs => {
    const data = labelLosses(outputs, options);
    const losses: Collected = { data, shape: [data.length] };
    return [losses, losses];
  };
  return defineScore("min", keep, ([losses], { weights }) => weightedMean(losses.data, weights));
}

const perplexityOptions = optionNames<{ ignoreIndex?: number }>({ ignoreIndex: true });

/**
 * Perplexity: the exponential of the mean cross entropy of all labels. Takes logits `[n,…,classes]` and labels `[n,…]`,
 * such as the tokens of a text. Leaves out labels equal to `ignoreIndex` (default -100, as in `crossEntropy`).
 */
export function perplexity(options: { ignoreIndex?: number } = {}): Score {
  checkParts("perplexity", options, perplexityOptions, "option");
  const { ignoreIndex = -100 } = options;
  const keep = ([logits, labels]: CollectedOutputs): CollectedOutputs => {
    const classes = logits.shape.at(-1)!;
    if (logits.shape.length < 2 || `${logits.shape.slice(0, -1)}` !== `${labels.shape}`) {
      throw new JobError(
        `perplexity got logits [${logits.shape.join(",")}] and labels [${labels.shape.join(",")}], expected [n,…,classes] and [n,…]; reshape or permute the logits`,
      );
    }
    const samples = labels.shape[0]!;
    const perSample = labels.data.length / samples;
    const sums = new Float64Array(2 * samples);
    labels.data.forEach((label, i) => {
      if (label === ignoreIndex) return;
      if (!(Number.isInteger(label) && label >= 0 && label < classes))
        throw labelError("labels", labels, i, classes);
      const sample = 2 * Math.floor(i / perSample);
      sums[sample]! -= logSoftmaxRow(logits.data, i * classes, classes)[label]!;
      sums[sample + 1]! += 1;
    });
    const kept: Collected = { data: sums, shape: [samples, 2] };
    return [kept, kept];
  };
  return defineScore("min", keep, ([{ data }], { samples, weights }) => {
    let [loss, count] = [0, 0];
    for (let i = 0; i < samples; i++) {
      const weight = weights ? weights[i]! : 1;
      if (weight === 0) continue;
      loss += weight * data[2 * i]!;
      count += weight * data[2 * i + 1]!;
    }
    return Math.exp(loss / count);
  });
}
