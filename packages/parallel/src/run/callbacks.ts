// A script's callbacks, which a run calls for its events and for each record of a step. They run on the main thread,
// after the fact. The workers do not wait for them, so they may be slow and still see every step.
import type { Callbacks, TrainEvent } from "../events.ts";
import type { Float64Table } from "../shared/float64-table.ts";
import { readStepRecord, toldRates } from "../shared/step-records.ts";

/**
 * Publishes events and runs their callbacks; steps come before the epoch that they belong to.
 *
 * @param steps the table of step records and the steps per epoch; undefined before they are laid out
 */
export function withCallbacks(
  { onStepEnd, onEpochEnd, onEvaluate, onCheckpoint }: Callbacks,
  publish: (event: TrainEvent) => void,
  steps: () => { table: Float64Table; perEpoch: number } | undefined,
): (event: TrainEvent) => void {
  let told = 0;
  let rejected: { error: unknown } | undefined;
  let ended = false;
  /** A callback may be async; if it rejects, the run ends, too. */
  const watch = (returned: unknown) => {
    if (!(returned instanceof Promise)) return;
    returned.catch((error: unknown) => {
      // The run already has its result, so this becomes an unhandled rejection.
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
    // The run that did the earlier steps has reported them.
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
