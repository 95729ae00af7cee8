// Other versions of Node.js, Deno and Bun run core and train, and end with the bits of the pinned Node.js. Those that are not
// here are skipped: `npm run test:slow` fetches them, to test/runtimes.
import { execFile } from "node:child_process";
import { totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { fileIn, programOf } from "./fetched-runtimes.ts";
import { isTooOld, nodesOnPath, versionOf } from "./nodes-on-path.ts";

const run = promisify(execFile);
const fileOf = (name: string) => fileURLToPath(new URL(name, import.meta.url));

const ownNode = nodesOnPath().find((node) => versionOf(node) !== process.versions.node && !isTooOld(node));

const runtimes: [name: string, program: string | undefined, ...flags: string[]][] = [
  ["another Node.js on the PATH", ownNode],
  ["Node.js 22", fileIn("node-22", "bin/node")],
  ["Node.js 24", fileIn("node-24", "bin/node")],
  ["Deno", programOf("deno", "deno"), "run", "--allow-all"],
  ["Bun", programOf("bun", "bin/bun")],
];

/** Runs a file of this folder, and returns what it prints. */
async function printed([program, ...flags]: string[], file: string, ...args: string[]) {
  const { stdout, stderr } = await run(program!, [...flags, fileOf(file), ...args]);
  expect(stderr).toBe("");
  return stdout.trim();
}

type Hashes = Record<"wasm" | "wasm-plain", string>;
const trainsOn = async (command: string[]): Promise<Hashes> =>
  JSON.parse(
    await printed(command, "./jobs/twenty-steps.ts", JSON.stringify({ kernels: ["wasm", "wasm-plain"] })),
  );

let expected: Hashes;
beforeAll(async () => {
  expected = await trainsOn([process.execPath]);
});

const missing = runtimes.flatMap(([name, program]) => (program === undefined ? name : []));
if (missing.length > 0)
  console.log(
    `not here, so skipped: ${missing.join(", ")}; npm run test:slow fetches Node.js 22 and 24, Deno and Bun`,
  );

describe.each(runtimes)("%s", (name, program, ...flags) => {
  const command = [program ?? "", ...flags];

  it.skipIf(program === undefined)("runs core alone", async () => {
    expect(await printed(command, "./jobs/core-alone.ts")).toMatch(/^wasm-relaxed (-?\d\.\d+,){5}-?\d\.\d+$/);
  });

  it.skipIf(program === undefined)("trains 20 steps on worker threads, with Node.js's bits", async () => {
    // JavaScriptCore's relaxed SIMD rounds a multiply-add twice, as plain SIMD does.
    const wasm = name === "Bun" ? expected["wasm-plain"] : expected.wasm;
    expect(await trainsOn(command)).toEqual({ ...expected, wasm });
  });

  const isSmall = totalmem() < 9 * 2 ** 30;
  it.skipIf(program === undefined || isSmall)(
    "trains beyond 4 GiB with WebAssembly, or says why not",
    async () => {
      const printedThere = await printed(command, "./jobs/beyond-4-gib.ts");
      const isOld = name.includes("Node.js") && Number.parseInt(versionOf(program!)!, 10) < 24;
      if (isOld || name === "Bun")
        expect(printedThere).toMatch(
          /^train: the run needs .* and WebAssembly 16 GiB from Node\.js 24 on\) are free/,
        );
      else {
        const [below, beyond] = JSON.parse(printedThere) as [hash: string, isWide: boolean][];
        expect([below![1], beyond]).toEqual([false, [below![0], true]]);
      }
    },
  );
});
