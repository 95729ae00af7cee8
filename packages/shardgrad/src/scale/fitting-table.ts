// Tables of right-aligned columns that fit a terminal.

export interface Column<Row> {
  title: string;
  cell: (row: Row) => string;
  /** On a narrow terminal, the highest number goes first; 0 always stays. */
  drop: number;
}

export const gap = "  ";

export const widthOf = (cells: readonly (readonly string[])[]) =>
  cells.reduce((sum, column) => sum + gap.length + Math.max(...column.map((cell) => cell.length)), 0);

/** Right-aligned columns, each as a list of cells from its title down. */
export function alignRight(cells: readonly (readonly string[])[]): string[] {
  const widths = cells.map((column) => Math.max(...column.map((cell) => cell.length)));
  return cells[0]!.map((_, row) =>
    cells.map((column, i) => gap + column[row]!.padStart(widths[i]!)).join(""),
  );
}

/** One line of titles, and one for each row. Leaves out columns until it fits. */
export function fittingTable<Row>(
  all: readonly Column<Row>[],
  rows: readonly Row[],
  columns: number,
): [titles: string, ...lines: string[]] {
  let chosen = [...all];
  const cells = () => chosen.map(({ title, cell }) => [title, ...rows.map(cell)]);
  while (widthOf(cells()) > columns) {
    const next = Math.max(...chosen.map(({ drop }) => drop));
    if (next === 0) break;
    chosen = chosen.filter(({ drop }) => drop !== next);
  }
  return alignRight(cells()) as [string, ...string[]];
}

/** The lines of a table, with a label above each row whose label differs from that of the row before. */
export function labelled<Row>(
  lines: readonly string[],
  rows: readonly Row[],
  label: (row: Row) => string,
): string[] {
  return lines.flatMap((line, i) => {
    const [before, own] = [rows[i - 1], label(rows[i]!)];
    return before !== undefined && label(before) === own ? [line] : [gap + own, line];
  });
}
