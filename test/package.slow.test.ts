// The packages as installed: what takes the tools that look at them long.
import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { expectTypesAsCode } from "./expect-types-as-code.ts";

const root = fileURLToPath(new URL("../", import.meta.url));

it.each(["core", "parallel", "blas", "mpi", "data", "shardgrad"])(
  "%s has types that resolve as its code does",
  (name) => expectTypesAsCode(`${root}packages/${name}/`),
);

it("core has no export, and no member of one, without documentation", async () => {
  const typedoc = createRequire(import.meta.url)
    .resolve("typedoc/package.json", { paths: [root] })
    .replace(/package\.json$/, "bin/typedoc");
  const args = [typedoc, "--options", ".config/typedoc.json", "--emit", "none"];
  // Warnings, such as for an undocumented export, are errors: the exit code is not 0.
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root });
  expect(stdout).not.toMatch(/warning/);
});
