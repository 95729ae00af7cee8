// Runs asynchronous tasks in every order of their turns. A task waits for its turn at places of its choice; between
// them it must do nothing slower than promises.

/** A task; it awaits `turn()` before each step that others can see. When all tasks are done, `turn()` no longer waits. */
export type Task<T> = (turn: () => Promise<void>) => Promise<T>;

/** One order: which task ran at each turn, given the first choices; and the alternatives. */
async function runOnce<T>(
  tasks: readonly Task<T>[],
  choices: readonly number[],
): Promise<{ results: PromiseSettledResult<T>[]; options: number[] }> {
  const waiting = new Map<number, () => void>();
  let running = tasks.length;
  const results = Promise.allSettled(
    tasks.map((task, who) =>
      task(async () => {
        if (running > 0) await new Promise<void>((resolve) => waiting.set(who, resolve));
      }).finally(() => void running--),
    ),
  );
  const options: number[] = [];
  for (;;) {
    while (waiting.size < running) await null;
    if (running === 0) return { results: await results, options };
    const ready = [...waiting.keys()].sort();
    const chosen = ready[choices[options.length] ?? 0]!;
    options.push(ready.length);
    const go = waiting.get(chosen)!;
    waiting.delete(chosen);
    go();
  }
}

/** Calls `examine` with the results of every order, each on new tasks from `start`; returns the number of orders. */
export async function everyInterleaving<T>(
  start: () => Promise<readonly Task<T>[]>,
  examine: (results: PromiseSettledResult<T>[]) => Promise<void>,
): Promise<number> {
  let choices: number[] = [];
  for (let count = 1; ; count++) {
    const { results, options } = await runOnce(await start(), choices);
    await examine(results);
    const made = options.map((_, turn) => choices[turn] ?? 0);
    const last = made.findLastIndex((choice, turn) => choice + 1 < options[turn]!);
    if (last < 0) return count;
    choices = [...made.slice(0, last), made[last]! + 1];
  }
}
