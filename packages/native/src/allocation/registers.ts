// Gives each life a register for all of its time, by linear scan: lives in the order in which they begin. That takes no
// more registers than live at the same time. Integers that do not fit are kept in memory; lanes that do not fit are an
// error of the kernel.
import type { Life } from "./analyse.ts";

/** Lives of one class, with what is theirs. */
export interface Claim<T> {
  readonly of: T;
  readonly life: Life;
}

/**
 * A register for each claim.
 *
 * @param free how many there are
 * @returns the register of each, and those for which there was none, the least used ones
 */
export function allocate<T>(
  claims: readonly Claim<T>[],
  free: number,
): { registers: Map<T, number>; left: T[] } {
  const left: T[] = [];
  let kept = claims.toSorted((a, b) => a.life.from - b.life.from);
  for (;;) {
    const crowd = firstCrowd(kept, free);
    if (!crowd) break;
    const least = crowd.reduce((a, b) => (b.life.weight < a.life.weight ? b : a));
    left.push(least.of);
    kept = kept.filter((claim) => claim !== least);
  }
  const registers = new Map<T, number>();
  const pool = Array.from({ length: free }, (_, i) => free - 1 - i);
  let active: Claim<T>[] = [];
  for (const claim of kept) {
    active = active.filter((other) => {
      if (other.life.to > claim.life.from) return true;
      pool.push(registers.get(other.of)!);
      return false;
    });
    registers.set(claim.of, pool.pop()!);
    active.push(claim);
  }
  return { registers, left };
}

/** The lives at the first place where more than `free` overlap. */
function firstCrowd<T>(claims: readonly Claim<T>[], free: number): Claim<T>[] | undefined {
  let active: Claim<T>[] = [];
  for (const claim of claims) {
    active = active.filter(({ life }) => life.to > claim.life.from);
    active.push(claim);
    if (active.length > free) return active;
  }
  return undefined;
}
