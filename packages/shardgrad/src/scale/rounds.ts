// Interleaved rounds: every entrant has one turn per round, and each round starts with the next entrant, so that none
// always follows the same one. Knows nothing of what a turn is.

export interface Entrant {
  name: string;
  /** Takes its turn in a round. An error excludes it from all later rounds. */
  turn(round: number): Promise<void>;
}

export interface RoundsOptions {
  rounds: number;
  /**
   * An entrant that has spent this much time sits out the rest, so that a slow one does not take all night. At least
   * one turn each.
   */
  budgetMs: number;
  /** The pause between two turns, for threads that still spin to fall asleep. */
  restMs: number;
  /** Called before each turn. */
  announce(round: number, name: string): void;
}

/** The entrants in the order of one round. */
export function orderOfRound<T>(entrants: readonly T[], round: number): T[] {
  const first = entrants.length === 0 ? 0 : round % entrants.length;
  return [...entrants.slice(first), ...entrants.slice(0, first)];
}

/** Resolves to the errors of those that failed. */
export async function runRounds(
  entrants: readonly Entrant[],
  { rounds, budgetMs, restMs, announce }: RoundsOptions,
): Promise<Map<Entrant, Error>> {
  const failed = new Map<Entrant, Error>();
  const spent = new Map<Entrant, number>();
  for (let round = 0; round < rounds; round++) {
    for (const entrant of orderOfRound(entrants, round)) {
      const before = spent.get(entrant) ?? 0;
      const average = round === 0 ? 0 : before / round;
      if (failed.has(entrant) || before + average > budgetMs) continue;
      announce(round, entrant.name);
      await new Promise((resolve) => setTimeout(resolve, restMs));
      const started = performance.now();
      try {
        await entrant.turn(round);
      } catch (error) {
        failed.set(entrant, error as Error);
      }
      spent.set(entrant, before + performance.now() - started);
    }
  }
  return failed;
}
