// Parquet files, by hyparquet, with all compressions. Flat columns only: numbers, truths, words and dates.
import { DataError } from "../errors.ts";
import type { Rows } from "../rows.ts";
import { withOrigin } from "../rows.ts";
import type { FilePath } from "./source.ts";
import { openRanges, pathOf, shownPath } from "./source.ts";

/** int64 as numbers, where they are exact. */
function plainNumbers(values: unknown[]): unknown[] {
  const exact = values.every(
    (value) =>
      typeof value !== "bigint" || (value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER),
  );
  return exact ? values.map((value) => (typeof value === "bigint" ? Number(value) : value)) : values;
}

/**
 * Reads a Parquet file into columns. Timestamps are Date objects; int64 are numbers, or bigints if one is too large for that.
 *
 * @throws DataError for a file that is none, and for nested columns (lists, maps, structs)
 */
export async function readParquet(source: FilePath): Promise<Rows> {
  const path = pathOf("readParquet", source);
  const name = shownPath(path);
  // Imported here, as workers import this package with their jobs.
  const [{ parquetMetadataAsync, parquetRead, parquetSchema }, { compressors }] = await Promise.all([
    import("hyparquet"),
    import("hyparquet-compressors"),
  ]);
  const file = await openRanges("readParquet", path);
  try {
    if (file.byteLength === 0) throw new DataError(`readParquet: ${name} cannot be read: it is empty`);
    const metadata = await parquetMetadataAsync(file);
    for (const { element, children } of parquetSchema(metadata).children) {
      if (children.length === 0 && element.repetition_type !== "REPEATED") continue;
      const kind = element.converted_type?.toLowerCase() ?? (children.length > 0 ? "struct" : "list");
      throw new DataError(
        `readParquet: ${name}: column ${element.name} is nested (a ${kind}), expected flat columns of numbers and words; flatten it where the file is written`,
      );
    }
    const count = Number(metadata.num_rows);
    const columns = new Map<string, unknown[]>();
    for (const { element } of parquetSchema(metadata).children)
      columns.set(element.name, new Array(count).fill(null));
    await parquetRead({
      file,
      metadata,
      compressors,
      onChunk: ({ columnName, columnData, rowStart }) => {
        const column = columns.get(columnName)!;
        for (let i = 0; i < columnData.length; i++) column[rowStart + i] = columnData[i] ?? null;
      },
    });
    const rows: Rows = Object.fromEntries([...columns].map(([key, values]) => [key, plainNumbers(values)]));
    return withOrigin(rows, { name });
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(
      `readParquet: ${name} cannot be read: ${(error as Error).message.replace(/\s+/g, " ")}; is it a Parquet file, and whole?`,
      { cause: error },
    );
  } finally {
    await file.close();
  }
}
