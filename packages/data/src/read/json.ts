// JSON Lines (one object per line) and JSON (one array of objects). Knows nothing of what the values mean.
import { DataError, quoted } from "../errors.ts";
import type { Rows } from "../rows.ts";
import { rowsFromObjects, withOrigin } from "../rows.ts";
import type { FilePath } from "./source.ts";
import { pathOf, readText, shownPath } from "./source.ts";

const reasonOf = (error: unknown): string => (error as Error).message.replace(/\s+/g, " ");

/**
 * Reads a file with one JSON object per line into columns. A name that some lines lack is missing (null) there.
 *
 * @throws DataError for a line that is no object: the message names it
 */
export async function readJsonLines(source: FilePath): Promise<Rows> {
  const path = pathOf("readJsonLines", source);
  const name = shownPath(path);
  const objects: object[] = [];
  const lines: number[] = [];
  (await readText("readJsonLines", path)).split(/\r\n|\r|\n/).forEach((text, i) => {
    if (text.trim() === "") return;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      throw new DataError(`readJsonLines: ${name} line ${i + 1} is no JSON: ${reasonOf(error)}`, {
        cause: error,
      });
    }
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new DataError(
        `readJsonLines: ${name} line ${i + 1} is ${Array.isArray(value) ? "an array" : quoted(value)}, expected an object such as {"age": 31}${Array.isArray(value) && i === 0 ? "; if the file is one array of objects, let its name end in .json" : ""}`,
      );
    }
    objects.push(value);
    lines.push(i + 1);
  });
  return withOrigin(rowsFromObjects(objects), { name, lines: Int32Array.from(lines) });
}

/**
 * Reads a JSON file that holds an array of objects, one per row, into columns.
 *
 * @throws DataError if it holds something else
 */
export async function readJson(source: FilePath): Promise<Rows> {
  const path = pathOf("readJson", source);
  const name = shownPath(path);
  let value: unknown;
  try {
    value = JSON.parse(await readText("readJson", path));
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`readJson: ${name} is no JSON: ${reasonOf(error)}`, { cause: error });
  }
  if (!Array.isArray(value)) {
    throw new DataError(
      `readJson: ${name} holds ${value === null ? "null" : typeof value}, expected an array of objects, one per row; for one object per line, call it .jsonl`,
    );
  }
  return withOrigin(rowsFromObjects(value), { name });
}
