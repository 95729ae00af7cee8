// Markdown tables with aligned columns, readable as text.

/** Numbers are right-aligned. */
export type Align = "left" | "right";

function padded(text: string, width: number, align: Align): string {
  return align === "right" ? text.padStart(width) : text.padEnd(width);
}

/** A table; `|` in a cell is escaped. */
export function markdownTable(
  head: readonly (readonly [title: string, align: Align])[],
  rows: readonly (readonly string[])[],
): string {
  const cells = [head.map(([title]) => title), ...rows].map((row) =>
    row.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")),
  );
  const widths = head.map((_, column) => Math.max(3, ...cells.map((row) => row[column]!.length)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, i) => padded(cell, widths[i]!, head[i]![1])).join(" | ")} |`;
  const rule = head.map(([, align], i) =>
    align === "right" ? `${"-".repeat(widths[i]! - 1)}:` : "-".repeat(widths[i]!),
  );
  return [line(cells[0]!), line(rule), ...cells.slice(1).map(line)].join("\n");
}
