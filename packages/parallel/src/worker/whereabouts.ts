// Where a worker is: in which phase of which step. Every change is told to the control words, which the main thread reads, to
// the clock of phases, and to whoever listens. How long it waits for others is counted here, too.
import type { Phase } from "../errors.ts";
import type { Barrier } from "../shared/barrier.ts";
import type { Control } from "../shared/control.ts";
import type { Float64Table } from "../shared/float64-table.ts";
import { addToCell, readCell } from "../shared/float64-table.ts";
import type { PhaseClock } from "../shared/phase-clock.ts";

/** Told of each phase that begins, of the step, counted from 1, and of the worker. */
export type PhaseListener = (phase: Phase, step: number, rank: number) => void;

export class Whereabouts {
  phase: Phase = "idle";
  /** The step that is under way, counted from 1; evaluation and checkpoint after it belong to it. */
  step: number;
  readonly #rank: number;
  readonly #control: Control;
  readonly #clock: PhaseClock | undefined;
  readonly #listen: PhaseListener | undefined;
  /** The time that each worker has waited. */
  readonly #waits: Float64Table;

  constructor(
    parts: { rank: number; control: Control; waits: Float64Table; clock: PhaseClock | undefined },
    step: number,
    listen: PhaseListener | undefined,
  ) {
    this.#rank = parts.rank;
    this.#control = parts.control;
    this.#waits = parts.waits;
    this.#clock = parts.clock;
    this.step = step;
    this.#listen = listen;
  }

  readonly enter = (phase: Phase): void => {
    this.phase = phase;
    this.#control.setPhase(this.#rank, phase, this.step);
    this.#clock?.enter(phase);
    this.#listen?.(phase, this.step, this.#rank);
  };

  /** A sign of life, within what may take long. */
  readonly beat = (): void => this.#control.beat(this.#rank);

  /** Waits for the others, blocking the thread. */
  waitAt(barrier: Barrier): void {
    const startedMs = this.arrive();
    barrier.wait();
    this.leave(startedMs);
  }

  /** It comes to a barrier; returns when. */
  arrive(): number {
    this.enter("barrier");
    return performance.now();
  }

  /** The barrier is behind it. */
  leave(startedMs: number): void {
    addToCell(this.#waits, this.#rank, 0, performance.now() - startedMs);
    this.#clock?.leave();
  }

  /** A clock that stands still in barriers. */
  computingMs(): number {
    return performance.now() - readCell(this.#waits, this.#rank, 0);
  }

  /** Phases are measured from here on. */
  startClock(): void {
    this.#clock?.start();
  }
}
