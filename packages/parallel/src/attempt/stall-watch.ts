// Notices a worker that neither ends nor progresses, such as one in an endless loop: it has given no sign of life for
// too long. Knows no clock: the caller passes the time.
import type { Gang } from "./gang.ts";

/** The number of signs of life. */
export interface Beats {
  beatsOf(rank: number): number;
  waits(rank: number): boolean;
}

/** The most time that one interval between looks counts for: this thread, or the machine, may itself have slept. */
const mostBetweenLooksMs = 1000;

export class StallWatch {
  readonly #beats: Beats;
  readonly #gang: Pick<Gang, "pending" | "failureOf">;
  readonly #limitMs: number;
  readonly #last = new Map<number, { beats: number; stillMs: number }>();
  #lookedMs: number | undefined;

  constructor(beats: Beats, gang: Pick<Gang, "pending" | "failureOf">, limitMs: number) {
    this.#beats = beats;
    this.#gang = gang;
    this.#limitMs = limitMs;
  }

  /**
   * @param nowMs on any monotonic clock
   * @throws WorkerError if a worker with a pending call has been still for too long
   */
  look(nowMs: number): void {
    const passedMs = Math.min(mostBetweenLooksMs, nowMs - (this.#lookedMs ?? nowMs));
    this.#lookedMs = nowMs;
    const still: number[] = [];
    for (const rank of this.#gang.pending) {
      const beats = this.#beats.beatsOf(rank);
      const last = this.#last.get(rank);
      const stillMs = last?.beats === beats ? last.stillMs + passedMs : 0;
      this.#last.set(rank, { beats, stillMs });
      if (stillMs >= this.#limitMs) still.push(rank);
    }
    // Workers at a barrier wait for the one that hangs, or for one that is slow but healthy.
    const allStill = still.length === this.#gang.pending.size;
    const culprit = still.find((rank) => !this.#beats.waits(rank)) ?? (allStill ? still[0] : undefined);
    if (culprit === undefined) return;
    throw this.#gang.failureOf(
      culprit,
      `no sign of life for ${this.#limitMs / 1000} s (stallSeconds): is there an endless loop?`,
    );
  }
}
