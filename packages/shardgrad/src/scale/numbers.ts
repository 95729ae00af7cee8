// Numbers as a person reads them: few digits, and a median with its range.
import type { Spread } from "./statistics.ts";

/** Three significant digits without exponent: 0.0712, 4.53, 128, 4100. */
export function digits(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const decimals = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(decimals, 12));
}

/** `4.53 (4.40 – 4.71)` */
export function spreadText({ median, min, max }: Spread): string {
  return `${digits(median)} (${digits(min)} – ${digits(max)})`;
}

/** Two decimals: ratios near 1, below each other. */
export function ratio(value: number): string {
  return value.toFixed(value < 9.995 ? 2 : 1);
}

export function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(Math.abs(share) < 0.1 ? 1 : 0)} %`;
}
