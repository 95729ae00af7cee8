// Programs that train, bundled by esbuild, Vite and Rollup: the scripts of docs/in-a-bundle.md run as they are there, and
// what they make trains to the bits of the files. A rule of that page that is broken is told in one line.
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { BuildOptions } from "esbuild";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, it } from "vitest";

const run = promisify(execFile);
const root = fileURLToPath(new URL("..", import.meta.url));
/** Where the packages and the bundlers are found. */
const project = join(root, `test/.tmp/bundles-${process.pid}`);
const node = (file: string) => run(process.execPath, [file], { cwd: project });

let expected: string;
beforeAll(async () => {
  mkdirSync(join(project, "node_modules"), { recursive: true });
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "project", type: "module" }));
  const page = readFileSync(join(root, "docs/in-a-bundle.md"), "utf8");
  for (const [, code, name] of page.matchAll(/^```js\n(\/\/ (\S+)\n.*?)^```$/gms)) {
    writeFileSync(join(project, name!), code!);
  }
  // As `npm install piscina` would.
  const piscina = realpathSync(join(root, "packages/parallel/node_modules/piscina"));
  symlinkSync(piscina, join(project, "node_modules/piscina"), "dir");
  expected = (await node("app.js")).stdout;
  expect(expected).toMatch(/^20 [0-9a-f]{64}\n$/);
});
afterAll(() => rmSync(project, { recursive: true }));

it.each(["esbuild", "vite", "rollup"])(
  "a bundle by %s trains 20 steps, to the bits of the files",
  async (name) => {
    const built = await node(`build-with-${name}.js`);
    expect(built.stderr).toBe("");
    expect(await node("dist/app.js")).toEqual({ stdout: expected, stderr: "" });
    rmSync(join(project, "dist"), { recursive: true });
  },
);

const recipe: BuildOptions = {
  absWorkingDir: project,
  entryPoints: { app: "app.js", "shardgrad-worker": "@shardgrad/parallel/worker" },
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  external: ["piscina"],
  logLevel: "silent",
};
it.each<[what: string, BuildOptions, message: RegExp]>([
  [
    "without the worker's entry",
    { entryPoints: ["app.js"] },
    /JobError\b.*: train: the bundle has no file for the worker threads: shardgrad-worker\.js is not in .*; give the bundler "@shardgrad\/parallel\/worker" as one more entry, named shardgrad-worker, see docs\/in-a-bundle\.md\n/,
  ],
  [
    "with two copies of the packages",
    { splitting: false },
    /JobError: train: the default export of .*app\.js was made by another copy of @shardgrad\/parallel; install it once \(a bundle must share it among its files: split it\)\n/,
  ],
  [
    "with Piscina inside",
    { external: [] },
    /JobError: train: Piscina, which starts the worker threads, does not run in this bundle \(.*\); keep it outside \(external: \["piscina"\]\) and install it, see docs\/in-a-bundle\.md\n/,
  ],
  [
    "of CommonJS",
    { format: "cjs", splitting: false, entryPoints: ["library.js"], outExtension: { ".js": ".cjs" } },
    /Error: @shardgrad\/parallel is in a bundle of CommonJS, which cannot start worker threads; bundle it as ES modules, see docs\/in-a-bundle\.md\n/,
  ],
])("a bundle %s is told in one line what to do", async (_, broken, message) => {
  writeFileSync(join(project, "library.js"), 'export { train } from "@shardgrad/parallel";\n');
  const outdir = join(project, "broken");
  await build({ ...recipe, ...broken, outdir });
  const file = broken.format === "cjs" ? "broken/library.cjs" : "broken/app.js";
  await expect(node(file)).rejects.toMatchObject({ stderr: expect.stringMatching(message) });
  rmSync(outdir, { recursive: true });
});
