// Which words of new rows training did not have: they are encoded alike, as other words, and a person should know.
import type { Rows } from "../rows.ts";
import type { TableState } from "./state.ts";
import { readWord } from "./values.ts";

/** Words of one column that training did not have. */
export interface UnseenWords {
  /** The column. */
  readonly name: string;
  /** Each once, in the order of the rows. */
  readonly words: readonly string[];
  /** How many rows have one. */
  readonly rows: number;
}

/** The words of rows that the state does not know, by column; columns without any are absent. */
export function unseenWords(rows: Rows, state: TableState): UnseenWords[] {
  const missing = new Set(state.missingWords);
  return state.inputs.flatMap((input) => {
    const values = rows[input.name];
    if (input.kind === "number" || !values) return [];
    const known = new Set(input.words);
    const words = new Set<string>();
    let count = 0;
    for (let row = 0; row < values.length; row++) {
      const word = readWord(values[row], missing);
      if (typeof word !== "string" || known.has(word)) continue;
      words.add(word);
      count++;
    }
    return count === 0 ? [] : [{ name: input.name, words: [...words], rows: count }];
  });
}
