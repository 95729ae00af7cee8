// What a terminal shows after some output: the part of ECMA-48 that the command uses, and DEC's wrapping mode.

const esc = String.fromCharCode(27);
const token = new RegExp(`${esc}\\[(\\??)(\\d*)([A-Za-z])|[\\r\\n]|[^${esc}\\r\\n]`, "gu");

interface Row {
  cells: string[];
  /** Whether it continues in the next row. */
  continued: boolean;
}

export interface Screen {
  /** Its lines from top to bottom; wrapped ones count as one. */
  lines: string[];
  /** Characters that overwrote the last one of a row, because there was no room and no wrapping. */
  cut: number;
  wraps: boolean;
  cursorShown: boolean;
}

/** The visible text on a terminal of so many columns, and any number of rows. */
export function screenOf(text: string, columns: number): Screen {
  const rows: Row[] = [];
  const rowAt = (index: number) => {
    while (rows.length <= index) rows.push({ cells: [], continued: false });
    return rows[index]!;
  };
  let [row, column, cut] = [0, 0, 0];
  let [wraps, cursorShown] = [true, true];
  const put = (character: string) => {
    if (column === columns && wraps) {
      rowAt(row).continued = true;
      [row, column] = [row + 1, 0];
    }
    if (column === columns) cut++;
    const at = Math.min(column, columns - 1);
    rowAt(row).cells[at] = character;
    column = at + 1;
  };
  const control = (mode: string, number: number, letter: string) => {
    if (mode === "?" && number === 7) wraps = letter === "h";
    else if (mode === "?" && number === 25) cursorShown = letter === "h";
    else if (letter === "A") row = Math.max(0, row - (number || 1));
    else if (letter === "G") column = Math.max(0, number - 1);
    else if (letter === "J") rows.length = Math.min(rows.length, row);
    else if (letter === "K" && number === 2) rowAt(row).cells = [];
    else if (letter === "K") rowAt(row).cells.length = Math.min(rowAt(row).cells.length, column);
    else throw new Error(`a sequence that the screen does not know: ${mode}${number}${letter}`);
  };
  for (const [character, mode, number, letter] of text.matchAll(token)) {
    if (letter !== undefined) control(mode!, Number(number), letter);
    else if (character === "\r") column = 0;
    else if (character === "\n") rowAt(++row);
    else put(character);
  }
  const texts = rows.map(({ cells }) => Array.from(cells, (cell) => cell ?? " ").join(""));
  const lines: string[] = [];
  rows.forEach((_, i) => {
    if (i > 0 && rows[i - 1]!.continued) lines.push(lines.pop()! + texts[i]!);
    else lines.push(texts[i]!);
  });
  return { lines, cut, wraps, cursorShown };
}
