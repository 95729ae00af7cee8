// Checks functions of a job that see no rows: schedules, the decay of an average, `afterStep`. Called twice with the
// same input, they must return the same: variables of their own would start over after a restart or a resume. The main
// thread calls them before step 1, and then restores the model. For functions that see rows see probe.ts; for `finish`
// and `score`, metrics/plan.ts.
import type { AnyModule, Optimizer } from "@shardgrad/core";
import { Generator } from "@shardgrad/core";
import { drawnUnkeyed } from "@shardgrad/core/engine";
import { JobError } from "../errors.ts";
import type { RunJob } from "../job/define-job.ts";
import { differenceOf, digestOf } from "../shared/digest.ts";
import { AfterStep } from "../step/after-step.ts";
import { keepModes } from "../step/evaluate.ts";
import { refuseOwnGenerator } from "./probe.ts";

const times = ["when it was first called", "when it was called again"] as const;
const lost = "what it keeps in variables of its own begins anew after a restart or a resume";

/** The most steps for which a schedule is called. */
const mostSteps = 4096;

/** What the checks call, with the run's model and the main thread's optimizer. */
export interface Repeated {
  job: RunJob;
  model: AnyModule;
  optimizer: Optimizer;
  seed: number;
  /** Steps done. */
  step: number;
  /** Steps of the whole run. */
  steps: number;
}

/** Undefined if it throws; the run reports that at its place. */
function attempt<T>(body: () => T): T | undefined {
  try {
    return body();
  } catch {
    return undefined;
  }
}

/** @throws JobError if a function of a number returns something else when called again with the same numbers */
function checkNumbers(name: string, of: (done: number) => unknown, count: number): void {
  const numbers = Array.from({ length: Math.min(count, mostSteps) }, (_, i) => i);
  const first = attempt(() => numbers.map(of));
  const again = first && attempt(() => numbers.map(of));
  const at = again ? numbers.findIndex((i) => !Object.is(first[i], again[i])) : -1;
  if (at < 0) return;
  throw new JobError(
    `train: ${name}(${at}) differs: ${String(first![at])} ${times[0]}, ${String(again![at])} ${times[1]}; compute it from the number that it is given: ${lost}`,
  );
}

/** The options of an optimizer that are functions of the number of updates done. */
function schedulesOf({ paramGroups }: Optimizer): [name: string, of: (done: number) => unknown][] {
  return paramGroups.flatMap(({ params: _, ...options }, group) =>
    Object.entries<unknown>(options).flatMap(([option, value]): ReturnType<typeof schedulesOf> => {
      const name = paramGroups.length === 1 ? option : `${option} of parameter group ${group}`;
      return typeof value === "function" ? [[name, (done) => value(done)]] : [];
    }),
  );
}

/** @throws JobError if a second call of `afterStep` turns the same tensors into something else */
function checkAfterStep({ job, model, seed, step }: Repeated): void {
  const before = model.namedTensors().map(([name, x]) => ({
    name,
    x,
    values: x.toArray(),
    requiresGrad: x.requiresGrad,
  }));
  const putModesBack = keepModes(model);
  const afterStep = new AfterStep(job, model, seed);
  const call = (at: number) =>
    attempt(() => {
      const { found } = drawnUnkeyed(new Generator(seed), () => afterStep.run(at));
      return { found, digests: before.map(({ name, x }) => digestOf(name, x)) };
    });
  /** Between calls, and at the end. */
  const putBack = () => {
    for (const { x, values, requiresGrad } of before) {
      x.requiresGrad = requiresGrad;
      if (x.alive && x.contiguous) x.data().set(values);
    }
    putModesBack();
  };
  try {
    const [first, , again] = [step, step + 1, step].map((at) => {
      const called = call(at);
      const now = new Map(model.namedTensors());
      const replaced = before.find(({ name, x }) => now.get(name) !== x);
      if (replaced) throw replacedError(replaced.name);
      putBack();
      return called;
    });
    if (!first || !again) return;
    refuseOwnGenerator("afterStep", again.found);
    first.digests.forEach((digest, i) => {
      const difference = differenceOf(digest, again.digests[i], times);
      if (difference === undefined) return;
      throw new JobError(
        `train: afterStep() gives another ${digest.name}: ${difference}, from the same tensors; keep what goes from step to step in a buffer of the model: ${lost}`,
      );
    });
  } finally {
    putBack();
    afterStep.dispose();
  }
}

function replacedError(name: string): JobError {
  return new JobError(
    `train: afterStep() replaced ${name}; change it in place with copyFrom(): the tensors that model() made are what workers share, and what is saved`,
  );
}

/** @throws JobError that names the function that keeps state between calls */
export function checkSameAgain(repeated: Repeated): void {
  const { job, optimizer, steps } = repeated;
  for (const [name, of] of schedulesOf(optimizer)) checkNumbers(name, of, steps);
  const { ema } = job;
  if (typeof ema?.decay === "function") checkNumbers("ema.decay", ema.decay, steps);
  if (job.afterStep) checkAfterStep(repeated);
}
