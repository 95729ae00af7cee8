// Job modules for single tests, such as broken ones, written where they can import the packages.
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

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

/** Writes a file that is no module. */
export const writeTable = (): string => write("csv", "x,y\n1,2\n");
