// Times a call that is too short for the clock, by repeating it.

/** About how long a stretch of calls takes. */
const stretchMs = 15;

/** Calls it until the number of calls per stretch is known, and so until it is compiled. */
export function callsPerStretch(call: () => void): number {
  for (let count = 1; ; count *= 2) {
    const ms = msPerCall(call, count) * count;
    if (ms >= stretchMs || count >= 2 ** 24) return count;
  }
}

/** Mean over one stretch. */
export function msPerCall(call: () => void, count: number): number {
  const started = performance.now();
  for (let done = 0; done < count; done++) call();
  return (performance.now() - started) / count;
}
