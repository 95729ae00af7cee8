// The state of a job on a table, as its weights hold it.
import type { TableState } from "@shardgrad/data";

/** The state, if it is that of a `table()`. */
export function tableStateOf(state: unknown): TableState | undefined {
  const { encoder } = (state ?? {}) as { encoder?: unknown };
  return encoder === "table" ? (state as TableState) : undefined;
}
