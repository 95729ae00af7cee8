// How long something takes.

/** Milliseconds of one run of `body`: the mean of as many as fit into `leastMs`, after one that is not counted. */
export function meanMs(body: () => unknown, leastMs = 200): number {
  body();
  const start = performance.now();
  let runs = 0;
  let taken = 0;
  do {
    body();
    runs++;
    taken = performance.now() - start;
  } while (taken < leastMs);
  return taken / runs;
}
