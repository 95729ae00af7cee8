// A job's once-per-step work on state that no gradient trains: a teacher that follows, a target network, a codebook.
// One worker does it for all, between two barriers, on the shared state, so it does not depend on the number of
// workers. Knows no barrier: worker/step.ts has them around it.
import type { AnyModule } from "@shardgrad/core";
import { Generator, noGrad, ShardgradError, scope, stream, Tensor, withGenerator } from "@shardgrad/core";
import { describeThrown, JobError } from "../errors.ts";
import type { RunJob } from "../job/define-job.ts";

export class AfterStep {
  readonly #job: RunJob;
  readonly #model: AnyModule;
  readonly #noise: Generator;
  readonly #step = Tensor.allocate([], "int32", "step").keep();

  constructor(job: RunJob, model: AnyModule, seed: number) {
    this.#job = job;
    this.#model = model;
    this.#noise = new Generator(seed, stream.afterStep);
  }

  /**
   * Calls the job's function. Random numbers depend only on the seed and the step. Not captured: changes made before a
   * failed recording could not be undone.
   *
   * @param step counted from 0
   */
  run(step: number): void {
    this.#step.copyFrom([step]);
    let returned: unknown;
    try {
      withGenerator(this.#noise.restart(step), () =>
        scope(() => {
          noGrad(() => {
            returned = this.#job.afterStep?.(this.#model, { ...this.#job.context, step: this.#step });
          });
        }),
      );
    } catch (error) {
      const message = `afterStep() threw ${describeThrown(error)}`;
      if (error instanceof ShardgradError) throw new JobError(message, { cause: error });
      throw new Error(message, { cause: error });
    }
    if (!(returned instanceof Promise)) return;
    returned.catch(() => undefined);
    throw new JobError("afterStep: it returned a promise; a step cannot wait: let it not be async");
  }

  dispose(): void {
    this.#step.dispose();
  }
}
