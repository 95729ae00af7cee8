// Job modules that only a test needs, such as broken ones: written where they can import the packages.
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const directory = new URL("./.tmp/", import.meta.url);
let count = 0;

/** Writes a module and returns its path. Names are unique: modules are cached by URL. */
export function writeJob(source: string): string {
  mkdirSync(directory, { recursive: true });
  const file = fileURLToPath(new URL(`job-${process.pid}-${Date.now()}-${count++}.ts`, directory));
  writeFileSync(file, source);
  return file;
}
