// Finds the bytes behind a source: a path or a file URL. Unpacks .gz. Knows nothing of other formats.
import { constants, isUtf8 } from "node:buffer";
import { open, readFile } from "node:fs/promises";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { DataError } from "../errors.ts";

/** A path, or a file URL such as `new URL("./houses.csv", import.meta.url)`. */
export type FilePath = string | URL;

/** @throws DataError unless it is a path or a file URL */
export function pathOf(operation: string, source: unknown): string {
  if (source instanceof URL || (typeof source === "string" && source.startsWith("file:"))) {
    const url = new URL(source);
    if (url.protocol === "file:") return fileURLToPath(url);
    throw new DataError(
      `${operation}: ${url.href} is not a file; download it first, and give the path of the file`,
    );
  }
  if (typeof source === "string" && source !== "") {
    if (!/^https?:/.test(source)) return source;
    throw new DataError(
      `${operation}: ${source} is not a file; download it first, and give the path of the file`,
    );
  }
  const got = typeof source === "string" ? "an empty path" : source === null ? "null" : typeof source;
  throw new DataError(`${operation}: got ${got}, expected a path or a file URL`);
}

/** The path for messages: the shorter of absolute and relative. */
export function shownPath(path: string): string {
  const near = relative(".", path);
  return near !== "" && near.length < path.length ? near : path;
}

/** What to do with a file that is too large to be read at once. */
export function smallerPieces(path: string): string {
  if (/\.npy$/i.test(path)) return "read the rows of each step with rows()";
  const table = /\.(csv|tsv|jsonl?|ndjson)(\.gz)?$/i;
  if (!table.test(path)) return "split it";
  const shown = shownPath(path);
  return `save it as Parquet, such as by duckdb -c "COPY (FROM '${shown}') TO '${shown.replace(table, ".parquet")}'"`;
}

const reasons: Readonly<Record<string, (path: string) => string>> = {
  ENOENT: () => "there is no such file; check the path",
  EISDIR: () => "it is a folder, expected a file",
  ENOTDIR: () => "a part of the path is a file, expected a folder",
  EACCES: () => "it may not be read; check its permissions",
  ERR_FS_FILE_TOO_LARGE: (path) =>
    `it is larger than 2 GiB, which is the most that is read at once; ${smallerPieces(path)}`,
};

/** An error of the file system as a DataError. */
export function fileError(operation: string, path: string, error: unknown): DataError {
  const { code = "", message } = error as NodeJS.ErrnoException;
  return new DataError(`${operation}: ${shownPath(path)}: ${reasons[code]?.(path) ?? message}`, {
    cause: error,
  });
}

/**
 * The bytes of a file, unpacked if its name ends in .gz.
 *
 * @throws DataError if it cannot be read
 */
export async function readBytes(operation: string, path: string): Promise<Buffer> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw fileError(operation, path, error);
  }
  if (!/\.gz$/i.test(path)) return bytes;
  try {
    return await promisify(gunzip)(bytes);
  } catch (error) {
    throw new DataError(
      `${operation}: ${shownPath(path)} cannot be unpacked: ${(error as Error).message}; is it a .gz file, and whole?`,
      { cause: error },
    );
  }
}

/** The number of the first line that is not UTF-8. */
export function badLine(bytes: Uint8Array): number {
  for (let line = 1, start = 0; ; line++) {
    const end = bytes.indexOf(10, start);
    if (end < 0 || !isUtf8(bytes.subarray(start, end))) return line;
    start = end + 1;
  }
}

/**
 * The text of a file, without a byte order mark.
 *
 * @throws DataError if it cannot be read, or is not UTF-8
 */
export async function readText(operation: string, path: string): Promise<string> {
  const bytes = await readBytes(operation, path);
  if (bytes.length > constants.MAX_STRING_LENGTH) {
    throw new DataError(
      `${operation}: ${shownPath(path)} is larger than the longest text, 0.5 GB; ${smallerPieces(path)}`,
    );
  }
  if (isUtf8(bytes)) return bytes.toString("utf8").replace(/^\ufeff/, "");
  throw new DataError(
    `${operation}: ${shownPath(path)} line ${badLine(bytes)} is not UTF-8; save it as UTF-8`,
  );
}

/** Opens a file to read ranges of it. Close it. */
export async function openRanges(operation: string, path: string) {
  try {
    const file = await open(path);
    const { size } = await file.stat();
    const slice = async (start: number, end = size): Promise<ArrayBuffer> => {
      const from = start < 0 ? size + start : start;
      const bytes = new Uint8Array(Math.max(0, Math.min(end, size) - from));
      for (let done = 0; done < bytes.length; ) {
        const { bytesRead } = await file.read(bytes, done, bytes.length - done, from + done);
        if (bytesRead === 0)
          throw new DataError(`${operation}: ${shownPath(path)} has become shorter while it was read`);
        done += bytesRead;
      }
      return bytes.buffer;
    };
    return { byteLength: size, slice, close: () => file.close() };
  } catch (error) {
    throw fileError(operation, path, error);
  }
}
