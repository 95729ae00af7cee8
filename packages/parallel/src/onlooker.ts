// Who looks on at a run from another package, such as a log, a report or a live page. It is told everything and takes
// nothing from the run's own listeners. Workers never wait for it.
import type { StepEnd, TrainEvent } from "./events.ts";
import type { StepCalls } from "./shared/tables/kernel-calls.ts";
import type { PhaseMark } from "./shared/tables/phase-marks.ts";
import type { StepTimes } from "./shared/tables/step-times.ts";

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
   * Some steps, in order: all of the first ones, and then one every 50 ms at most. Costs next to nothing, where `steps`
   * takes the norm of every gradient. Rates and shares are those of the steps since the last one told. `phaseMs` of
   * `progress` and `end` is then estimated from these steps, unless `timePhasesFrom` is given.
   */
  glances?(steps: readonly ObservedStep[]): void;
  /** What is new of each worker's marks, several times a second; only of the first `markedSteps` steps of the run. */
  marks?(rank: number, marks: readonly PhaseMark[]): void;
  /** The kernel calls of one of the first steps of a worker; told to who also wants marks. */
  kernels?(rank: number, calls: StepCalls): void;
  /** After everything, also after a failure. The run's promise settles only then. */
  end?(failure?: { error: unknown }): void | Promise<void>;
}

/** What an onlooker wants of a run. */
export interface Wanted {
  timesSteps: boolean;
  glances: boolean;
  marksPhases: boolean;
}

export function wantedBy({ steps, glances, marks }: Pick<Onlooker, "steps" | "glances" | "marks">): Wanted {
  return {
    timesSteps: steps !== undefined,
    glances: glances !== undefined,
    marksPhases: marks !== undefined,
  };
}
