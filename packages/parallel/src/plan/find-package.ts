// Finds optional packages where users install them.
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** The URL of a package as seen from here, from the job, or from the working directory. */
export function findPackage(name: string, jobUrl: string): string | undefined {
  const places = [import.meta.url, jobUrl, pathToFileURL(join(process.cwd(), "job")).href];
  for (const place of places.filter((url) => url.startsWith("file:"))) {
    try {
      return pathToFileURL(createRequire(place).resolve(name)).href;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "MODULE_NOT_FOUND") throw error;
    }
  }
  return undefined;
}
