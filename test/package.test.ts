// The packages as installed: their contents, types, and what they say to a Node.js that is too old.
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectTypesAsCode } from "./expect-types-as-code.ts";
import { isTooOld, nodesOnPath } from "./nodes-on-path.ts";

const run = promisify(execFile);
const require = createRequire(import.meta.url);
const root = fileURLToPath(new URL("../", import.meta.url));
const names = ["core", "parallel", "blas", "native", "mpi", "data", "shardgrad"];
const packageOf = (name: string) => fileURLToPath(new URL(`../packages/${name}/`, import.meta.url));
const manifestOf = async (name: string) =>
  JSON.parse(await readFile(`${packageOf(name)}package.json`, "utf8"));

const packed = new Map<string, Promise<string[]>>();

/** What a tarball of a package contains. */
function packedFiles(name: string): Promise<string[]> {
  const files = packed.get(name) ?? pack(name);
  packed.set(name, files);
  return files;
}

async function pack(name: string): Promise<string[]> {
  const args = ["pack", "--dry-run", "--json", "--loglevel=error"];
  const { stdout } = await run("npm", args, { cwd: packageOf(name) });
  return JSON.parse(stdout)[0].files.map(({ path }: { path: string }) => path);
}

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "shardgrad-package-"));
});
afterAll(() => rm(directory, { recursive: true }));

describe.each(names)("packages/%s", (name) => {
  it("passes publint", async () => {
    const { messages, pkg } = await publint({ pkgDir: packageOf(name), strict: true, pack: false });
    expect(messages.map((message) => formatMessage(message, pkg, { color: false }))).toEqual([]);
  });

  it("is found by its keywords, and shows its package.json", async () => {
    const { keywords, exports } = await manifestOf(name);
    expect(keywords.length).toBeGreaterThan(5);
    expect(exports["./package.json"]).toBe("./package.json");
  });

  it("packs what was built and its sources, without tests", async () => {
    const files = await packedFiles(name);
    expect(files).toEqual(
      expect.arrayContaining(["dist/index.js", "dist/index.d.ts", "src/index.ts", "README.md"]),
    );
    expect(files.filter((file) => /\.test\.|^test|\.stamp|\.tmp/.test(file))).toEqual([]);
  });
});

// package.slow.test.ts does this for every package.
it("core has types that resolve as its code does", () => expectTypesAsCode(packageOf("core")));

it("core depends on nothing and contains no native code", async () => {
  const { dependencies, peerDependencies, optionalDependencies } = await manifestOf("core");
  expect({ dependencies, peerDependencies, optionalDependencies }).toEqual({});
  const files = await packedFiles("core");
  expect(files.filter((file) => !/\.(ts|js|map|md)$|^(package\.json|LICENSE)$/.test(file))).toEqual([]);
});

describe("the types of all entries are clean without skipLibCheck, and need no lib besides es2022", () => {
  const folder = fileURLToPath(new URL(`./.tmp/types-${process.pid}/`, import.meta.url));
  afterAll(() => rm(folder, { recursive: true, force: true }));

  // Node.js's own types bring some of what could be missing.
  it.each([
    [names, ["node"]],
    [["core"], []],
  ])("%s, with the types of %j", async (names, types) => {
    const manifests = await Promise.all(names.map(manifestOf));
    const entries = manifests.flatMap(({ name, exports }) =>
      Object.keys(exports).flatMap((entry) => (entry.endsWith(".json") ? [] : join(name, entry))),
    );
    const compilerOptions = {
      ...{ noEmit: true, strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false },
      ...{
        target: "es2022",
        lib: ["es2022"],
        module: "nodenext",
        types,
        typeRoots: [`${root}node_modules/@types`],
      },
    };
    await mkdir(folder, { recursive: true });
    const text = entries.map((entry) => `import "${entry}";\n`).join("");
    await writeFile(`${folder}entries.mts`, text);
    await writeFile(`${folder}tsconfig.json`, JSON.stringify({ compilerOptions, files: ["entries.mts"] }));
    const tsc = `${root}node_modules/typescript/bin/tsc`;
    const told = await run(process.execPath, [tsc, "-p", folder]).then(
      () => "",
      ({ stdout }) => stdout,
    );
    expect(told).toBe("");
  });
});

// package.slow.test.ts lets typedoc look at members, too.
it("core has no export without documentation", async () => {
  const { default: ts } = await import(require.resolve("typescript", { paths: [root] }));
  const files = ["index", "testing"].map((name) => `${packageOf("core")}dist/${name}.d.ts`);
  const program = ts.createProgram(files, { module: ts.ModuleKind.NodeNext, target: ts.ScriptTarget.ES2022 });
  const checker = program.getTypeChecker();
  const exported = files.flatMap((file) =>
    checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(file))),
  );
  expect(exported.length).toBeGreaterThan(300);
  const undocumented = exported.filter((symbol) => {
    const meant = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    const isModule = meant.flags & ts.SymbolFlags.ValueModule;
    return !isModule && meant.getDocumentationComment(checker).length === 0;
  });
  expect(undocumented.map(({ name }) => name)).toEqual([]);
});

it("a small program over core runs as a bundle by esbuild, without any file beside it", async () => {
  const outfile = join(directory, "bundle.mjs");
  await build({
    entryPoints: [fileURLToPath(new URL("./jobs/core-alone.ts", import.meta.url))],
    outfile,
    bundle: true,
    format: "esm",
    platform: "neutral",
    minify: true,
    logLevel: "error",
  });
  const { stdout } = await run(process.execPath, [outfile], { cwd: directory });
  expect(stdout.trim()).toMatch(/^wasm-relaxed (-?\d\.\d+,){5}-?\d\.\d+$/);
});

describe("a Node.js that is too old is told in one line", () => {
  const entry = `${packageOf("parallel")}dist/index.js`;
  const command = `${packageOf("shardgrad")}bin/shardgrad.js`;
  const failure = (node: string, ...args: string[]) =>
    run(node, args).then(
      () => expect.fail("it ran"),
      ({ code, stderr }: { code: number; stderr: string }) => ({ code, stderr }),
    );
  const message =
    /@shardgrad\/parallel needs Node\.js 22\.18 or newer, and this is [\d.]+; install a newer one/;
  const oneLine = new RegExp(`^shardgrad: ${message.source}.*\n$`);

  it.each(["18.0.0", "22.17.1"])("%s, as it says of itself", async (version) => {
    const pretend = `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "${version}" } })`;
    const flags = ["--import", `data:text/javascript,${encodeURIComponent(pretend)}`];
    expect((await failure(process.execPath, ...flags, entry)).stderr).toMatch(message);
    const { code, stderr } = await failure(process.execPath, ...flags, command, "train", "job.ts");
    expect([code, stderr]).toEqual([2, expect.stringMatching(oneLine)]);
  });

  // A missing name would be an error before this line could be printed.
  const old = nodesOnPath().find(isTooOld);
  it.skipIf(!old)("one that is installed here", async () => {
    const { stderr } = await failure(old!, entry);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/SyntaxError|\n {4}at /);
    const { code, stderr: line } = await failure(old!, command, "train", "job.ts");
    expect([code, line]).toEqual([2, expect.stringMatching(oneLine)]);
  });
});
