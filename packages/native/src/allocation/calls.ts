// What a routine's calls take.
import type { Routine, Statement } from "@shardgrad/core/kernels";

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
