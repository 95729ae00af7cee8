// Who looks on at a run from another package, such as a log, a report or a live page. It is told everything and takes
// nothing from the run's own listeners. Workers never wait for it.
import type { Callbacks, StepEnd, TrainEvent } from "./events.ts";
import type { PhaseMark } from "./shared/phase-marks.ts";
import type { StepTimes } from "./shared/step-times.ts";

/** A step as onlookers see it. */
export interface ObservedStep extends StepEnd, StepTimes {}

export interface Onlooker {
  /** Before anything happens. May refuse the run, by an error, before anything is written. */
  begin?(): void | Promise<void>;
  /** Every event, before the run's own listeners. */
  event?(event: TrainEvent): void;
  /**
   * Steps `from` … `to`, counted from 1, are done. `read` gets the record of any of them. Every step is told once and in
   * order, before its epoch.
   */
  steps?(from: number, to: number, read: (step: number) => ObservedStep): void;
  /**
   * Takes the norm of the gradient in every so many steps only, as it costs a pass over the gradient: 1 for all. In the
   * others `gradNorm` is NaN, unless it is needed anyway.
   */
  readonly normEvery?: number;
  /** What is new of each worker's marks, several times a second; only of the first `markedSteps` steps of the run. */
  marks?(rank: number, marks: readonly PhaseMark[]): void;
  /** After everything, also after a failure. The run's promise settles only then. */
  end?(failure?: { error: unknown }): void | Promise<void>;
}

/** What an onlooker wants of a run. */
export interface Wanted {
  timesSteps: boolean;
  normEvery: number;
  marksPhases: boolean;
}

export function wantedBy(
  { steps, normEvery = 1, marks }: Pick<Onlooker, "steps" | "normEvery" | "marks">,
  { onStepEnd }: Pick<Callbacks, "onStepEnd">,
): Wanted {
  return {
    timesSteps: steps !== undefined,
    normEvery: onStepEnd ? 1 : normEvery,
    marksPhases: marks !== undefined,
  };
}
