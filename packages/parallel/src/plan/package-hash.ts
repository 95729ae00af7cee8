// A short text that identifies the code of this library, as it lies on this machine.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ownFolder } from "../own-folder.ts";

/** The folder of core's code, as this package sees it. */
function coreFolder(): string | undefined {
  try {
    return fileURLToPath(new URL(".", import.meta.resolve("@shardgrad/core")));
  } catch {
    return undefined;
  }
}

/** A hash of the code of this package and core; in a bundle, of the bundle. */
export function hashPackages(): string {
  const hash = createHash("sha256");
  const folders = ownFolder === undefined ? [] : [fileURLToPath(ownFolder), coreFolder()];
  const files = folders.flatMap((folder) =>
    folder === undefined || !existsSync(folder)
      ? []
      : readdirSync(folder, { recursive: true, encoding: "utf8" })
          .filter((name) => /\.(js|ts|wasm)$/.test(name) && !/\.(d|test)\.ts$/.test(name))
          .sort()
          .map((name) => `${folder}/${name}`),
  );
  for (const file of ownFolder === undefined ? [fileURLToPath(import.meta.url)] : files)
    hash.update(readFileSync(file));
  return hash.digest("hex").slice(0, 8);
}
