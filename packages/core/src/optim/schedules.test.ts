import { expect, it } from "vitest";
import { ValueError } from "../errors.ts";
import type { Schedule } from "./schedules.ts";
import {
  constantSchedule,
  cosineSchedule,
  linearSchedule,
  oneCycleSchedule,
  stepSchedule,
  warmupCosineSchedule,
} from "./schedules.ts";

// The numbers are those of torch.optim.lr_scheduler in PyTorch 1.13.1, before each step.
const cases: readonly [name: string, schedule: Schedule, expected: readonly number[]][] = [
  ["constant", constantSchedule({ lr: 0.4, factor: 0.5, steps: 3 }), [0.2, 0.2, 0.2, 0.4, 0.4, 0.4]],
  ["constant, plainly", constantSchedule({ lr: 0.4 }), [0.4, 0.4]],
  ["step", stepSchedule({ lr: 0.4, stepSize: 3, gamma: 0.5 }), [0.4, 0.4, 0.4, 0.2, 0.2, 0.2, 0.1, 0.1, 0.1]],
  [
    "cosine",
    cosineSchedule({ lr: 0.4, steps: 8, minLr: 0.05 }),
    [
      0.4, 0.3866789181894752, 0.34874368670764583, 0.29196960066389077, 0.225, 0.15803039933610932,
      0.10125631329235421, 0.06332108181052483, 0.05,
    ],
  ],
  [
    "linear",
    linearSchedule({ lr: 0.4, steps: 4, startFactor: 0.25, endFactor: 0.75 }),
    [0.1, 0.15, 0.2, 0.25, 0.3, 0.3, 0.3],
  ],
  [
    "warmupCosine",
    warmupCosineSchedule({ lr: 0.4, steps: 9, warmupSteps: 3, startFactor: 0.1, minLr: 0.05 }),
    [0.04, 0.16, 0.28, 0.4, 0.3765544456622768, 0.3125, 0.225, 0.1375, 0.07344555433772323, 0.05],
  ],
  [
    "oneCycle",
    oneCycleSchedule({ lr: 0.4, steps: 10 }),
    [
      0.016, 0.208, 0.4, 0.38019385280538953, 0.3246982615799052, 0.24450480877451572, 0.1554967912254843,
      0.0753033384200948, 0.019807747194610516, 1.6e-6, 1.6e-6,
    ],
  ],
  [
    "oneCycle, linear",
    oneCycleSchedule({
      lr: 0.4,
      steps: 10,
      pctStart: 0.4,
      annealStrategy: "linear",
      divFactor: 10,
      finalDivFactor: 100,
    }),
    [0.04, 0.16, 0.28, 0.4, 0.3334, 0.2668, 0.2002, 0.1336, 0.067, 0.0004],
  ],
  [
    "oneCycle, three phases",
    oneCycleSchedule({ lr: 0.4, steps: 12, pctStart: 0.4, threePhase: true }),
    [
      0.016, 0.07796193824785769, 0.2238552343306877, 0.35951497780410757, 0.39738137025332276,
      0.31301404635950614, 0.1608667864689668, 0.03914103976835423, 0.015459831857451324,
      0.010189884990184611, 0.0031802050166750556, 1.6e-6,
    ],
  ],
];

it.each(cases)("%s", (_, schedule, expected) => {
  expected.forEach((rate, step) => {
    expect(schedule(step)).toBeCloseTo(rate, 12);
  });
});

it("one cycle of very few steps has no gaps", () => {
  for (const steps of [1, 2, 3, 4]) {
    for (const pctStart of [0, 0.25, 0.5, 1]) {
      const schedule = oneCycleSchedule({ lr: 0.4, steps, pctStart });
      for (let step = 0; step <= steps; step++) expect(schedule(step)).toBeGreaterThan(0);
    }
  }
});

it.each<[string, () => Schedule, RegExp]>([
  ["a negative rate", () => constantSchedule({ lr: -1 }), /constantSchedule: lr is -1/],
  ["steps of no size", () => stepSchedule({ lr: 1, stepSize: 0 }), /stepSchedule: stepSize is 0/],
  ["no steps", () => cosineSchedule({ lr: 1, steps: 0 }), /cosineSchedule: steps is 0/],
  ["half a step", () => linearSchedule({ lr: 1, steps: 1.5 }), /linearSchedule: steps is 1.5/],
  [
    "warmup to the end",
    () => warmupCosineSchedule({ lr: 1, steps: 3, warmupSteps: 3 }),
    /steps is 3.*at least 4/,
  ],
  ["more than all steps", () => oneCycleSchedule({ lr: 1, steps: 3, pctStart: 2 }), /pctStart is 2/],
  [
    "a third phase without room",
    () => oneCycleSchedule({ lr: 1, steps: 3, pctStart: 0.6, threePhase: true }),
    /half/,
  ],
])("%s", (_, make, message) => {
  expect(make).toThrow(ValueError);
  expect(make).toThrow(message);
});
