// Where a job was defined: the calls from defineJob's caller up to the top level of the module that is being loaded.
// Two threads that load the same module find the same origins, so a worker can say which of its jobs it trains.
import { isAbsolute } from "node:path";
import { pathToFileURL } from "node:url";
import * as util from "node:util";
import { isMainThread } from "node:worker_threads";
import { noteGraph } from "./sources.ts";

/** Deeper stacks are told apart by their innermost calls. */
const mostCalls = 100;

interface Origin {
  /** The modules in the call stack, innermost first. */
  readonly modules: readonly string[];
  /** Unique in a thread, and the same on every thread. */
  readonly key: string;
}

const originOf = new WeakMap<object, Origin>();
/** All jobs of this thread, by the URL of each module that took part in defining them. */
const definedBy = new Map<string, WeakRef<object>[]>();
/** How many jobs came from the same call stack, as in a loop. */
const counts = new Map<string, number>();
/** Modules that call `train` on themselves. */
const trainedByThemselves = new Set<string>();

/** The URL of a script. CommonJS modules are named by path; Deno and Bun name all modules so. */
const urlOf = (name: string): string => (isAbsolute(name) ? pathToFileURL(name).href : name);

/** Built-in functions, such as map, have no script: its name is "" in Node.js, null in Deno, "[unknown]" in Bun. */
const isScript = (name: string | null): boolean =>
  name !== null && (isAbsolute(name) || /^[a-z][a-z0-9+.-]+:/.test(name));

/** The calls that lead here, from the caller's caller up to the loader of its module. */
function callers(): { url: string; line: number; column: number }[] {
  const sites = util
    .getCallSites(mostCalls)
    .slice(3)
    .filter(({ scriptName }) => isScript(scriptName));
  const end = sites.findIndex(({ scriptName }) => scriptName.startsWith("node:"));
  const own = end < 0 ? sites : sites.slice(0, end);
  return own.map(({ scriptName, lineNumber, columnNumber }) => ({
    url: urlOf(scriptName),
    line: lineNumber,
    column: columnNumber,
  }));
}

/** Records where a job was defined. Called by defineJob itself. */
export function noteOrigin(job: object): void {
  const calls = callers();
  const path = calls.map(({ url, line, column }) => `${url}:${line}:${column}`).join(" < ");
  const count = counts.get(path) ?? 0;
  counts.set(path, count + 1);
  const modules = [...new Set(calls.map(({ url }) => url))];
  originOf.set(job, { modules, key: count === 0 ? path : `${path} (call ${count + 1})` });
  for (const url of modules) {
    // A script that trains itself may do other things first.
    if (isMainThread) noteGraph(url);
    const jobs = definedBy.get(url) ?? [];
    jobs.push(new WeakRef(job));
    definedBy.set(url, jobs);
  }
}

/** A job's key, unique in its thread; undefined if another copy of defineJob made the job. */
export function originKey(job: object): string | undefined {
  return originOf.get(job)?.key;
}

/** The jobs that a module defined, alone or with other modules. */
export function jobsDefinedBy(url: string): object[] {
  return (definedBy.get(url) ?? []).flatMap((ref) => ref.deref() ?? []);
}

/** The job of this thread with that origin. */
export function jobWithOrigin(key: string): object | undefined {
  const [innermost] = /^\S+?(?=:\d+:\d+)/.exec(key) ?? [];
  return innermost === undefined ? undefined : jobsDefinedBy(innermost).find((job) => originKey(job) === key);
}

/** Records that the module that calls `train` directly trains itself. Called by `train`. */
export function noteCaller(url: string): void {
  if (callers().some((call) => call.url === url)) trainedByThemselves.add(url);
}

export function trainsItself(url: string): boolean {
  return trainedByThemselves.has(url);
}

/** The URL of the process's main script. */
function programUrl(): string | undefined {
  const [, program] = process.argv;
  return program === undefined ? undefined : urlOf(program);
}

/** True if a module may still be loading. Importing it then could wait for itself forever. */
export function hasBegun(url: string): boolean {
  return trainsItself(url) || jobsDefinedBy(url).length > 0 || url === programUrl();
}
