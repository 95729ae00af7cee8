// A sign of life that ends with its process, however that ends: a socket in the directory, which the kernel closes. Any
// process on the same kernel can check it, even from another container with its own process numbers. It answers while
// its process is busy, as the kernel accepts connections. Some file systems have no sockets; on Windows there is none.
import { closeSync, constants, openSync } from "node:fs";
import { unlink } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { basename, dirname, join } from "node:path";
import { codeOf } from "./disk.ts";

/** Socket addresses hold about a hundred bytes. On Linux, a file descriptor can stand for a directory of any length. */
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
 * Puts a sign of life at a path that does not exist yet.
 *
 * @returns a function that removes it; undefined if impossible
 */
export async function giveSign(path: string): Promise<(() => Promise<void>) | undefined> {
  if (process.platform === "win32") return undefined;
  const server = createServer((asking) => asking.destroy());
  // The socket does not keep the process alive.
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
    // close() removes the address that the socket was bound to, which may be the short one.
    await unlink(path).catch(() => undefined);
  };
}

/** Whether a process of this kernel gives the sign of life at a path; undefined if unknown. */
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
    // The queue of connections is full, so somebody listens.
    return codeOf(error) === "EAGAIN" ? true : undefined;
  }
}
