// How long a party looks at the shared word before it goes to sleep. One small integer per thread and barrier: about the
// number of waits in a row that had to sleep. No clock is read; what is computed does not depend on any of this.

/** Looks of one wait at most: about 20 µs, a little more than falling asleep costs. */
export const mostLooks = 2048;

/** After so many halvings it stays: looking a few times costs next to nothing. */
const halvings = 6;

/** After so many sleeps in a row the full time is tried once more: whatever took the core may be gone. */
const sleepsUntilRetry = 64;

/** Looks before going to sleep, at a level and for a given most. */
export function looksAt(level: number, most: number): number {
  return most >> Math.min(level, halvings);
}

/** The level after a wait that had to sleep: half as many looks. */
export function afterSleep(level: number): number {
  return (level + 1) % sleepsUntilRetry;
}

/** The level after a wait that ended while looking: twice as many looks. */
export function afterLooking(level: number): number {
  return Math.max(0, Math.min(level, halvings) - 1);
}
