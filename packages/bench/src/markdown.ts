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

/** Three significant digits without exponent: 0.0712, 4.53, 128, 4100. */
export function digits(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const decimals = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(decimals, 12));
}

/** `4.53 (4.40 – 4.71)` */
export function spreadText({ median, min, max }: { median: number; min: number; max: number }): string {
  return `${digits(median)} (${digits(min)} – ${digits(max)})`;
}

export function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(Math.abs(share) < 0.1 ? 1 : 0)} %`;
}
