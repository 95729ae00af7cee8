// Breaks lines between words, where a terminal would break them within.

/** Breaks a sentence between words; further lines are indented. */
export function wrap(text: string, columns: number, indent = "  "): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= columns)
      lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(line === undefined ? word : `${indent}${word}`);
  }
  return lines;
}
