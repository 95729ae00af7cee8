// A job's `gradient`: how it is estimated, where not by backpropagation. Which estimators shards can share, and which
// runs may use them. Knows core only; step/estimate-pass.ts does the work.
import type { AnyModule, GradientEstimator, SharedRule } from "@shardgrad/core";
import { JobError } from "../errors.ts";
import { normalizesOverBatch } from "./running-statistics.ts";

/** An estimator whose work the shards of a batch can share. */
export type SharedEstimator = GradientEstimator & { readonly shared: SharedRule };

const expected = "spsa(…), evolutionStrategies(…), forwardGradient(…) or finiteDifferences(…)";

/**
 * @param what where it comes from, for errors: "defineJob: gradient"
 * @throws JobError unless it is an estimator that shards can share
 */
export function checkGradientRule(what: string, gradient: unknown): asserts gradient is SharedEstimator {
  const { name, shared } = (gradient ?? {}) as Partial<GradientEstimator>;
  if (shared !== undefined) return;
  if (name === "backpropagation") {
    throw new JobError(
      `${what} is backpropagation, which is what a job without gradient does; leave it out, or let a function return undefined`,
    );
  }
  const got =
    typeof gradient === "object" && name !== undefined
      ? `${name}, which shards cannot share`
      : typeof gradient;
  throw new JobError(`${what} is ${got}; expected ${expected}`);
}

/** An estimator and everything that decides its estimates: `spsa (seed 3, perturbation 0.001, samples 2)`. */
export function describeGradient({ name, shared }: SharedEstimator): string {
  const settings = Object.entries(shared.settings).map(([setting, value]) => `${setting} ${value}`);
  // Forward and central differences have names of their own.
  return `${name.split(" ")[0]} (${settings.join(", ")})`;
}

/** @throws JobError if something of the run needs gradients of shards, or one evaluation a step */
export function checkEstimated(
  { name }: SharedEstimator,
  model: AnyModule,
  { local, reduce }: { local: { hogwild: boolean } | undefined; reduce: string },
): void {
  const refuse = (what: string, why: string, remedy: string) => {
    throw new JobError(`train: the job's gradient is ${name}, but ${what}; ${why}: ${remedy}`);
  };
  if (local) {
    const option = local.hogwild ? "hogwild" : "syncEvery";
    refuse(`${option} is given`, "shards that train apart have no losses in common", `leave ${option} out`);
  }
  if (reduce === "coordinator") {
    refuse('reduce is "coordinator"', "shards bring no gradients that it could average", 'use "workers"');
  }
  if (normalizesOverBatch(model)) {
    refuse(
      "the model has BatchNorm",
      "its statistics would change with every evaluation",
      "use LayerNorm or GroupNorm",
    );
  }
}
