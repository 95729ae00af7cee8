// How long a party spins before it sleeps. One small integer per thread and barrier: roughly the number of waits in a
// row that had to sleep. Reads no clock, and results do not depend on it.

/** The most looks per wait: about 20 µs, slightly more than falling asleep costs. */
export const mostLooks = 2048;

/** Stops after so many halvings: a few looks cost almost nothing. */
const halvings = 6;

/** After so many sleeps in a row, tries the full time again: whatever took the core may be gone. */
const sleepsUntilRetry = 64;

/** Looks before sleeping, at a level and with a given maximum. */
export function looksAt(level: number, most: number): number {
  return most >> Math.min(level, halvings);
}

/** The level after a wait that slept: half as many looks. */
export function afterSleep(level: number): number {
  return (level + 1) % sleepsUntilRetry;
}

/** The level after a wait that ended while spinning: twice as many looks. */
export function afterLooking(level: number): number {
  return Math.max(0, Math.min(level, halvings) - 1);
}
