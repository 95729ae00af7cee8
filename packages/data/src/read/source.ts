// Finds the bytes behind a source: a path or a file URL. Knows nothing of formats.
import { readFile } from "node:fs/promises";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
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

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file; check the path",
  EISDIR: "it is a folder, expected a file",
  EACCES: "it may not be read; check its permissions",
  ERR_FS_FILE_TOO_LARGE: "it is larger than 2 GiB, which is the most that is read at once; split it",
};

/** An error of the file system as a DataError. */
export function fileError(operation: string, path: string, error: unknown): DataError {
  const { code = "", message } = error as NodeJS.ErrnoException;
  return new DataError(`${operation}: ${shownPath(path)}: ${reasons[code] ?? message}`, { cause: error });
}

/** @throws DataError if it cannot be read */
export async function readBytes(operation: string, path: string): Promise<Buffer<ArrayBuffer>> {
  try {
    return await readFile(path);
  } catch (error) {
    throw fileError(operation, path, error);
  }
}
