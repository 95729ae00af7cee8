// Functions of a script that a run calls, from its events and from a table with a record per step. Always on the main
// thread, after the fact: the workers do not wait for them, so that they may be slow, and see every step all the same.
import type { Callbacks, TrainEvent } from "../events.ts";
import type { Float64Table } from "../shared/float64-table.ts";
import { readStepRecord, toldRates } from "../shared/step-records.ts";

/**
 * Publishes events and calls the callbacks that go with them, steps before the epoch that they belong to.
 *
 * @param steps where the records of the steps are, and how many an epoch has; none before they are laid out
 */
export function withCallbacks(
  { onStepEnd, onEpochEnd, onEvaluate, onCheckpoint }: Callbacks,
  publish: (event: TrainEvent) => void,
  steps: () => { table: Float64Table; perEpoch: number } | undefined,
): (event: TrainEvent) => void {
  let told = 0;
  let rejected: { error: unknown } | undefined;
  let ended = false;
  /** One may be async: what it rejects with ends the run, too. */
  const watch = (returned: unknown) => {
    if (!(returned instanceof Promise)) return;
    returned.catch((error: unknown) => {
      // The run has its result: it is for whoever listens to unhandled rejections.
      if (ended) throw error;
      rejected ??= { error };
    });
  };
  const tellSteps = (upTo: number) => {
    const where = onStepEnd && steps();
    if (!where) return;
    for (; told < upTo; told++) {
      const epoch = Math.floor(told / where.perEpoch) + 1;
      const { lrs, ...record } = readStepRecord(where.table, told);
      watch(onStepEnd({ step: told + 1, epoch, ...record, ...toldRates(lrs) }));
    }
  };
  return (event) => {
    if (rejected) throw rejected.error;
    if (event.type === "progress" || event.type === "epoch") tellSteps(event.step);
    // Those before have been told by the run that did them.
    if (event.type === "resume") told = event.step;
    publish(event);
    if (event.type === "checkpoint") watch(onCheckpoint?.(event));
    ended = event.type === "end";
    if (event.type !== "epoch") return;
    const { step, epoch, metrics } = event;
    if (Object.keys(metrics).length > 0) watch(onEvaluate?.({ step, epoch, metrics }));
    watch(onEpochEnd?.(event));
  };
}
