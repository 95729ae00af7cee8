// Whether something can be written to a place, found out before the work and without leaving anything there. Only trying
// tells: a file system may be full, read-only, or refuse new names whatever the permissions say.
import { randomBytes } from "node:crypto";
import { access, constants, lstat, mkdir, open, readlink, realpath, rm, rmdir, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { JobError, oneLine } from "../errors.ts";

/** The beginning of an error, such as "train: cannot write /a/b", and what is wrong. */
type Refuse = (reason: string, cause?: unknown) => never;

const refuser =
  (what: string): Refuse =>
  (reason, cause) => {
    throw new JobError(`${what}: ${reason}`, { cause });
  };

const freshName = () => randomBytes(6).toString("hex");

/** The name under which a file is written before it gets its own. */
export const besideOf = (path: string): string => `${path}.${freshName()}.part`;

/** Where the links of a path lead, also if nothing is there. */
export async function targetOf(path: string): Promise<string> {
  const found = await realpath(path).catch(() => undefined);
  if (found !== undefined) return found;
  const next = await readlink(path).catch(() => undefined);
  return next === undefined ? path : targetOf(resolve(dirname(path), next));
}

const detail = (error: unknown) => oneLine((error as Error).message).replace(/, \w+ '.*'$/, "");

/**
 * Whether a file can be made or replaced. Its folder must be there.
 *
 * @param what the beginning of errors
 * @throws JobError if not
 */
export async function requireWritableFile(what: string, file: string): Promise<void> {
  const refuse: Refuse = refuser(what);
  const path = await targetOf(resolve(file));
  const folder = dirname(path);
  const above = await stat(folder).catch(() => undefined);
  if (!above) refuse("its folder does not exist; make it, or name another file");
  if (!above.isDirectory()) refuse(`${folder} is a file, not a folder; name another file`);
  const there = await stat(path).catch(() => undefined);
  if (there?.isDirectory()) refuse("it is a folder; name a file");
  if (there)
    await access(path, constants.W_OK).catch((error) => refuse("it is there, and not writable", error));
  // Devices and pipes are written to as they are.
  if (there && !there.isFile()) return;
  const beside = besideOf(path);
  try {
    await (await open(beside, "wx")).close();
    await rm(beside);
  } catch (error) {
    refuse(`no file can be made there (${detail(error)}); name another file`, error);
  }
}

/**
 * Whether files can be made in a folder, or it itself, with those above it.
 *
 * @param what the beginning of errors
 * @throws JobError if not
 */
export async function requireWritableFolder(what: string, folder: string): Promise<void> {
  const refuse: Refuse = refuser(what);
  let there = resolve(folder);
  // A file in the way is found as such one level further up.
  while (!(await lstat(there).catch(() => undefined))) there = dirname(there);
  const found = await stat(there).catch((error) =>
    refuse(`${there} is a link that leads nowhere; name a folder`, error),
  );
  if (!found.isDirectory()) refuse(`${there} is a file; name a folder`);
  const probe = join(there, `.${freshName()}.part`);
  try {
    await mkdir(probe);
    await rmdir(probe);
  } catch (error) {
    refuse(`nothing can be made in ${there} (${detail(error)}); name another folder`, error);
  }
}
