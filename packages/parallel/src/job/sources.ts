// The source of a job, as a thread has loaded it: the files of its module and of what that imports, but for packages, each
// with a hash. Workers import the job anew, at the start and after a failure; with another source they would train another
// job, and a run would have bits of neither. Knows nothing of threads, which each have modules of their own.
import { createHash } from "node:crypto";
import { readFileSync, realpathSync, statSync } from "node:fs";
import * as nodeModule from "node:module";
import { dirname, relative, resolve, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { JobError } from "../errors.ts";
import { ownFolder } from "../own-folder.ts";

/** SHA-256 sums by the URL of a module. */
export type Sources = Readonly<Record<string, string>>;

/** As this thread saw each module first: from then on that is the one it has, whatever becomes of the file. */
const loaded = new Map<string, string>();

/** This library is no part of a job, wherever it lies. */
const isOfJob = (url: string) =>
  url.startsWith("file:") && !url.includes("/node_modules/") && !url.startsWith(ownFolder);

/** What is in a file; undefined if it is none, such as a pipe, for which one would have to wait. */
function readText(url: string): Buffer | undefined {
  try {
    const path = fileURLToPath(url);
    return statSync(path).isFile() ? readFileSync(path) : undefined;
  } catch {
    return undefined;
  }
}

const sumOf = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** Notes a module, and gives its text if there is one. */
function note(url: string): Buffer | undefined {
  const bytes = isOfJob(url) ? readText(url) : undefined;
  if (bytes && !loaded.has(url)) loaded.set(url, sumOf(bytes));
  return bytes;
}

/**
 * CommonJS in TypeScript, when it is imported, is left to the loader of `require`: what Node.js 22 has for it otherwise cannot
 * require an ES module ("request for … is from a module not been linked").
 */
function asRequired(
  found: nodeModule.LoadFnOutput,
  { conditions }: Pick<nodeModule.LoadHookContext, "conditions">,
): nodeModule.LoadFnOutput {
  if (found.format !== "commonjs-typescript" || !conditions.includes("import")) return found;
  const { source: _, ...rest } = found;
  return { ...rest, format: "commonjs" };
}

/** Imports a module, and notes all that is loaded with it for the first time. */
export async function importNoted<T>(load: () => Promise<T>): Promise<T> {
  const hooks = nodeModule.registerHooks({
    load(url, context, nextLoad) {
      note(url);
      return asRequired(nextLoad(url, context), context);
    },
  });
  try {
    return await load();
  } finally {
    hooks.deregister();
  }
}

/** `from "./a.ts"`, `import "./a.ts"`, `import("./a.ts")`, `require("./a.ts")`; what only looks like one does no harm. */
const imports = /\b(?:from|import|require)\s*\(?\s*(["'])([.#/][^"'\n]*|file:[^"'\n]*)\1/g;

/** The URLs of the files that a module seems to import. */
function importedBy(url: string, text: string): string[] {
  const require = nodeModule.createRequire(fileURLToPath(url));
  return [...text.matchAll(imports)].flatMap(([, , name]) => {
    const [path, query] = name!.split(/(?=[?])/, 2);
    try {
      const file = path!.startsWith("file:") ? fileURLToPath(path!) : require.resolve(path!);
      return [pathToFileURL(realpathSync(file)).href + (query ?? "")];
    } catch {
      return [];
    }
  });
}

const noted = new Set<string>();

/**
 * Notes a module that this thread has loaded before anybody could watch, such as the script that trains itself, and what it
 * says that it imports. The sooner after it was loaded the better.
 */
export function noteGraph(url: string): void {
  const rest = [url];
  for (let at = rest.pop(); at !== undefined; at = rest.pop()) {
    if (noted.has(at)) continue;
    noted.add(at);
    const text = note(at);
    if (text) rest.push(...importedBy(at, text.toString()));
  }
}

/** What this thread has noted so far. */
export const loadedSources = (): Sources => Object.fromEntries(loaded);

/** The file of a module of `got` whose source is another than in `expected`; undefined if none is. */
function findOther(expected: Sources, got: Sources): string | undefined {
  const other = Object.keys(got).find((url) => Object.hasOwn(expected, url) && expected[url] !== got[url]);
  return other === undefined ? undefined : fileURLToPath(other);
}

/** @throws JobError if a worker has loaded another source than others of its run, or than the main thread */
export function requireSource(expected: Sources, got: Sources): void {
  const file = findOther(expected, got);
  if (file === undefined) return;
  throw new JobError(
    `train: ${file} was changed after it had been loaded: a worker that starts now would train another job than the main thread has prepared; start anew`,
  );
}

/** The file of a source that is another now, or cannot be read; undefined if none is. */
function findChanged(sources: Sources): string | undefined {
  const now = Object.keys(sources).map((url) => {
    const bytes = readText(url);
    return [url, bytes ? sumOf(bytes) : ""] as const;
  });
  return findOther(sources, Object.fromEntries(now));
}

/** The source of the job of one run. */
export class RunSources {
  #known = loadedSources();
  #confirmed: Sources = {};
  /** That of the job's module. */
  readonly #folder: string;

  constructor(jobUrl: string) {
    this.#folder = jobUrl.startsWith("file:") ? dirname(fileURLToPath(jobUrl)) : ".";
  }

  /** As the main thread, or a worker of the run, has loaded it: what all others must load, too. */
  get known(): Sources {
    return this.#known;
  }

  /**
   * Notes what a worker has loaded.
   *
   * @throws JobError if it is something else than is known
   */
  note(sources: Sources): void {
    requireSource(this.#known, sources);
    this.#known = { ...this.#known, ...sources };
    this.#confirmed = { ...this.#confirmed, ...sources };
  }

  /** Why workers that start now, and import the job anew, would not go on with the run; undefined if they would. */
  get obstacle(): string | undefined {
    const changed = findChanged(this.#confirmed);
    return (
      changed &&
      `${changed} was changed since the run began, and new workers would train another job; start anew`
    );
  }

  /** What workers have loaded, by path from the folder of the job, which may be moved: as a checkpoint keeps it. */
  get relative(): Sources {
    const entries = Object.entries(this.#confirmed).map(([url, sum]) => {
      const path = relative(this.#folder, fileURLToPath(url));
      return [path.split(sep).join("/"), sum] as const;
    });
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** The files of what a checkpoint keeps that are others now, or gone. */
  changedSince(saved: Sources): string[] {
    return Object.keys(saved).filter((path) => {
      const bytes = readText(pathToFileURL(resolve(this.#folder, path)).href);
      return !bytes || sumOf(bytes) !== saved[path];
    });
  }
}
