// Question 1: each weight nudged, the network run again, the difference divided; beside backpropagation.
import type { GradientEstimator, Sequential } from "@shardgrad/core";
import { backpropagation, finiteDifferences, Linear, noGrad, scope } from "@shardgrad/core";
import { medianMs } from "./clock.ts";
import type { Layer } from "./dual-numbers.ts";
import { trueGradient } from "./dual-numbers.ts";
import type { Problem } from "./networks.ts";
import { noiseProblem, spiralProblem, spirals } from "./networks.ts";
import { cosine, fittedSlope, flat, relativeError } from "./vectors.ts";

const widths = [2, 8, 3];
const dtypes = ["float32", "float64"] as const;
const schemes = ["forward", "central"] as const;

/** A gradient as plain numbers; nothing stays in memory. */
export function gradientBy(estimator: GradientEstimator, { loss, parameters }: Problem) {
  return scope(() => {
    const { gradients, evaluations } = estimator.estimate(loss, parameters);
    return { gradient: flat(gradients), evaluations };
  });
}

function layersOf(model: Sequential): Layer[] {
  const rows = (data: ArrayLike<number>, columns: number) =>
    Array.from({ length: data.length / columns }, (_, r) =>
      Array.from({ length: columns }, (_, c) => data[r * columns + c]!),
    );
  return model.layers
    .filter((layer) => layer instanceof Linear)
    .map(({ weight, bias }) => ({
      weight: rows(weight.toArray() as Float64Array, weight.shape[1]!),
      bias: [...(bias!.toArray() as Float64Array)],
    }));
}

/** The gradient of the small network by dual numbers. */
function truthOf(model: Sequential): Float64Array {
  return trueGradient(layersOf(model), spirals(48)).gradient;
}

/** Both ways on one small network in float64: the same gradient, and how often the network ran for it. */
export function agreement() {
  const problem = spiralProblem(widths, { dtype: "float64" });
  const truth = truthOf(problem.model);
  const exact = gradientBy(backpropagation(), problem);
  const nudged = gradientBy(finiteDifferences(), problem);
  return {
    weights: problem.weights,
    cosine: cosine(exact.gradient, nudged.gradient),
    backpropagation: {
      error: relativeError(exact.gradient, truth),
      evaluations: exact.evaluations,
    },
    nudging: { error: relativeError(nudged.gradient, truth), evaluations: nudged.evaluations },
    /** The first weights, for people to compare. */
    first: Array.from({ length: 4 }, (_, i) => [exact.gradient[i]!, nudged.gradient[i]!] as const),
  };
}

/** The error of the nudged gradient by delta, and that of backpropagation, which has none. */
export function errorByDelta(deltas: readonly number[]) {
  return dtypes.map((dtype) => {
    const problem = spiralProblem(widths, { dtype });
    const truth = truthOf(problem.model);
    const errorOf = (estimator: GradientEstimator) =>
      relativeError(gradientBy(estimator, problem).gradient, truth);
    const curves = schemes.map((scheme) => {
      const points = deltas.map((delta) => ({
        delta,
        error: errorOf(finiteDifferences({ scheme, stepSize: delta })),
      }));
      const best = points.reduce((a, b) => (b.error < a.error ? b : a));
      return { scheme, points, best };
    });
    return { dtype, backpropagation: errorOf(backpropagation()), curves };
  });
}

/** From 0.1 down to 1e-12, two for each power of ten. */
export const usualDeltas = Array.from({ length: 23 }, (_, i) => 10 ** (-1 - i / 2));

export interface Cost {
  weights: number;
  /** Milliseconds of one forward pass. */
  passMs: number;
  backpropagation: { passes: number; ms: number };
  /** Not `measured`: the time of a forward pass, times the number of passes. */
  nudging: { passes: number; ms: number; measured: boolean };
}

/** What one gradient costs. The loop runs in full where that should take at most `mostMs`. */
export function costOf(layerWidths: readonly number[], mostMs: number): Cost {
  return scope(() => {
    const problem = noiseProblem(layerWidths);
    const { weights, loss, parameters } = problem;
    const passMs = medianMs(() => noGrad(() => scope(() => loss().item())));
    const exact = backpropagation();
    let evaluations = 0;
    const ms = medianMs(() => {
      evaluations = scope(() => exact.estimate(loss, parameters).evaluations);
    });
    const passes = weights + 1;
    const measured = passes * passMs <= mostMs;
    const loop = () => gradientBy(finiteDifferences({ scheme: "forward" }), problem);
    const nudging = { passes, ms: measured ? medianMs(loop) : passes * passMs, measured };
    return { weights, passMs, backpropagation: { passes: evaluations, ms }, nudging };
  });
}

/** About 10, 100, … 10⁶ weights. */
export const usualNetworks: readonly (readonly number[])[] = [
  [1, 3, 1],
  [9, 9, 1],
  [31, 31, 1],
  [99, 99, 1],
  [177, 177, 1],
  [315, 315, 1],
  [561, 561, 1],
  [999, 999, 1],
];

/**
 * The slopes on logarithmic axes: what ten times as many weights cost. Seconds are fitted from `largeFrom` weights on:
 * below, a pass takes as long as its calls, however few the weights.
 */
export function costSlopes(costs: readonly Cost[], largeFrom = 30_000) {
  const large = costs.filter(({ weights }) => weights >= largeFrom);
  const slope = (of: readonly Cost[], y: (cost: Cost) => number) =>
    fittedSlope(of.map((cost) => ({ x: cost.weights, y: y(cost) })));
  return {
    largeFrom,
    passes: {
      nudging: slope(costs, ({ nudging }) => nudging.passes),
      backpropagation: slope(costs, ({ backpropagation }) => backpropagation.passes),
    },
    ms: {
      nudging: slope(large, ({ nudging }) => nudging.ms),
      backpropagation: slope(large, ({ backpropagation }) => backpropagation.ms),
    },
  };
}

/** All of question 1. */
export function measureOneByOne({ networks = usualNetworks, deltas = usualDeltas, mostMs = 4000 } = {}) {
  const costs = networks.map((layerWidths) => costOf(layerWidths, mostMs));
  return { agreement: agreement(), errors: errorByDelta(deltas), costs, slopes: costSlopes(costs) };
}
