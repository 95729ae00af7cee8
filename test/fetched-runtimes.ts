// The runtimes in test/runtimes, which `npm run test:slow` fetches; without it they are undefined.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const fetched = createRequire(new URL("./runtimes/package.json", import.meta.url));

/** A file of a package that `npm run test:slow` fetches; undefined if it has not. */
export function fileIn(name: string, place: string, { resolve } = fetched): string | undefined {
  try {
    return resolve(`${name}/package.json`).replace(/package\.json$/, place);
  } catch {
    return undefined;
  }
}

/** The program in the package for this platform that a runtime's package depends on; undefined if there is none. */
export function programOf(runtime: string, place: string): string | undefined {
  const manifest = fileIn(runtime, "package.json");
  if (manifest === undefined) return undefined;
  const { optionalDependencies } = JSON.parse(readFileSync(manifest, "utf8"));
  // Those for other platforms are not installed.
  return Object.keys(optionalDependencies).flatMap(
    (name) => fileIn(name, place, createRequire(manifest)) ?? [],
  )[0];
}
