// How many steps a turn has: so many that the clock is exact and noise averages out, so few that rounds stay short.

/** About how long the measured steps of a turn take, and the unmeasured ones before them. */
const measuredMs = 300;
const warmMs = 100;

export interface TurnPlan {
  warm: number;
  steps: number;
}

/** Two steps at least; a single one, unwarmed, where even that takes long. */
export function planTurn(msPerStep: number): TurnPlan {
  if (msPerStep > 5 * measuredMs) return { warm: 0, steps: 1 };
  return {
    warm: Math.max(1, Math.ceil(warmMs / msPerStep)),
    steps: Math.max(2, Math.ceil(measuredMs / msPerStep)),
  };
}

/** After which time a turn is given up: something hangs. */
export function limitOfTurn({ warm, steps }: TurnPlan, msPerStep: number): number {
  return 60_000 + 20 * (warm + steps) * msPerStep;
}
