// How long something takes, on a machine that may be busy with other things for a while.

/** Milliseconds of one run of `body`: the median of at least three, and of as many as fit into `leastMs`. */
export function medianMs(body: () => unknown, leastMs = 200): number {
  const times: number[] = [];
  const start = performance.now();
  let now = start;
  do {
    const before = now;
    body();
    now = performance.now();
    times.push(now - before);
  } while (times.length < 3 || now - start < leastMs);
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)]!;
}
