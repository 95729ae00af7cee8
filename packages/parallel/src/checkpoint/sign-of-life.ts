// A sign of life that ends with its process, however that ends: a socket in the directory, which the kernel closes. Whoever
// is on the same kernel can ask for it, also from another container, where numbers of processes mean something else; and
// it answers while its process is busy, as the kernel does that. Some file systems have no sockets; Windows has none.
import { closeSync, constants, openSync } from "node:fs";
import { unlink } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { basename, dirname, join } from "node:path";
import { codeOf } from "./disk.ts";

/** The address of a socket has about a hundred bytes; on Linux a directory of any length can be named by its number. */
async function withShortPath<T>(path: string, use: (path: string) => Promise<T>): Promise<T> {
  if (process.platform !== "linux") return await use(path);
  const directory = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return await use(join(`/proc/self/fd/${directory}`, basename(path)));
  } finally {
    closeSync(directory);
  }
}

/**
 * Puts a sign of life at a path, where nothing may be.
 *
 * @returns what takes it away; undefined if there can be none
 */
export async function giveSign(path: string): Promise<(() => Promise<void>) | undefined> {
  if (process.platform === "win32") return undefined;
  const server = createServer((asking) => asking.destroy());
  // A process is not kept by it.
  server.unref();
  try {
    await withShortPath(
      path,
      (short) => new Promise<void>((done, failed) => server.once("error", failed).listen(short, done)),
    );
  } catch {
    server.close();
    return undefined;
  }
  return async () => {
    server.close();
    // Closing removes what it was called when it was made, which may have been a number.
    await unlink(path).catch(() => undefined);
  };
}

/** Whether a process of this kernel gives the sign of life at a path; undefined if there is no telling. */
export async function hasSign(path: string): Promise<boolean | undefined> {
  if (process.platform === "win32") return undefined;
  try {
    return await withShortPath(
      path,
      (short) =>
        new Promise<boolean>((done, failed) => {
          const asking = connect(short, () => {
            asking.destroy();
            done(true);
          });
          asking.once("error", failed);
        }),
    );
  } catch (error) {
    if (codeOf(error) === "ECONNREFUSED") return false;
    // So many ask it that the kernel puts off the next.
    return codeOf(error) === "EAGAIN" ? true : undefined;
  }
}
