// Breaks lines between words, where a terminal would break them within.

/** Breaks a line that is too long at its wider gaps, else between words; further lines are indented. */
export function wrap(text: string, columns: number, indent = "  "): string[] {
  const lines: string[] = [];
  const put = (gap: string, piece: string) => {
    const line = lines.at(-1);
    if (line === undefined) lines.push(gap + piece);
    else if (line.length + gap.length + piece.length <= columns) lines[lines.length - 1] = line + gap + piece;
    else lines.push(indent + piece);
  };
  for (const [, gap, part] of text.matchAll(/( *)([^ ]+(?: [^ ]+)*)/g)) {
    if (indent.length + part!.length <= columns) put(gap!, part!);
    else for (const [i, word] of part!.split(" ").entries()) put(i === 0 ? gap! : " ", word);
  }
  return lines.length > 0 ? lines : [text];
}
