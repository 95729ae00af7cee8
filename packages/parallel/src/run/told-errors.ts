// Which errors another machine tells its user of. By the command, which loads it without the rest of a run.

const told = new WeakSet<Error>();

/** Machine 0 knows this error. */
export function noteTold(error: unknown): void {
  if (error instanceof Error) told.add(error);
}

/** Whether machine 0 tells its user of an error, so that this one need not. */
export const isToldElsewhere = (error: unknown): boolean => error instanceof Error && told.has(error);
