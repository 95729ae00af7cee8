// Finds the job of a module: its default export. Workers import the module. The main thread may still be loading it,
// and then takes the job that the module has already defined. Must not know threads: the caller asks one if needed.
import { AsyncLocalStorage } from "node:async_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { JobError } from "../errors.ts";
import { describeCommonJS } from "./common-js.ts";
import type { Job } from "./define-job.ts";
import { isJob } from "./define-job.ts";
import { hasBegun, jobsDefinedBy, jobWithOrigin, originKey, trainsItself } from "./job-origin.ts";
import { importNoted } from "./sources.ts";

/**
 * The URL of a job module, from a URL or a path.
 *
 * @throws JobError if it is anything else, such as the job itself
 */
export function jobUrlOf(operation: string, job: unknown): string {
  if (typeof job !== "string" && !(job instanceof URL)) {
    const got = isJob(job)
      ? "a job"
      : job instanceof Promise
        ? "a promise"
        : job === null
          ? "null"
          : typeof job;
    throw new JobError(
      `${operation}: got ${got}, expected the URL or the path of the module that exports the job, as workers import it themselves; write ${operation}(import.meta.url) in that module, or ${operation}(new URL("./define-job.ts", import.meta.url)) in another`,
    );
  }
  const text = String(job);
  return /^[a-z][a-z0-9+.-]+:/i.test(text) ? text : pathToFileURL(text).href;
}

/** The module as one types it: a path rather than a file URL. */
const shownModule = (url: string): string => (url.startsWith("file:") ? fileURLToPath(url) : url);

/** Set inside what a job module does while it is imported, and nowhere else: other runs may start meanwhile. */
const importing = new AsyncLocalStorage<{ done: boolean }>();

/**
 * Throws if a job module calls it while it is imported. A module that trains on import would train in every worker,
 * whose workers would import it again, without end.
 */
export function refuseWhileLoading(operation: string): void {
  // What the module started, such as a timer, may continue when the import is done.
  if (importing.getStore()?.done !== false) return;
  throw new JobError(
    `${operation}: called by a job module while it is imported; every worker imports it, so write: if (import.meta.main) { await ${operation}(import.meta.url) }, or in CommonJS: if (require.main === module) { ${operation}(__filename) }`,
  );
}

/**
 * Imports a module and returns its job. Not for a thread that is still loading that module.
 *
 * @param operation what errors begin with
 * @throws JobError if the module cannot be loaded, or its default export is not a job
 */
export async function importJob(operation: string, url: string): Promise<Job> {
  let module: { default?: unknown };
  const state = { done: false };
  try {
    module = await importing.run(state, () => importNoted(url, () => import(url)));
  } catch (error) {
    if (error instanceof JobError) throw error;
    throw new JobError(
      `${operation}: cannot load the job ${shownModule(url)}: ${describeLoadError(error, url)}`,
      { cause: error },
    );
  } finally {
    state.done = true;
  }
  const job = module.default;
  if (!isJob(job)) {
    throw new JobError(
      `${operation}: ${shownModule(url)} has no job as its default export; write: export default defineJob({ … })`,
    );
  }
  return job;
}

/**
 * Refuses a job that differs from the one that the main thread found, which could not import the module.
 *
 * @param origin of the main thread's job, as `originKey` gives it
 */
export function requireOrigin(url: string, job: Job, origin: string): void {
  const own = originKey(job);
  if (own === origin) return;
  if (own === undefined) {
    throw new JobError(
      `train: the default export of ${shownModule(url)} was made by another copy of @shardgrad/parallel; install it once (a bundle must share it among its files: split it)`,
    );
  }
  throw new JobError(
    `train: the default export of ${shownModule(url)} is the job defined at ${placeOf(own)}, but that module was not done loading when it called train, and had defined another one, at ${placeOf(origin)}; call train from another file`,
  );
}

const placeOf = (key: string): string => key.split(" < ")[0]!;

/** Rejects when the process has nothing left to do, because a pending promise then never settles. */
function untilNothingIsLeft(operation: string, url: string): { promise: Promise<never>; done: () => void } {
  let done = () => {};
  const promise = new Promise<never>((_, reject) => {
    const tell = () =>
      reject(
        new JobError(
          `${operation}: ${shownModule(url)} waits for something that never comes; if it waits for train() itself, call train from another file`,
        ),
      );
    process.once("beforeExit", tell);
    done = () => void process.off("beforeExit", tell);
  });
  return { promise, done };
}

/** The job to train. It has an origin if the main thread could not import its module; workers must find the same. */
export interface FoundJob {
  job: Job;
  origin: string | undefined;
}

/** Importing a loaded module takes less time than this. */
const importMs = 50;

/** The main thread's jobs by module URL: training a module again gets the same job. */
const loaded = new Map<string, Job>();

/**
 * The job of a module, on the main thread. A module that awaits `train(import.meta.url)` is still loading, and
 * importing it would wait for itself. Then this returns the job that it has defined; if it has defined several, the one
 * that a new thread finds by importing the module.
 *
 * @param operation what errors begin with
 * @param identify imports the module on another thread, and returns the origin of its job
 */
export async function findJob(
  operation: string,
  url: string,
  identify: () => Promise<string | undefined>,
): Promise<FoundJob> {
  const known = loaded.get(url);
  if (known) return { job: known, origin: undefined };
  const left = untilNothingIsLeft(operation, url);
  try {
    const imported = importJob(operation, url).then((job): FoundJob => ({ job, origin: undefined }));
    if (!hasBegun(url)) {
      const found = await Promise.race([imported, left.promise]);
      loaded.set(url, found.job);
      return found;
    }
    // Settles only for a loaded module; nobody waits for the others.
    imported.catch(() => undefined);
    left.promise.catch(() => undefined);
    const [only, ...others] = jobsDefinedBy(url) as Job[];
    if (only && others.length === 0 && trainsItself(url)) return { job: only, origin: originKey(only) };
    const soon = await Promise.race([imported, sleep(importMs, undefined)]);
    const found = soon ?? named(operation, url, await identify());
    loaded.set(url, found.job);
    return found;
  } finally {
    left.done();
  }
}

function named(operation: string, url: string, key: string | undefined): FoundJob {
  const job = key === undefined ? undefined : jobWithOrigin(key);
  if (job) return { job: job as Job, origin: key };
  throw new JobError(
    `${operation}: ${shownModule(url)} is not done loading, and has not defined its default export${key === undefined ? "" : ` (at ${placeOf(key)})`} yet; call ${operation} below it, or from another file`,
  );
}

/** `SyntaxError: … (file:line)`: Node.js puts the place of a syntax error into the first line of the stack. */
function describeLoadError(error: unknown, url: string): string {
  if (!(error instanceof Error)) return `it threw ${String(error)}`;
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "ERR_UNSUPPORTED_DIR_IMPORT") return "it is a folder; name a file";
  if (code === "ERR_UNKNOWN_FILE_EXTENSION") return "expected a .ts or .js module that exports a job";
  if ((error as { url?: string }).url === url) return "there is no such file";
  const commonJS = describeCommonJS(error, url);
  if (commonJS !== undefined) return commonJS;
  const place =
    error.name === "SyntaxError" ? /^(?:file:\/\/)?(\S+:\d+)$/m.exec(error.stack ?? "")?.[1] : undefined;
  return `${error.name}: ${error.message.split("\n")[0]}${place ? ` (${place})` : ""}`;
}
