// Round numbers along an axis.
import { powerOfTen, short } from "./number-text.ts";

export interface Tick {
  value: number;
  text: string;
}

/** The step between ticks: 1, 2 or 5 times a power of ten, for about so many of them. */
function stepOf(span: number, about: number): number {
  const rough = span / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= rough * (1 - 1e-9))!;
  return step * power;
}

const about = 5;

/** The first round number at or above `most`, where an axis from 0 may end. */
export function roundedUp(most: number): number {
  if (!(most > 0)) return 1;
  const step = stepOf(most, about);
  return Number((Math.ceil(most / step - 1e-9) * step).toPrecision(12));
}

/** Round numbers from `low` to `high`. */
export function linearTicks(low: number, high: number): Tick[] {
  const step = stepOf(high - low, about);
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, i) => {
    const value = Number(((first + i) * step).toPrecision(12));
    return { value, text: short(value, 4) };
  });
}

/** 1, 2, 5, 10, 20, … */
function withinDecades(low: number, high: number): Tick[] {
  const first = Math.floor(low);
  return Array.from({ length: 3 * (Math.ceil(high) - first + 1) }, (_, i) => {
    const value = [1, 2, 5][i % 3]! * 10 ** (first + Math.floor(i / 3));
    return { value, text: short(value) };
  }).filter(({ value }) => Math.log10(value) >= low - 1e-9 && Math.log10(value) <= high + 1e-9);
}

/** Powers of ten between two exponents; more than those if there are few. */
export function logTicks(low: number, high: number): Tick[] {
  if (high - low < 2) return withinDecades(low, high);
  const step = Math.max(1, Math.ceil((high - low) / 7));
  const first = Math.ceil(low / step - 1e-9) * step;
  return Array.from({ length: Math.floor((high - first) / step + 1e-9) + 1 }, (_, i) => {
    const exponent = first + i * step;
    const text = exponent >= -2 && exponent <= 3 ? short(10 ** exponent) : powerOfTen(exponent);
    return { value: 10 ** exponent, text };
  });
}
