// Where a worker is: in which phase of which step. Reports every change to the control words, which the main thread
// reads, to the phase clock, and to listeners. Also counts how long it waits for others.
import type { Phase } from "../errors.ts";
import type { Float64Table } from "../shared/tables/float64-table.ts";
import { addToCell, readCell } from "../shared/tables/float64-table.ts";
import type { PhaseClock } from "../shared/tables/phase-clock.ts";
import type { PhaseMarks } from "../shared/tables/phase-marks.ts";
import type { Barrier } from "../shared/words/barrier.ts";
import type { Control } from "../shared/words/control.ts";

/** Called for each phase that begins, with the step, counted from 1, and the worker. */
export type PhaseListener = (phase: Phase, step: number, rank: number) => void;

export class Whereabouts {
  phase: Phase = "idle";
  /** The current step, counted from 1; the evaluation and the checkpoint after it belong to it. */
  step: number;
  readonly #rank: number;
  readonly #control: Control;
  readonly #clock: PhaseClock | undefined;
  readonly #marks: PhaseMarks | undefined;
  readonly #listen: PhaseListener | undefined;
  /** Each worker's waiting time. */
  readonly #waits: Float64Table;

  constructor(
    parts: {
      rank: number;
      control: Control;
      waits: Float64Table;
      clock: PhaseClock | undefined;
      marks: PhaseMarks | undefined;
    },
    step: number,
    listen: PhaseListener | undefined,
  ) {
    this.#rank = parts.rank;
    this.#control = parts.control;
    this.#waits = parts.waits;
    this.#clock = parts.clock;
    this.#marks = parts.marks;
    this.step = step;
    this.#listen = listen;
  }

  readonly enter = (phase: Phase): void => {
    this.phase = phase;
    this.#control.setPhase(this.#rank, phase, this.step);
    this.#clock?.enter(phase);
    this.#marks?.note(phase, this.step);
    this.#listen?.(phase, this.step, this.#rank);
  };

  /** A sign of life, within work that may take long. */
  readonly beat = (): void => this.#control.beat(this.#rank);

  /** Waits for the others, blocking the thread. */
  waitAt(barrier: Barrier): void {
    const startedMs = this.arrive();
    barrier.wait();
    this.leave(startedMs);
  }

  /** Enters a barrier; returns the time. */
  arrive(): number {
    this.enter("barrier");
    return performance.now();
  }

  /** Leaves the barrier. */
  leave(startedMs: number): void {
    addToCell(this.#waits, this.#rank, 0, performance.now() - startedMs);
    this.#clock?.leave();
    this.#marks?.note("idle", this.step);
  }

  /** A clock that stops in barriers. */
  computingMs(): number {
    return performance.now() - readCell(this.#waits, this.#rank, 0);
  }

  /** Starts measuring phases, for good. */
  startClock(): void {
    this.#clock?.start();
  }

  /** A turn begins whose times stand for so many turns, see `PhaseClock`. */
  beginSample(turns: number): void {
    this.#clock?.beginSample(turns);
  }

  endSample(): void {
    this.#clock?.endSample();
  }
}
