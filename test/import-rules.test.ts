// `npm run layers` refuses what it must: each rule about layers and rooms gets an import that breaks it.
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "shardgrad-imports-"));
afterAll(() => rmSync(folder, { recursive: true }));
let count = 0;

/** The names of the rules that a repository of these files, each with its imports, breaks. */
async function broken(files: Record<string, string>): Promise<Set<string>> {
  const cwd = join(folder, String(count++));
  for (const [path, source] of Object.entries(files)) {
    mkdirSync(dirname(join(cwd, path)), { recursive: true });
    writeFileSync(join(cwd, path), source);
  }
  const [command, config] = [
    "node_modules/dependency-cruiser/bin/dependency-cruiser.mjs",
    ".config/layers.cjs",
  ];
  const args = [join(root, command), "--config", join(root, config), "--output-type", "json", "packages"];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd }).catch((error) => error);
  const { violations } = JSON.parse(stdout).summary as { violations: { rule: { name: string } }[] };
  return new Set(violations.map(({ rule }) => rule.name));
}

const [core, parallel] = ["packages/core/src/", "packages/parallel/src/"];

describe("refused:", () => {
  it.each<[what: string, rule: string, files: Record<string, string>]>([
    [
      "a room that looks to the right",
      "room-2",
      {
        [`${parallel}shared/layout.ts`]:
          'import { pass } from "../step/shard-pass.ts";\nexport const a = pass;',
        [`${parallel}step/shard-pass.ts`]: "export const pass = 1;",
      },
    ],
    [
      "a type from the right",
      "room-1",
      {
        [`${parallel}data/columns.ts`]: 'import type { Run } from "../run/run.ts";\nexport type A = Run;',
        [`${parallel}run/run.ts`]: "export type Run = 1;",
      },
    ],
    [
      "a layer of core that looks up",
      "core-layer-1",
      {
        [`${core}memory/heap.ts`]:
          'import { relu } from "../ops/activations/relu.ts";\nexport const a = relu;',
        [`${core}ops/activations/relu.ts`]: "export const relu = 1;",
      },
    ],
    [
      "a family of ops that looks at a later one",
      "core-layer-6",
      {
        [`${core}ops/create/a.ts`]: 'import { b } from "../shape/b.ts";\nexport const a = b;',
        [`${core}ops/shape/b.ts`]: "export const b = 1;",
      },
    ],
    [
      "a loop of kernels that knows a family of them",
      "definition-room-0",
      {
        [`${core}kernels/definitions/loops/a.ts`]: 'import { b } from "../rows/b.ts";\nexport const a = b;',
        [`${core}kernels/definitions/rows/b.ts`]: "export const b = 1;",
      },
    ],
    [
      "a definition of kernels beside the rooms",
      "file-without-a-room",
      {
        [`${core}kernels/a.ts`]: 'export { b } from "./definitions/b.ts";',
        [`${core}kernels/definitions/b.ts`]: "export const b = 1;",
      },
    ],
    [
      "what threads share, beside the rooms",
      "file-without-a-room",
      {
        [`${parallel}step/a.ts`]: 'export { b } from "../shared/b.ts";',
        [`${parallel}shared/b.ts`]: "export const b = 1;",
      },
    ],
    [
      "a control word that knows an array",
      "shared-room-0",
      {
        [`${parallel}shared/words/a.ts`]: 'import { b } from "../arrays/b.ts";\nexport const a = b;',
        [`${parallel}shared/arrays/b.ts`]: "export const b = 1;",
      },
    ],
    [
      "an op that lies beside the families",
      "file-without-a-layer",
      {
        [`${core}index.ts`]: 'export { a } from "./ops/a.ts";',
        [`${core}ops/a.ts`]: "export const a = 1;",
      },
    ],
    [
      "autograd that knows an op",
      "engine-knows-no-ops",
      {
        [`${core}autograd/tape.ts`]: 'import { add } from "../ops/arithmetic/add.ts";\nexport const a = add;',
        [`${core}ops/arithmetic/add.ts`]: "export const add = 1;",
      },
    ],
    [
      "a circle",
      "no-cycle",
      {
        [`${core}ops/shape/a.ts`]: 'import { b } from "./b.ts";\nexport const a = b;',
        [`${core}ops/shape/b.ts`]: 'import { a } from "./a.ts";\nexport const b = () => a;',
      },
    ],
    [
      "a circle of types",
      "no-cycle",
      {
        [`${core}ops/shape/a.ts`]: 'import type { B } from "./b.ts";\nexport type A = B[];',
        [`${core}ops/shape/b.ts`]: 'import type { A } from "./a.ts";\nexport type B = A[];',
      },
    ],
    [
      "a worker that reaches the main thread's part through a third",
      "threads-apart",
      {
        [`${parallel}worker/worker.ts`]: 'import { a } from "../plan/a.ts";\nexport const w = a;',
        [`${parallel}plan/a.ts`]: 'import { b } from "../attempt/b.ts";\nexport const a = b;',
        [`${parallel}attempt/b.ts`]: "export const b = 1;",
      },
    ],
    [
      "a file in no room",
      "file-without-a-layer",
      {
        [`${parallel}index.ts`]: 'export { a } from "./odds/ends.ts";',
        [`${parallel}odds/ends.ts`]: "export const a = 1;",
      },
    ],
    [
      "what shows results, knowing the command",
      "shardgrad-room-",
      {
        "packages/shardgrad/src/distinct-files.ts": 'export { a } from "./cli/a.ts";',
        "packages/shardgrad/src/cli/a.ts": "export const a = 1;",
      },
    ],
  ])("%s", async (_, rule, files) =>
    // Rooms are numbered, and may get more before them.
    expect(await broken(files)).toContainEqual(expect.stringMatching(`^${rule}`)),
  );
});

it("accepts imports to the left", async () => {
  const files = {
    [`${parallel}index.ts`]: 'export { a } from "./step/a.ts";',
    [`${parallel}step/a.ts`]: 'import { b } from "../shared/words/b.ts";\nexport const a = b;',
    [`${parallel}shared/words/b.ts`]: "export const b = 1;",
  };
  expect(await broken(files)).toEqual(new Set());
});

/** Folders of a folder of the repository. */
const foldersOf = (path: string): string[] =>
  readdirSync(join(root, path), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);

/** The rules about levels: what lies in one of the paths must not import what lies in the other. */
const levelRules = (
  createRequire(import.meta.url)("../.config/layers.cjs") as {
    forbidden: { name: string; from: { path: string }; to: { path: string } }[];
  }
).forbidden.filter(({ name }) => /^(core-layer|room|shared-room)-\d+$/.test(name));

describe.each([
  [parallel, foldersOf(parallel)],
  [`${parallel}shared/`, foldersOf(`${parallel}shared`)],
  // The families of ops are rooms, too.
  [core, foldersOf(core).flatMap((n) => (n === "ops" ? foldersOf(`${core}ops`).map((f) => `ops/${f}`) : n))],
])("the README of the rooms in %s", (path, rooms) => {
  const readme = readFileSync(join(root, path, "README.md"), "utf8");
  const named = [...readme.matchAll(/^\| `([\w/-]+)\/`/gm)].map(([, name]) => name!);

  it("names each of them", () => expect(named.toSorted()).toEqual(rooms.sort()));

  it("has them in an order in which each may import those before it", () => {
    const mayImport = (importer: string, imported: string): boolean =>
      !levelRules.some(
        ({ from, to }) =>
          new RegExp(from.path).test(`${path}${importer}/a.ts`) &&
          new RegExp(to.path).test(`${path}${imported}/a.ts`),
      );
    expect(mayImport(named[0]!, named.at(-1)!)).toBe(false);
    for (const [place, room] of named.entries())
      expect(named.slice(0, place).filter((before) => !mayImport(room, before))).toEqual([]);
  });
});
