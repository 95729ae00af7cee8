// What must not happen at the same time anywhere in the process: one after another, in the order of asking. For now:
// native libraries being loaded, and threads being ended, as ending one that is loading a library ends the process.

let last: Promise<unknown> = Promise.resolve();

/** Does `body` when all that was asked for before has ended, well or not. */
export function inTurn<T>(body: () => Promise<T>): Promise<T> {
  const mine = last.then(body);
  last = mine.catch(() => undefined);
  return mine;
}
