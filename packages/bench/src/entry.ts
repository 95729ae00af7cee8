// A contender during the measurement: started, checked, and then an entrant of the rounds. Every turn records the time
// of a step. Any error becomes the reason why it has no numbers.
import type { Entrant } from "shardgrad/measure";
import type { Launch } from "./contender-process.ts";
import { ContenderProcess } from "./contender-process.ts";
import type { PrepareCommand, Prepared, Turn, Vitals } from "./protocol.ts";
import { limitOfTurn, planTurn } from "./turns.ts";

/** Time for building, for the check steps, and for warming up. */
export const prepareLimitMs = 300_000;

/** Some threads spin for a tenth of a second before they sleep. */
export const restMs = 150;

export class Entry implements Entrant {
  readonly name: string;
  /** Milliseconds of one step, by round. */
  readonly msPerStep = new Map<number, number>();
  /** Its answers, by round. */
  readonly turns = new Map<number, Turn & Vitals>();
  prepared: (Prepared & Vitals) | undefined;
  /** Why numbers are missing. */
  reason: string | undefined;
  #process: ContenderProcess | undefined;
  #estimate = 0;

  constructor(name: string) {
    this.name = name;
  }

  /** Whether it takes part. */
  get isReady(): boolean {
    return this.#process !== undefined && this.reason === undefined;
  }

  /** @param findFault what is wrong with the prepared network, if anything */
  async start(
    launch: Launch | { reason: string },
    command: PrepareCommand,
    findFault: (prepared: Prepared) => string | undefined = () => undefined,
  ): Promise<void> {
    if ("reason" in launch) {
      this.reason = launch.reason;
      return;
    }
    this.#process = new ContenderProcess(launch);
    try {
      this.prepared = await this.#process.ask<Prepared>(command, prepareLimitMs);
      this.#estimate = this.prepared.msPerStep;
      this.reason = findFault(this.prepared);
    } catch (error) {
      this.reason = (error as Error).message;
    }
    if (this.reason) await this.end();
  }

  async turn(round: number): Promise<void> {
    const plan = planTurn(this.#estimate);
    const limitMs = limitOfTurn(plan, this.#estimate);
    try {
      const done = await this.#process!.ask<Turn>({ command: "run", ...plan }, limitMs);
      this.#estimate = done.ms / done.steps;
      this.msPerStep.set(round, this.#estimate);
      this.turns.set(round, done);
    } catch (error) {
      this.reason = (error as Error).message;
      throw error;
    }
  }

  /** Its peak memory so far. */
  get peakMemoryBytes(): number {
    return [...this.turns.values()].at(-1)?.peakMemoryBytes ?? this.prepared?.peakMemoryBytes ?? 0;
  }

  /** The largest share of a core that it used during others' turns. */
  get idleShare(): number {
    // Before its first turn it has waited since its warm-up, so the start-up's after-effects would count.
    return Math.max(0, ...[...this.turns.values()].slice(1).map(({ idleShare }) => idleShare));
  }

  async end(): Promise<void> {
    await this.#process?.end();
  }
}
