// From numbers to places along an axis, linear or logarithmic.
import { count } from "./number-text.ts";
import type { Tick } from "./ticks.ts";
import { linearTicks, logTicks } from "./ticks.ts";

export interface Axis {
  label: string;
  log?: boolean;
  /** By default from the least to the largest number. */
  from?: number;
  to?: number;
  /** Where it has ticks; round numbers if absent. */
  ticks?: readonly number[];
}

export interface Scale {
  place: (value: number) => number;
  ticks: readonly Tick[];
  fits: (value: number) => boolean;
}

/** The numbers `values` and the ticks lie between the places `first` and `last`. */
export function scaleOf(axis: Axis, values: readonly number[], first: number, last: number): Scale {
  const all = [...values, ...(axis.ticks ?? [])];
  const usable = all.filter((value) => Number.isFinite(value) && (!axis.log || value > 0));
  const from = axis.from ?? Math.min(...usable);
  const to = axis.to ?? Math.max(...usable);
  const bend = axis.log ? Math.log10 : (value: number) => value;
  const [low, high] = [bend(from), bend(to) === bend(from) ? bend(from) + 1 : bend(to)];
  const place = (value: number) => first + ((bend(value) - low) / (high - low)) * (last - first);
  const slack = (high - low) * 1e-9;
  const fits = (value: number) => bend(value) >= low - slack && bend(value) <= high + slack;
  const ticks =
    axis.ticks?.map((value) => ({ value, text: count(value) })) ??
    (axis.log ? logTicks(low, high) : linearTicks(low, high));
  return { place, fits, ticks };
}
