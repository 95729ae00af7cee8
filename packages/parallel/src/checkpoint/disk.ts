// Every disk operation of the checkpoints, as an interface. Tests use a simulated disk that can fail or lose power at
// any of them. The real disk is here, too. Knows nothing of the files' contents.
import { constants, readSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { link, lstat, mkdir, open, readdir, rename, rmdir, stat, unlink } from "node:fs/promises";

/** A file that is being written, front to back. */
export interface WritableFile {
  /** Appends all of the bytes. */
  write(bytes: Uint8Array): Promise<void>;
  /** From now on, the written data survives a power cut, if the directory entry does. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** A file that is being read. */
export interface ReadableFile {
  readonly bytes: number;
  /** Fills an array with the bytes from `start` on, at once; fails with `EIO` if there are fewer. */
  read(start: number, into: Uint8Array): void;
  close(): Promise<void>;
}

/** The kind of an entry. A link is neither a file nor a directory, whatever its target is. */
export type Kind = "file" | "directory" | "other";

/** A disk. Errors have the `code` of Node.js: `ENOENT`, `EEXIST`, `ENOSPC`, … */
export interface Disk {
  /** Names of the entries of a directory. */
  list(directory: string): Promise<string[]>;
  /** The parent must exist; the directory itself must not. */
  makeDirectory(path: string): Promise<void>;
  /** The file must not exist. */
  create(path: string): Promise<WritableFile>;
  /** The kind of the entry at a path, without following links. */
  kindOf(path: string): Promise<Kind>;
  /** An id that tells a directory from a copy of it. */
  identityOf(directory: string): Promise<string>;
  /**
   * Reads a whole file. Fails at once with `EFTYPE` if it is not a file, such as a pipe; with `EFBIG` if it exceeds
   * `most` bytes.
   */
  read(path: string, most: number): Promise<Uint8Array>;
  /** Opens a file, to read parts of it. Fails like `read`. */
  open(path: string): Promise<ReadableFile>;
  /** Atomic. `to` must not exist. */
  rename(from: string, to: string): Promise<void>;
  /** Gives a file a second name, atomically; fails if that name exists. */
  link(from: string, to: string): Promise<void>;
  removeFile(path: string): Promise<void>;
  /** The directory must be empty. */
  removeDirectory(path: string): Promise<void>;
  /** From now on, the names in the directory survive a power cut. */
  syncDirectory(path: string): Promise<void>;
}

/** The `code` of an error of Node.js. */
export function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}

/** Opening a pipe waits for its writer, unless told not to. */
const withoutWaiting = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

function refuse(code: "EISDIR" | "EFTYPE" | "EFBIG" | "EIO", reason: string, path: string): never {
  throw Object.assign(new Error(`${code}: ${reason}, read '${path}'`), { code });
}

/** Opens a file for reading, unless it is something else; also returns its length. */
async function openFile(path: string): Promise<{ file: FileHandle; size: number }> {
  const file = await open(path, withoutWaiting);
  try {
    const found = await file.stat();
    if (found.isDirectory()) refuse("EISDIR", "a folder", path);
    if (!found.isFile()) refuse("EFTYPE", "not a regular file", path);
    return { file, size: found.size };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** The most that is read at once: a system gives less than 2 GiB. */
const mostAtOnce = 2 ** 30;

/** The machine's own files. */
export const nodeDisk: Disk = {
  list: (directory) => readdir(directory),
  makeDirectory: (path) => mkdir(path),

  async create(path) {
    const file = await open(path, "wx");
    return {
      // Appends everything, where `write` may stop early.
      write: (bytes) => file.writeFile(bytes),
      sync: () => file.sync(),
      close: () => file.close(),
    };
  },

  async kindOf(path) {
    const found = await lstat(path);
    if (found.isFile()) return "file";
    return found.isDirectory() ? "directory" : "other";
  },

  async identityOf(directory) {
    return String((await stat(directory, { bigint: true })).ino);
  },

  /** Not readFile, which refuses files over 2 GiB. */
  async read(path, most) {
    const { file, size } = await openFile(path);
    try {
      if (size > most) refuse("EFBIG", `${size} bytes, expected at most ${most}`, path);
      const bytes = new Uint8Array(size);
      let at = 0;
      while (at < size) {
        const length = Math.min(size - at, mostAtOnce);
        const { bytesRead } = await file.read(bytes, at, length, at);
        if (bytesRead === 0) break;
        at += bytesRead;
      }
      return bytes.subarray(0, at);
    } finally {
      await file.close();
    }
  },

  async open(path) {
    const { file, size } = await openFile(path);
    const read = (start: number, into: Uint8Array) => {
      for (let at = 0; at < into.length; ) {
        const part = into.subarray(at, at + mostAtOnce);
        const count = readSync(file.fd, part, 0, part.length, start + at);
        if (count === 0) refuse("EIO", "it has become shorter", path);
        at += count;
      }
    };
    return { bytes: size, read, close: () => file.close() };
  },

  rename: (from, to) => rename(from, to),
  link: (from, to) => link(from, to),
  removeFile: (path) => unlink(path),
  removeDirectory: (path) => rmdir(path),

  async syncDirectory(path) {
    // Windows cannot sync a directory, but journals it.
    if (process.platform === "win32") return;
    const directory = await open(path, "r");
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  },
};
