// How many steps a turn has: enough for the clock and to average out noise, few enough for short rounds.

/** About how long a turn's measured steps take, and its unmeasured ones before them. */
const measuredMs = 300;
const warmMs = 100;

export interface TurnPlan {
  warm: number;
  steps: number;
}

/** At least two steps; a single one without warm-up if even that takes long. */
export function planTurn(msPerStep: number): TurnPlan {
  if (msPerStep > 5 * measuredMs) return { warm: 0, steps: 1 };
  return {
    warm: Math.max(1, Math.ceil(warmMs / msPerStep)),
    steps: Math.max(2, Math.ceil(measuredMs / msPerStep)),
  };
}

/** Gives up a turn after this time: something hangs. */
export function limitOfTurn({ warm, steps }: TurnPlan, msPerStep: number): number {
  return 60_000 + 20 * (warm + steps) * msPerStep;
}
