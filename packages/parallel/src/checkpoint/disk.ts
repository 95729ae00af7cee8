// Every step that checkpoints take on a disk, as an interface: tests put a simulated disk in its place, which fails or
// loses power at any of them. Here is also the real one. Knows nothing of what the files hold.
import { link, mkdir, open, readdir, rename, rm, rmdir } from "node:fs/promises";

/** A file that is being written, front to back. */
export interface WritableFile {
  /** Appends all of the bytes. */
  write(bytes: Uint8Array): Promise<void>;
  /** What was written survives a power cut from now on, if the directory entry does. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** A disk. Errors have the `code` of Node.js: `ENOENT`, `EEXIST`, `ENOSPC`, … */
export interface Disk {
  /** Names of what is in a directory. */
  list(directory: string): Promise<string[]>;
  /** Its parent must exist, and it itself must not. */
  makeDirectory(path: string): Promise<void>;
  /** The file must not exist. */
  create(path: string): Promise<WritableFile>;
  read(path: string): Promise<Uint8Array>;
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

  /** Not by readFile, which refuses files of more than 2 GiB. */
  async read(path) {
    const file = await open(path, "r");
    try {
      const { size } = await file.stat();
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
  removeFile: (path) => rm(path),
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
