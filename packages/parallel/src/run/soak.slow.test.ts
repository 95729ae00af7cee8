// Many runs in one process leave nothing behind, and runs that are killed go on: the scripts of testing/, which anyone may
// run for longer.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

/** Resolves to what a script prints; it fails if the script finds something wrong. */
const printed = async (name: string, ...args: string[]) => {
  const script = fileURLToPath(new URL(`../../testing/${name}.ts`, import.meta.url));
  return (await promisify(execFile)(process.execPath, [script, ...args])).stdout;
};

it.skipIf(!existsSync("/proc/self/fd"))("no memory, thread, file or handle, in 140 cycles", async () => {
  expect(await printed("soak-cycles", "140")).toMatch(/^140 cycles of plain/m);
});

it("20 kills at random moments", async () => {
  expect(await printed("soak-kills", "20")).toMatch(/^20 kills .* with the same bits/m);
});
