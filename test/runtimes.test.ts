// Other versions of Node.js, Deno and Bun run core and train, and end with the bits of the pinned Node.js.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";

const run = promisify(execFile);
const require = createRequire(import.meta.url);
const fileOf = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** The program in the package for this platform that a runtime's package depends on; undefined if there is none. */
function programOf(runtime: string, place: string): string | undefined {
  const manifest = require.resolve(`${runtime}/package.json`);
  const { resolve } = createRequire(manifest);
  for (const name of Object.keys(JSON.parse(readFileSync(manifest, "utf8")).optionalDependencies)) {
    try {
      return resolve(`${name}/package.json`).replace(/package\.json$/, place);
    } catch {
      // For another platform, so not installed.
    }
  }
  return undefined;
}

const runtimes: [name: string, command: (string | undefined)[]][] = [
  ["Node.js 22", [require.resolve("node-22/bin/node")]],
  ["Node.js 24", [require.resolve("node-24/bin/node")]],
  ["Deno", [programOf("deno", "deno"), "run", "--allow-all"]],
  ["Bun", [programOf("bun", "bin/bun")]],
];

/** Runs a file of this folder, and returns what it prints. */
async function printed([program, ...flags]: (string | undefined)[], file: string, ...args: string[]) {
  const { stdout, stderr } = await run(program!, [...(flags as string[]), fileOf(file), ...args]);
  expect(stderr).toBe("");
  return stdout.trim();
}

type Hashes = Record<"wasm" | "wasm-plain", string>;
const trainsOn = async (command: (string | undefined)[]): Promise<Hashes> =>
  JSON.parse(
    await printed(command, "./jobs/twenty-steps.ts", JSON.stringify({ kernels: ["wasm", "wasm-plain"] })),
  );

let expected: Hashes;
beforeAll(async () => {
  expected = await trainsOn([process.execPath]);
});

describe.each(runtimes)("%s", (name, command) => {
  it.skipIf(command[0] === undefined)("runs core alone", async () => {
    expect(await printed(command, "./jobs/core-alone.ts")).toMatch(/^wasm-relaxed (-?\d\.\d+,){5}-?\d\.\d+$/);
  });

  it.skipIf(command[0] === undefined)("trains 20 steps on worker threads, with Node.js's bits", async () => {
    // JavaScriptCore's relaxed SIMD rounds a multiply-add twice, as plain SIMD does.
    const wasm = name === "Bun" ? expected["wasm-plain"] : expected.wasm;
    expect(await trainsOn(command)).toEqual({ ...expected, wasm });
  });
});
