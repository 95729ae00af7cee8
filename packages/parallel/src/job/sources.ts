// The source of a job as a thread loaded it: a hash of each file of its module and that module's imports, without
// packages. Workers import the job at the start and again after a failure. With changed source they would train another
// job, and the run's bits would match neither. Knows nothing of threads; each thread has its own modules.
import { createHash } from "node:crypto";
import { readFileSync, realpathSync, statSync } from "node:fs";
import * as nodeModule from "node:module";
import { dirname, relative, resolve, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { JobError } from "../errors.ts";
import { ownFolder } from "../own-folder.ts";

/** SHA-256 sums by the URL of a module. */
export type Sources = Readonly<Record<string, string>>;

/** The hash from when this thread first saw each module. The thread keeps that version, whatever happens to the file. */
const loaded = new Map<string, string>();

/** This library is not part of a job, wherever it lies. */
const isOfJob = (url: string) =>
  url.startsWith("file:") && !url.includes("/node_modules/") && !(ownFolder && url.startsWith(ownFolder));

/** The contents of a file; undefined if it is not a regular file: reading a pipe would block. */
function readText(url: string): Buffer | undefined {
  try {
    const path = fileURLToPath(url);
    return statSync(path).isFile() ? readFileSync(path) : undefined;
  } catch {
    return undefined;
  }
}

const sumOf = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** Records a module, and returns its text if it has one. */
function note(url: string): Buffer | undefined {
  const bytes = isOfJob(url) ? readText(url) : undefined;
  if (bytes && !loaded.has(url)) loaded.set(url, sumOf(bytes));
  return bytes;
}

/**
 * Imported TypeScript in CommonJS goes to the loader of `require`. Node.js 22's own loader for it cannot require an ES
 * module ("request for … is from a module not been linked").
 */
function asRequired(
  found: nodeModule.LoadFnOutput,
  { conditions }: Pick<nodeModule.LoadHookContext, "conditions">,
): nodeModule.LoadFnOutput {
  if (found.format !== "commonjs-typescript" || !conditions.includes("import")) return found;
  const { source: _, ...rest } = found;
  return { ...rest, format: "commonjs" };
}

/** Imports a module, and records everything that this loads for the first time. */
export async function importNoted<T>(url: string, load: () => Promise<T>): Promise<T> {
  // Bun has no hooks: what the sources appear to import is recorded instead.
  if (nodeModule.registerHooks === undefined) {
    noteGraph(url);
    return await load();
  }
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

/** `from "./a.ts"`, `import "./a.ts"`, `import("./a.ts")`, `require("./a.ts")`. False matches do no harm. */
const imports = /\b(?:from|import|require)\s*\(?\s*(["'])([.#/][^"'\n]*|file:[^"'\n]*)\1/g;

/** The URLs of the files that a module appears to import. */
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
 * Records a module that this thread loaded before the hooks were there, such as a script that trains itself, and its
 * imports. Call it as soon after loading as possible.
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

/** What this thread has recorded so far. */
export const loadedSources = (): Sources => Object.fromEntries(loaded);

/** The file of a module in `got` whose source differs from `expected`; undefined if none does. */
function findOther(expected: Sources, got: Sources): string | undefined {
  const other = Object.keys(got).find((url) => Object.hasOwn(expected, url) && expected[url] !== got[url]);
  return other === undefined ? undefined : fileURLToPath(other);
}

/** @throws JobError if a worker has loaded other source than the main thread, or than another worker of the run */
export function requireSource(expected: Sources, got: Sources): void {
  const file = findOther(expected, got);
  if (file === undefined) return;
  throw new JobError(
    `train: ${file} was changed after it had been loaded: a worker that starts now would train another job than the main thread has prepared; start anew`,
  );
}

/** A file of the source that has changed or cannot be read; undefined if there is none. */
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
  /** The hash of the job's own module. */
  readonly #folder: string;

  constructor(jobUrl: string) {
    this.#folder = jobUrl.startsWith("file:") ? dirname(fileURLToPath(jobUrl)) : ".";
  }

  /** As the main thread or a worker of this run loaded it. All other threads must load the same. */
  get known(): Sources {
    return this.#known;
  }

  /**
   * Records what a worker has loaded.
   *
   * @throws JobError if it differs from the recorded source
   */
  note(sources: Sources): void {
    requireSource(this.#known, sources);
    this.#known = { ...this.#known, ...sources };
    this.#confirmed = { ...this.#confirmed, ...sources };
  }

  /** Why workers that start now could not continue the run, as the job's source has changed; undefined if they could. */
  get obstacle(): string | undefined {
    const changed = findChanged(this.#confirmed);
    return (
      changed &&
      `${changed} was changed since the run began, and new workers would train another job; start anew`
    );
  }

  /** The source that the workers loaded, for a checkpoint. Paths are relative to the job's folder, which may be moved. */
  get relative(): Sources {
    return this.#relative(this.#confirmed);
  }

  /** The same, as the main thread loaded it: it is known before a worker starts. */
  get relativeOnMain(): Sources {
    return this.#relative(this.#known);
  }

  #relative(sources: Sources): Sources {
    const entries = Object.entries(sources).map(([url, sum]) => {
      const path = relative(this.#folder, fileURLToPath(url));
      return [path.split(sep).join("/"), sum] as const;
    });
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** The files of a checkpoint's source that have changed or are gone. */
  changedSince(saved: Sources): string[] {
    return Object.keys(saved).filter((path) => {
      const bytes = readText(pathToFileURL(resolve(this.#folder, path)).href);
      return !bytes || sumOf(bytes) !== saved[path];
    });
  }
}
