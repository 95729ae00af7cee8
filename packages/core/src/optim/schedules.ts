// Learning rates as pure functions of the step: nothing to save, nothing to advance. Formulas and defaults are those of
// torch.optim.lr_scheduler. An optimizer takes one as its `lr` and calls it with the number of updates done so far.

import { ValueError } from "../errors.ts";
import { checkOptions, optionNames } from "../options.ts";

/** The learning rate of the update after `step` others: the first one is at step 0. */
export interface Schedule {
  (step: number): number;
  /** The number of updates that it is made for, if it has an end: a longer run goes on as the schedule's text says. */
  readonly steps?: number;
}

/** A schedule that knows its end. */
const ending = (steps: number, lrAt: (step: number) => number): Schedule => Object.assign(lrAt, { steps });

/** What PyTorch's schedules take besides. */
const scheduleInstead = {
  baseMomentum: "the momentum stays as it is; leave it out",
  cycleMomentum: "the momentum stays as it is; leave it out",
  lastEpoch: "the optimizer counts its steps; leave it out",
  maxMomentum: "the momentum stays as it is; leave it out",
  stepsPerEpoch: "give steps, the epochs times the steps of each",
};

/** Linear between two values; `share` runs from 0 to 1. */
const linear = (from: number, to: number, share: number): number => from + (to - from) * share;

/** Half a cosine wave between two values; `share` runs from 0 to 1. */
const cosine = (from: number, to: number, share: number): number =>
  to + ((from - to) * (1 + Math.cos(Math.PI * share))) / 2;

/** Options of `constantSchedule`. */
export interface ConstantScheduleOptions {
  lr: number;
  /** What the first updates multiply it with; 1 if absent. */
  factor?: number;
  /** How many these are; 0 if absent. */
  steps?: number;
}

const constantOptions = optionNames<ConstantScheduleOptions>(
  { lr: true, factor: true, steps: true },
  scheduleInstead,
);

/**
 * `lr`, or `lr · factor` for the first `steps` updates (`ConstantLR`).
 *
 * @throws ValueError for an option out of range, as do all schedules
 */
export function constantSchedule(options: ConstantScheduleOptions): Schedule {
  checkOptions("constantSchedule", options, constantOptions);
  const { lr, factor = 1, steps = 0 } = options;
  requireNumbers("constantSchedule", { lr, factor, steps });
  return (step) => (step < steps ? lr * factor : lr);
}

/** Options of `stepSchedule`. */
export interface StepScheduleOptions {
  lr: number;
  /** Updates from one change to the next. */
  stepSize: number;
  /** What each change multiplies it with; 0.1 if absent. */
  gamma?: number;
}

const stepOptions = optionNames<StepScheduleOptions>(
  { lr: true, stepSize: true, gamma: true },
  scheduleInstead,
);

/** `lr · gamma^⌊step / stepSize⌋` (`StepLR`); `gamma` is 0.1 if absent. */
export function stepSchedule(options: StepScheduleOptions): Schedule {
  checkOptions("stepSchedule", options, stepOptions);
  const { lr, stepSize, gamma = 0.1 } = options;
  requireNumbers("stepSchedule", { lr, gamma });
  requireCount("stepSchedule", "stepSize", stepSize, 1);
  return (step) => lr * gamma ** Math.floor(step / stepSize);
}

/** Options of `cosineSchedule`. */
export interface CosineScheduleOptions {
  lr: number;
  /** Updates on the way down. */
  steps: number;
  /** Where it ends; 0 if absent. */
  minLr?: number;
}

const cosineOptions = optionNames<CosineScheduleOptions>(
  { lr: true, steps: true, minLr: true },
  scheduleInstead,
);

/**
 * From `lr` at step 0 down to `minLr` (0 if absent) at `steps` along half a cosine wave, and up again after it
 * (`CosineAnnealingLR`). Loshchilov and Hutter, https://arxiv.org/abs/1608.03983, without the restarts.
 */
export function cosineSchedule(options: CosineScheduleOptions): Schedule {
  checkOptions("cosineSchedule", options, cosineOptions);
  const { lr, steps, minLr = 0 } = options;
  requireNumbers("cosineSchedule", { lr, minLr });
  requireCount("cosineSchedule", "steps", steps, 1);
  return ending(steps, (step) => cosine(lr, minLr, step / steps));
}

/** Options of `linearSchedule`. */
export interface LinearScheduleOptions {
  lr: number;
  /** Updates on the way. */
  steps: number;
  /** What it begins as, a share of `lr`; 1/3 if absent. */
  startFactor?: number;
  /** What it ends as, a share of `lr`; 1 if absent. */
  endFactor?: number;
}

const linearOptions = optionNames<LinearScheduleOptions>(
  { lr: true, steps: true, startFactor: true, endFactor: true },
  scheduleInstead,
);

/**
 * From `lr · startFactor` at step 0 to `lr · endFactor` at `steps`, in a straight line, and constant after it
 * (`LinearLR`); the factors are 1/3 and 1 if absent.
 */
export function linearSchedule(options: LinearScheduleOptions): Schedule {
  checkOptions("linearSchedule", options, linearOptions);
  const { lr, steps, startFactor = 1 / 3, endFactor = 1 } = options;
  requireNumbers("linearSchedule", { lr, startFactor, endFactor });
  requireCount("linearSchedule", "steps", steps, 1);
  return (step) => lr * linear(startFactor, endFactor, Math.min(step, steps) / steps);
}

/** Options of `warmupCosineSchedule`. */
export interface WarmupCosineScheduleOptions {
  lr: number;
  /** Updates in all. */
  steps: number;
  /** Updates on the way up. */
  warmupSteps: number;
  /** Where it ends; 0 if absent. */
  minLr?: number;
  /** What it begins as, a share of `lr`; 0 if absent. */
  startFactor?: number;
}

const warmupCosineOptions = optionNames<WarmupCosineScheduleOptions>(
  { lr: true, steps: true, warmupSteps: true, minLr: true, startFactor: true },
  scheduleInstead,
);

/**
 * From `lr · startFactor` (0 if absent) to `lr` in a straight line over `warmupSteps`, then along half a cosine wave to
 * `minLr` (0 if absent) at `steps` (`SequentialLR` of `LinearLR` and `CosineAnnealingLR`).
 */
export function warmupCosineSchedule(options: WarmupCosineScheduleOptions): Schedule {
  checkOptions("warmupCosineSchedule", options, warmupCosineOptions);
  const { lr, steps, warmupSteps, minLr = 0, startFactor = 0 } = options;
  requireNumbers("warmupCosineSchedule", { lr, minLr, startFactor });
  requireCount("warmupCosineSchedule", "warmupSteps", warmupSteps, 0);
  requireCount("warmupCosineSchedule", "steps", steps, warmupSteps + 1);
  return ending(steps, (step) =>
    step < warmupSteps
      ? lr * linear(startFactor, 1, step / warmupSteps)
      : cosine(lr, minLr, (step - warmupSteps) / (steps - warmupSteps)),
  );
}

/** Options of `oneCycleSchedule`. */
export interface OneCycleOptions {
  /** The highest learning rate, PyTorch's `max_lr`. */
  lr: number;
  /** Updates in all; the rate stays at its end after them (PyTorch throws there). */
  steps: number;
  /** Share of the steps on the way up; 0.3 if absent. */
  pctStart?: number;
  /** Shape of the ways up and down; "cos" if absent. */
  annealStrategy?: "cos" | "linear";
  /** The first rate is `lr / divFactor`; 25 if absent. */
  divFactor?: number;
  /** The last rate is the first one divided by this; 10 000 if absent. */
  finalDivFactor?: number;
  /** Go down to the first rate as fast as up, and only then to the last one. */
  threePhase?: boolean;
}

const oneCycleOptions = optionNames<OneCycleOptions>(
  {
    lr: true,
    steps: true,
    pctStart: true,
    annealStrategy: true,
    divFactor: true,
    finalDivFactor: true,
    threePhase: true,
  },
  scheduleInstead,
);

/** Up to `lr` and down to nearly nothing (`OneCycleLR`). Smith and Topin, https://arxiv.org/abs/1708.07120. */
export function oneCycleSchedule(options: OneCycleOptions): Schedule {
  checkOptions("oneCycleSchedule", options, oneCycleOptions);
  const { lr, steps, pctStart = 0.3, annealStrategy = "cos", threePhase = false } = options;
  const { divFactor = 25, finalDivFactor = 1e4 } = options;
  requireNumbers("oneCycleSchedule", { lr, divFactor, finalDivFactor });
  requireCount("oneCycleSchedule", "steps", steps, 1);
  if (!(pctStart >= 0 && pctStart <= (threePhase ? 0.5 : 1))) {
    throw new ValueError(
      `oneCycleSchedule: pctStart is ${pctStart}, expected a share of the steps, at most half with threePhase`,
    );
  }
  const anneal = annealStrategy === "cos" ? cosine : linear;
  const first = lr / divFactor;
  const last = first / finalDivFactor;
  const top = pctStart * steps - 1;
  const bottom = 2 * pctStart * steps - 2;
  const end = steps - 1;
  const phases: readonly (readonly [end: number, from: number, to: number])[] = threePhase
    ? [
        [top, first, lr],
        [bottom, lr, first],
        [end, first, last],
      ]
    : [
        [top, first, lr],
        [end, lr, last],
      ];
  return ending(steps, (step) => {
    let start = 0;
    for (const [stop, from, to] of phases) {
      if (step <= stop) return anneal(from, to, stop > start ? (step - start) / (stop - start) : 1);
      start = stop;
    }
    return last;
  });
}

function requireNumbers(schedule: string, numbers: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(numbers)) {
    if (!(Number.isFinite(value) && value >= 0)) {
      throw new ValueError(`${schedule}: ${name} is ${value}, expected a number of at least 0`);
    }
  }
}

function requireCount(schedule: string, name: string, value: number, least: number): void {
  if (!(Number.isSafeInteger(value) && value >= least)) {
    throw new ValueError(`${schedule}: ${name} is ${value}, expected an integer of at least ${least}`);
  }
}
