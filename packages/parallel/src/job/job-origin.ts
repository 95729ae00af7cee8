// Where jobs were defined: by which calls, from defineJob's caller up to the top level of the module that is being loaded.
// Two threads that load the same module come to the same origins, so a worker can say which of its jobs it trains.
import { isAbsolute } from "node:path";
import { pathToFileURL } from "node:url";
import * as util from "node:util";
import { isMainThread } from "node:worker_threads";
import { noteGraph } from "./sources.ts";

/** Deeper calls are told apart by their innermost part. */
const mostCalls = 100;

interface Origin {
  /** The modules that made the calls, the innermost first. */
  readonly modules: readonly string[];
  /** Unique in a thread, and the same in all. */
  readonly key: string;
}

const originOf = new WeakMap<object, Origin>();
/** All jobs of this thread by the URL of each module that took part in defining them. */
const definedBy = new Map<string, WeakRef<object>[]>();
/** How many jobs came from the same calls, as in a loop. */
const counts = new Map<string, number>();
/** Modules that have called `train` for themselves. */
const trainedByThemselves = new Set<string>();

/** The URL of a script: the names of CommonJS modules are paths. */
const urlOf = (name: string): string => (isAbsolute(name) ? pathToFileURL(name).href : name);

/** The calls that lead here, from the caller of the caller up to the loader of its module. */
function callers(): { url: string; line: number; column: number }[] {
  // Functions of the language, such as map, are no script.
  const sites = util
    .getCallSites(mostCalls)
    .slice(3)
    .filter(({ scriptName }) => scriptName !== "");
  const end = sites.findIndex(({ scriptName }) => scriptName.startsWith("node:"));
  const own = end < 0 ? sites : sites.slice(0, end);
  return own.map(({ scriptName, lineNumber, columnNumber }) => ({
    url: urlOf(scriptName),
    line: lineNumber,
    column: columnNumber,
  }));
}

/** Remembers where a job was defined; called by defineJob itself. */
export function noteOrigin(job: object): void {
  const calls = callers();
  const path = calls.map(({ url, line, column }) => `${url}:${line}:${column}`).join(" < ");
  const count = counts.get(path) ?? 0;
  counts.set(path, count + 1);
  const modules = [...new Set(calls.map(({ url }) => url))];
  originOf.set(job, { modules, key: count === 0 ? path : `${path} (call ${count + 1})` });
  for (const url of modules) {
    // A script that trains itself may do other things before.
    if (isMainThread) noteGraph(url);
    const jobs = definedBy.get(url) ?? [];
    jobs.push(new WeakRef(job));
    definedBy.set(url, jobs);
  }
}

/** What tells a job from all others of its thread; undefined if it was not made by this copy of defineJob. */
export function originKey(job: object): string | undefined {
  return originOf.get(job)?.key;
}

/** The jobs that a module defined, alone or with the help of others. */
export function jobsDefinedBy(url: string): object[] {
  return (definedBy.get(url) ?? []).flatMap((ref) => ref.deref() ?? []);
}

/** The job of this thread with that origin. */
export function jobWithOrigin(key: string): object | undefined {
  const [innermost] = /^\S+?(?=:\d+:\d+)/.exec(key) ?? [];
  return innermost === undefined ? undefined : jobsDefinedBy(innermost).find((job) => originKey(job) === key);
}

/** Remembers that the module which calls `train`, called by it directly, trains itself; for `train` to call. */
export function noteCaller(url: string): void {
  if (callers().some((call) => call.url === url)) trainedByThemselves.add(url);
}

export function trainsItself(url: string): boolean {
  return trainedByThemselves.has(url);
}

/** The URL of the file that the process was started with. */
function programUrl(): string | undefined {
  const [, program] = process.argv;
  return program === undefined ? undefined : urlOf(program);
}

/** True if a module may be in the middle of being loaded: importing it then could wait for itself for ever. */
export function hasBegun(url: string): boolean {
  return trainsItself(url) || jobsDefinedBy(url).length > 0 || url === programUrl();
}
