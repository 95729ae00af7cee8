// What a person should know about new rows before trusting their answers: words that training did not have.
import { unseenWords } from "@shardgrad/data";
import type { Given } from "@shardgrad/parallel";
import { tableStateOf } from "./table-state.ts";

const most = 5;

/** A line for each column with such words, if the job is on a table. */
export function unseenLines(operation: string, given: Given, state: unknown): string[] {
  const known = tableStateOf(state);
  if (!known) return [];
  return unseenWords(given as Parameters<typeof unseenWords>[0], known).map(({ name, words, rows }) => {
    const shown = words.slice(0, most).map((word) => JSON.stringify(word));
    if (words.length > most) shown.push("…");
    return `${operation}: column ${name}: training had no ${shown.join(", ")} (in ${rows} ${rows === 1 ? "row" : "rows"}); all such words count as one`;
  });
}
