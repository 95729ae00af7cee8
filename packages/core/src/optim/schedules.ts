// Learning rates as pure functions of the step: nothing to save, nothing to advance. Formulas and defaults are those of
// torch.optim.lr_scheduler. An optimizer takes one as `lr` and calls it with the number of updates so far.

import { ValueError } from "../errors.ts";
import { checkOptions, optionNames } from "../options.ts";

/** The learning rate of the update after `step` updates: the first one has step 0. */
export interface Schedule {
  (step: number): number;
  /** The number of updates it is made for, if it ends. Its documentation says what a longer run does. */
  readonly steps?: number;
}

/** A schedule with an end. */
const ending = (steps: number, lrAt: (step: number) => number): Schedule => Object.assign(lrAt, { steps });

/** Options of PyTorch's schedules that these do not have. */
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
  /** The factor of the first updates; default 1. */
  factor?: number;
  /** The number of these updates; default 0. */
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
  /** Updates between changes. */
  stepSize: number;
  /** The factor of each change; default 0.1. */
  gamma?: number;
}

const stepOptions = optionNames<StepScheduleOptions>(
  { lr: true, stepSize: true, gamma: true },
  scheduleInstead,
);

/** `lr · gamma^⌊step / stepSize⌋` (`StepLR`); default `gamma` 0.1. */
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
  /** The final value; default 0. */
  minLr?: number;
}

const cosineOptions = optionNames<CosineScheduleOptions>(
  { lr: true, steps: true, minLr: true },
  scheduleInstead,
);

/**
 * From `lr` at step 0 down to `minLr` (default 0) at `steps` along half a cosine wave, and up again afterwards
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
  /** The initial value as a share of `lr`; default 1/3. */
  startFactor?: number;
  /** The final value as a share of `lr`; default 1. */
  endFactor?: number;
}

const linearOptions = optionNames<LinearScheduleOptions>(
  { lr: true, steps: true, startFactor: true, endFactor: true },
  scheduleInstead,
);

/**
 * From `lr · startFactor` at step 0 to `lr · endFactor` at `steps` in a straight line, then constant (`LinearLR`);
 * defaults 1/3 and 1.
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
  /** Total number of updates. */
  steps: number;
  /** Updates on the way up. */
  warmupSteps: number;
  /** The final value; default 0. */
  minLr?: number;
  /** The initial value as a share of `lr`; default 0. */
  startFactor?: number;
}

const warmupCosineOptions = optionNames<WarmupCosineScheduleOptions>(
  { lr: true, steps: true, warmupSteps: true, minLr: true, startFactor: true },
  scheduleInstead,
);

/**
 * From `lr · startFactor` (default 0) to `lr` in a straight line over `warmupSteps`, then along half a cosine wave to
 * `minLr` (default 0) at `steps` (`SequentialLR` of `LinearLR` and `CosineAnnealingLR`).
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
  /** Total number of updates; the rate then stays at its end (PyTorch throws). */
  steps: number;
  /** Share of the steps on the way up; default 0.3. */
  pctStart?: number;
  /** Shape of the ways up and down; default "cos". */
  annealStrategy?: "cos" | "linear";
  /** The first rate is `lr / divFactor`; default 25. */
  divFactor?: number;
  /** The last rate is the first one divided by this; default 10 000. */
  finalDivFactor?: number;
  /** Goes down to the first rate as fast as up, and only then to the last one. */
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

/** Up to `lr` and down to almost nothing (`OneCycleLR`). Smith and Topin, https://arxiv.org/abs/1708.07120. */
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
