// Where this library's own files lie: src/, or dist/ once built. This file is at the top because dist/ has no rooms. In
// a bundle they have no folder of their own, and the file of the worker threads is one that the bundler wrote.
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { JobError } from "./errors.ts";

const here: string | undefined = import.meta.url;
if (here === undefined) {
  throw new Error(
    "@shardgrad/parallel is in a bundle of CommonJS, which cannot start worker threads; bundle it as ES modules, see docs/in-a-bundle.md",
  );
}

/** Whether this file is still in its package. */
function isPackage(): boolean {
  try {
    return JSON.parse(readFileSync(new URL("../package.json", here), "utf8")).name === "@shardgrad/parallel";
  } catch {
    return false;
  }
}

/** The URL of the folder; undefined in a bundle. */
export const ownFolder = isPackage() ? new URL(".", here).href : undefined;

/** What a bundler must call the entry `@shardgrad/parallel/worker`. */
const entry = "shardgrad-worker";

const recipe = "see docs/in-a-bundle.md";

/**
 * The file of the Piscina task. In a bundle it lies beside this code, or beside the job.
 *
 * @throws JobError if a bundle does not have it
 */
export function findWorker(operation: string, jobUrl: string): URL {
  if (ownFolder !== undefined) return new URL("worker.js", ownFolder);
  const places = [here!, jobUrl].filter((url) => url.startsWith("file:"));
  const folders = [...new Set(places.map((url) => new URL(".", url).href))];
  const files = folders.flatMap((folder) => ["js", "mjs"].map((type) => new URL(`${entry}.${type}`, folder)));
  const found = files.find((file) => existsSync(file));
  if (found) return found;
  throw new JobError(
    `${operation}: the bundle has no file for the worker threads: ${entry}.js is not in ${folders.map((url) => fileURLToPath(url)).join(" or ")}; give the bundler "@shardgrad/parallel/worker" as one more entry, named ${entry}, ${recipe}`,
  );
}

/** What went wrong when Piscina was loaded or started. In a bundle, it misses the files beside its own. */
export function explainPiscina(operation: string, error: unknown): unknown {
  if (ownFolder !== undefined || !(error instanceof Error)) return error;
  return new JobError(
    `${operation}: Piscina, which starts the worker threads, does not run in this bundle (${error.message.split("\n")[0]}); keep it outside (external: ["piscina"]) and install it, ${recipe}`,
    { cause: error },
  );
}
