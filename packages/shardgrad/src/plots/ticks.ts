// Round numbers along an axis.

/** The step between ticks: 1, 2 or 5 times a power of ten, for about so many of them. */
function stepOf(span: number, about: number): number {
  const rough = span / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= rough)!;
  return step * power;
}

/** Ticks from 0 to the first one at or above `most`. */
export function ticksTo(most: number, about: number): number[] {
  if (!(most > 0)) return [0, 1];
  const step = stepOf(most, about);
  const count = Math.ceil(most / step - 1e-9);
  return Array.from({ length: count + 1 }, (_, i) => Number((i * step).toPrecision(12)));
}
