// How many steps a turn on machines has. Each turn of shardgrad starts new processes, so turns are longer than on one
// machine, where the zoo's have 0.3 s.

/** How long new processes need to reach full speed. */
const warmMs = 500;

export interface TurnLength {
  warm: number;
  steps: number;
}

export function lengthOfTurn(seconds: number, msPerStep: number): TurnLength {
  return {
    warm: Math.max(2, Math.ceil(warmMs / msPerStep)),
    steps: Math.max(4, Math.ceil((1000 * seconds) / msPerStep)),
  };
}

/** Gives up after this time: something hangs. */
export function limitOfSteps(steps: number, msPerStep: number): number {
  return Math.ceil(120_000 + 10 * steps * msPerStep);
}
