// Whether a package's types are found where its code is, as "are the types wrong?" sees it.
import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { promisify } from "node:util";
import { expect } from "vitest";

const attw = createRequire(import.meta.url)
  .resolve("@arethetypeswrong/cli/package.json")
  .replace(/package\.json$/, "dist/index.js");

/** @param folder of the package */
export async function expectTypesAsCode(folder: string): Promise<void> {
  // Not for require(), nor for resolution without "exports": these are ES modules with an exports map.
  const args = ["--pack", folder, "--profile", "esm-only", "--format", "ascii", "--no-color"];
  const { stdout } = await promisify(execFile)(process.execPath, [attw, ...args]);
  // It exits with 1, and this rejects, if there is a problem.
  expect(stdout).toMatch(/node16 \(from ESM\): 🟢/);
}
