// What a routine's calls take, and where they go.
import type { Routine, Statement } from "@shardgrad/core/kernels";
import type { Label } from "../assembler/labels.ts";
import { newLabel } from "../assembler/labels.ts";

/** The routines of a library: each is emitted once, after the first that calls it. */
export class CalledRoutines {
  readonly #labels = new Map<Routine, Label>();
  readonly #waiting: Routine[] = [];

  readonly labelOf = (routine: Routine): Label => {
    let label = this.#labels.get(routine);
    if (!label) {
      label = newLabel();
      this.#labels.set(routine, label);
      this.#waiting.push(routine);
    }
    return label;
  };

  /** Emits those that wait, and those that they call. */
  emit(one: (routine: Routine) => void): void {
    for (let next = this.#waiting.pop(); next; next = this.#waiting.pop()) one(next);
  }
}

/** Bytes of the longest row of arguments: 8 for each. */
export function argumentBytes({ body }: Routine): number {
  let most = 0;
  const look = (statements: readonly Statement[]) => {
    for (const statement of statements) {
      if (statement.is === "call") most = Math.max(most, 8 * statement.routine.parameters.length);
      else if (statement.is === "if") {
        look(statement.yes);
        look(statement.no);
      } else if (statement.is === "loop") look(statement.body);
    }
  };
  look(body);
  return most;
}
