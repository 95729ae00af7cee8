// House rules that neither the compiler, Biome nor dependency-cruiser can check. Each is a predicate over a path or a
// source, and must first refuse a bad example.
import { execFileSync } from "node:child_process";
import { existsSync, globSync, readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Repository paths, with forward slashes on every system. */
function find(...patterns: string[]): string[] {
  const exclude = (path: string): boolean => /(^|[\\/])(node_modules|dist)$/.test(path);
  return globSync(patterns, { cwd: root, exclude }).map((path) => path.replaceAll("\\", "/"));
}

function git(...args: string[]): string {
  try {
    return execFileSync("git", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch {
    return "";
  }
}

describe("only barrier.ts waits and wakes", () => {
  // Also `const { wait } = Atomics` and `Atomics["wait"]`. Prose may name the calls.
  const blocking = /\bAtomics\s*(\??\.\s*(wait|waitAsync|notify)\b|\[)|=\s*Atomics\b(?!\s*\.)/;
  const withoutComments = (source: string): string => source.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "");
  const blocks = (source: string): boolean => blocking.test(withoutComments(source));

  test.each([
    "Atomics.wait(words, 0, 1)",
    "await Atomics.waitAsync(words, 0, 1).value",
    "Atomics\n  .notify(words, 0)",
    'Atomics["wait"](words, 0, 1)',
    "const { notify } = Atomics;",
  ])("refuses %j", (source) => expect(blocks(source)).toBe(true));

  test.each([
    "// see Atomics.wait",
    "/* Atomics.notify\n */",
    "Atomics.load(words, 0)",
    "const n = Atomics.add(w, 0, 1)",
  ])("accepts %j", (source) => expect(blocks(source)).toBe(false));

  test("in the packages", () => {
    const sources = find("packages/*/src/**/*.ts").filter(
      (path) => !/^packages\/parallel\/src\/shared\/words\/barrier(\.[\w-]+)*\.ts$/.test(path),
    );
    expect(sources).not.toEqual([]);
    expect(sources.filter((path) => blocks(readFileSync(root + path, "utf8")))).toEqual([]);
  });
});

describe("no file is named for having no subject", () => {
  const subjectless = (path: string): boolean =>
    /(^|[/.-])(utils?|helpers?|managers?|misc)(?=[/.-]|$)/i.test(path);

  test.each(["src/utils.ts", "src/test-helpers.ts", "src/misc/a.ts", "src/worker-manager.ts"])(
    "refuses %s",
    (path) => expect(subjectless(path)).toBe(true),
  );

  test("in the repository", () => {
    const files = find("{packages,examples,test}/**/*", ".config/*");
    expect(files).not.toEqual([]);
    expect(files.filter(subjectless)).toEqual([]);
  });
});

describe("a file of the packages has at most 350 lines, unless its opening comment says why", () => {
  const most = 350;
  const openingOf = (source: string): string => /^(\/\/.*\n)*/.exec(source)![0];
  const tooLong = (source: string): boolean =>
    source.split("\n").length - 1 > most && !/^\/\/ Longer than 350 lines: \S/m.test(openingOf(source));
  const lines = (count: number): string => "const a = 1;\n".repeat(count);

  test("refuses", () => {
    expect(tooLong(lines(most + 1))).toBe(true);
    expect(tooLong(`// Longer than 350 lines:\n${lines(most)}`)).toBe(true);
    expect(tooLong(`${lines(most)}// Longer than 350 lines: too late to say.\n`)).toBe(true);
  });

  test("accepts", () => {
    expect(tooLong(lines(most))).toBe(false);
    expect(tooLong(`// A table.\n// Longer than 350 lines: one row per kernel.\n${lines(most)}`)).toBe(false);
  });

  test("in the packages", () => {
    const sources = find("packages/*/src/**/*.ts").filter((path) => !/\.(test|generated)\.ts$/.test(path));
    expect(sources).not.toEqual([]);
    expect(sources.filter((path) => tooLong(readFileSync(root + path, "utf8")))).toEqual([]);
  });
});

// An export without history has no index to look at.
describe.skipIf(git("rev-parse", "--show-prefix") !== "\n")("what git tracks", () => {
  const tracked = git("ls-files", "-z").split("\0").filter(Boolean);
  const files = tracked.filter((path) => existsSync(root + path));
  const maxBytes = 512 * 1024;

  const builtFile = /\.(generated\.ts|tsbuildinfo|map|wasm|node)$/;
  const builtFolder = /(^|\/)(dist|node_modules|coverage|\.shardgrad)\//;
  const built = (path: string): boolean => builtFile.test(path) || builtFolder.test(path);
  const binary = (content: Buffer): boolean => content.subarray(0, 8000).includes(0);
  const mayBeBinary = (path: string): boolean => /^test\/fixtures\/|\.png$/.test(path);
  const top = [
    "packages",
    "examples",
    "docs",
    "test",
    "pnpm-workspace.yaml",
    "package.json",
    "tsconfig.base.json",
  ];
  const besides = ["README.md", "CONTRIBUTING.md", "LICENSE", "CHANGELOG.md", "pnpm-lock.yaml"];
  const belongsOnTop = (path: string): boolean =>
    path.startsWith(".") || [...top, ...besides].includes(path.split("/")[0] ?? "");

  test("is no build output", () => {
    expect(["packages/core/dist/index.js", "a/b.generated.ts"].every(built)).toBe(true);
    expect(tracked.filter(built)).toEqual([]);
  });

  test("is no binary, but for fixtures and pictures", () => {
    expect(binary(Buffer.from("\0asm"))).toBe(true);
    expect(files.filter((path) => !mayBeBinary(path) && binary(readFileSync(root + path)))).toEqual([]);
  });

  test("is no large file", () => {
    expect(files.filter((path) => statSync(root + path).size > maxBytes)).toEqual([]);
  });

  test("has its place, not on the top level", () => {
    expect(belongsOnTop("notes.txt")).toBe(false);
    expect(tracked.filter((path) => !belongsOnTop(path))).toEqual([]);
  });
});
