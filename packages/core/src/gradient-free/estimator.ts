// One interface for all gradient estimators: backpropagation and the gradient-free ones. See README.md in this folder.
import { noGrad, withGrad } from "../autograd/define-op.ts";
import { GradientError, ShapeError, ValueError } from "../errors.ts";
import { zerosLike } from "../ops/create/like.ts";
import { requireFloat } from "../require-tensor.ts";
import { scope } from "../scope.ts";
import { formatShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/** The result of an estimator. */
export interface GradientEstimate {
  /** One per parameter, of its shape and dtype, contiguous; zeros for a frozen one. */
  gradients: Tensor[];
  /** The loss at the parameters; for random perturbations the mean over them, which needs no extra evaluation. */
  loss: number;
  /** How often the loss was computed. */
  evaluations: number;
}

/**
 * An estimate in two parts, so that the shards of a batch can share it: they exchange numbers instead of gradients.
 * Numbers are losses at other points, or slopes.
 */
export interface SharedRule {
  /** What decides the estimates besides the step, with defaults filled in: equal settings give equal gradients. */
  readonly settings: Readonly<Record<string, string | number>>;
  /** How many numbers there are for so many elements. */
  count(elements: number): number;
  /** The numbers of a loss. Those of a mean over shards are the means of the shards' numbers. */
  measure(problem: GradientProblem): number[];
  /** The loss that they tell. */
  lossOf(numbers: ArrayLike<number>): number;
  /** The gradients that follow from them at these parameters. Draws the directions of the step again. */
  gradients(parameters: readonly Tensor[], step: number, numbers: ArrayLike<number>): Tensor[];
}

/** Estimates the gradient of a scalar loss. */
export interface GradientEstimator {
  readonly name: string;
  /** Estimates made so far. Random directions depend only on the seed and on this: set it to resume a run. */
  step: number;
  /** For trainers that split a batch. Absent if the rule has no such parts. */
  readonly shared?: SharedRule;
  /**
   * Estimates the gradient of a scalar loss. May change parameters in place meanwhile, and restores them bit for bit,
   * even if the loss throws. Leaves frozen ones alone.
   *
   * @param loss computes the loss from the current parameters; must return the same each time
   */
  estimate(loss: () => Tensor, parameters: readonly Tensor[]): GradientEstimate;
}

/** What a rule can use. */
export interface GradientProblem {
  readonly parameters: readonly Tensor[];
  readonly step: number;
  /** The loss at the current parameters. */
  evaluate: () => number;
  /** The same with its graph, for rules that differentiate. */
  record: () => Tensor;
}

/** Makes an estimator from a rule: counts steps and evaluations, and frees everything but the gradients. */
export function defineEstimator(
  name: string,
  rule: (problem: GradientProblem) => { gradients: Tensor[]; loss: number },
): GradientEstimator {
  return {
    name,
    step: 0,
    estimate(loss, all) {
      checkParameters(name, all);
      const parameters = all.filter(({ frozen }) => !frozen);
      if (parameters.length === 0) {
        throw new ValueError(`${name}: all parameters are frozen; set requiresGrad of some to true`);
      }
      let evaluations = 0;
      const compute = (): Tensor => {
        evaluations++;
        const value = loss();
        if (value.size === 1) return value;
        throw new ShapeError(
          `${name}: the loss has shape ${formatShape(value.shape)}, expected a scalar; reduce it (mean, sum)`,
        );
      };
      const evaluate = (): number => noGrad(() => scope(() => compute().item()));
      const record = (): Tensor => {
        requireGradients(name, parameters);
        return withGrad(true, compute);
      };
      const estimate = scope(() => {
        const { gradients, loss } = rule({ parameters, step: this.step, evaluate, record });
        const own = new Map(parameters.map((parameter, index) => [parameter, gradients[index]!]));
        return { loss, gradients: all.map((parameter) => own.get(parameter) ?? zerosLike(parameter)) };
      });
      this.step++;
      return { ...estimate, evaluations };
    },
  };
}

/** Makes an estimator whose work shards can share. */
export function defineSharedEstimator(name: string, shared: SharedRule): GradientEstimator {
  const estimator = defineEstimator(name, (problem) => {
    const numbers = shared.measure(problem);
    const gradients = shared.gradients(problem.parameters, problem.step, numbers);
    return { gradients, loss: shared.lossOf(numbers) };
  });
  return { ...estimator, shared };
}

/** The mean of some numbers. */
export function meanOf(numbers: ArrayLike<number>): number {
  return Array.from(numbers).reduce((sum, value) => sum + value, 0) / numbers.length;
}

function checkParameters(name: string, parameters: readonly Tensor[]): void {
  if (parameters.length === 0) throw new ValueError(`${name}: got no parameters; pass model.parameters()`);
  parameters.forEach((parameter, index) => {
    requireFloat(name, parameter, `parameter ${index}`);
    if (parameter.contiguous) return;
    throw new ValueError(
      `${name}: parameter ${index} (shape ${formatShape(parameter.shape)}) is a view that is not contiguous, expected a tensor of its own`,
    );
  });
}

function requireGradients(name: string, parameters: readonly Tensor[]): void {
  const index = parameters.findIndex(({ requiresGrad }) => !requiresGrad);
  if (index < 0) return;
  const { shape } = parameters[index]!;
  throw new GradientError(
    `${name}: parameter ${index} (shape ${formatShape(shape)}) requires no gradient; set requiresGrad`,
  );
}

/** Throws unless `value` is a finite number above 0. */
export function requirePositive(name: string, option: string, value: number): void {
  if (!(Number.isFinite(value) && value > 0)) {
    throw new ValueError(`${name}: ${option} is ${value}, expected a number above 0`);
  }
}

/** Throws unless `value` is an integer of at least 1. */
export function requireCount(name: string, option: string, value: number): void {
  if (!(Number.isSafeInteger(value) && value >= 1)) {
    throw new ValueError(`${name}: ${option} is ${value}, expected an integer of at least 1`);
  }
}
