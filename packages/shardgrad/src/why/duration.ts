// Times and shares as people read them.
import { short } from "../plots/number-text.ts";

/** The unit, in milliseconds, and from how many milliseconds on it is used: nothing takes "1 hours". */
const units: readonly [milliseconds: number, name: string, from: number][] = [
  [365.25 * 86_400_000, "years", 1.2 * 365.25 * 86_400_000],
  [86_400_000, "days", 1.2 * 86_400_000],
  [3_600_000, "hours", 1.2 * 3_600_000],
  [60_000, "minutes", 1.2 * 60_000],
  [1000, "s", 1000],
  [1, "ms", 1],
  [0.001, "µs", 0],
];

/** `3.1 ms`, `4.7 hours`. */
export function duration(ms: number): string {
  const [size, name] = units.find(([, , from]) => ms >= from) ?? units.at(-1)!;
  return `${short(ms / size)} ${name}`;
}

/** `12 %`. */
export const percent = (share: number, digits = 2): string => `${short(100 * share, digits)} %`;
