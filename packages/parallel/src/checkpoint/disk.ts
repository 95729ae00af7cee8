// Every step that checkpoints take on a disk, as an interface: tests put a simulated disk in its place, which fails or
// loses power at any of them. Here is also the real one. Knows nothing of what the files hold.
import { constants } from "node:fs";
import { link, lstat, mkdir, open, readdir, rename, rmdir, stat, unlink } from "node:fs/promises";

/** A file that is being written, front to back. */
export interface WritableFile {
  /** Appends all of the bytes. */
  write(bytes: Uint8Array): Promise<void>;
  /** What was written survives a power cut from now on, if the directory entry does. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** What is at a path: a link is neither a file nor a directory, whatever it leads to. */
export type Kind = "file" | "directory" | "other";

/** A disk. Errors have the `code` of Node.js: `ENOENT`, `EEXIST`, `ENOSPC`, … */
export interface Disk {
  /** Names of what is in a directory. */
  list(directory: string): Promise<string[]>;
  /** Its parent must exist, and it itself must not. */
  makeDirectory(path: string): Promise<void>;
  /** The file must not exist. */
  create(path: string): Promise<WritableFile>;
  /** What is at a path itself: links are not followed. */
  kindOf(path: string): Promise<Kind>;
  /** Tells a directory from a copy of it. */
  identityOf(directory: string): Promise<string>;
  /** All of a file. Fails at once with `EFTYPE` if it is none, such as a pipe; with `EFBIG` if it has more than `most` bytes. */
  read(path: string, most: number): Promise<Uint8Array>;
  /** Atomic. Nothing may be at `to`. */
  rename(from: string, to: string): Promise<void>;
  /** Gives a file a second name, atomically; fails if that is taken. */
  link(from: string, to: string): Promise<void>;
  removeFile(path: string): Promise<void>;
  /** It must be empty. */
  removeDirectory(path: string): Promise<void>;
  /** The names in the directory survive a power cut from now on. */
  syncDirectory(path: string): Promise<void>;
}

/** The `code` of an error of Node.js. */
export function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}

/** Opening a pipe waits for whoever writes into it, unless told not to. */
const withoutWaiting = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

function refuse(code: "EISDIR" | "EFTYPE" | "EFBIG", reason: string, path: string): never {
  throw Object.assign(new Error(`${code}: ${reason}, read '${path}'`), { code });
}

/** The machine's own files. */
export const nodeDisk: Disk = {
  list: (directory) => readdir(directory),
  makeDirectory: (path) => mkdir(path),

  async create(path) {
    const file = await open(path, "wx");
    return {
      // Goes on where the last write ended, and writes all, where `write` may stop short.
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

  /** Not by readFile, which refuses files of more than 2 GiB. */
  async read(path, most) {
    const file = await open(path, withoutWaiting);
    try {
      const found = await file.stat();
      if (found.isDirectory()) refuse("EISDIR", "a folder", path);
      if (!found.isFile()) refuse("EFTYPE", "not a regular file", path);
      const { size } = found;
      if (size > most) refuse("EFBIG", `${size} bytes, expected at most ${most}`, path);
      const bytes = new Uint8Array(size);
      let at = 0;
      while (at < size) {
        const length = Math.min(size - at, 2 ** 30);
        const { bytesRead } = await file.read(bytes, at, length, at);
        if (bytesRead === 0) break;
        at += bytesRead;
      }
      return bytes.subarray(0, at);
    } finally {
      await file.close();
    }
  },

  rename: (from, to) => rename(from, to),
  link: (from, to) => link(from, to),
  removeFile: (path) => unlink(path),
  removeDirectory: (path) => rmdir(path),

  async syncDirectory(path) {
    // Windows has no such call, and keeps its directories in a journal.
    if (process.platform === "win32") return;
    const directory = await open(path, "r");
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  },
};
