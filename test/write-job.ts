// Job modules for single tests, such as broken ones, written where they can import the packages.
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as core from "@shardgrad/core";

const directory = new URL("./.tmp/", import.meta.url);
let count = 0;

function write(extension: string, source: string): string {
  mkdirSync(directory, { recursive: true });
  const name = `job-${process.pid}-${Date.now()}-${count++}.${extension}`;
  const file = fileURLToPath(new URL(name, directory));
  writeFileSync(file, source);
  return file;
}

/** Writes a module and returns its path. Names are unique: modules are cached by URL. */
export const writeJob = (source: string): string => write("ts", source);

/**
 * Writes one of the jobs with other parts, which may name anything of core.
 *
 * @param before statements that stand before the job
 */
export function writeChangedJob(job: URL, parts: string, before = ""): string {
  const words = new Set(`${before} ${parts}`.match(/\w+/g));
  const names = Object.keys(core).filter((name) => words.has(name));
  return write(
    "ts",
    `import job from ${JSON.stringify(fileURLToPath(job))};
    import { ${names.join(", ")} } from "@shardgrad/core";
    import { defineJob } from "@shardgrad/parallel";
    ${before}
    export default defineJob({ ...job, ${parts} });`,
  );
}

/** Writes a file that is no module. */
export const writeTable = (): string => write("csv", "x,y\n1,2\n");
