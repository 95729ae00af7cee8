// Every code block of the READMEs and of docs/ marked `ts run` runs as a module of its own, in a process of its own. It
// must need no more than Node's type stripping, and cause no warning and no error.
import { execFile } from "node:child_process";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import * as core from "@shardgrad/core";
import { describe, expect, it } from "vitest";
import { writeJob } from "./write-job.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (name: string) => readFileSync(root + name, "utf8");

const readmes = [
  "README.md",
  ...["core", "parallel", "blas", "native", "mpi", "data", "shardgrad"].map(
    (name) => `packages/${name}/README.md`,
  ),
];
const pages = globSync("docs/*.md", { cwd: root }).map((path) => path.replaceAll("\\", "/"));

const blocksOf = (name: string) =>
  [...read(name).matchAll(/^```(ts[^\n]*)\n(.*?)^```$/gms)].map(([, info, code]) => ({ info, code: code! }));

/** The groups of ops in ops/index.ts, and the optimizers, as a list. */
function listOfCore(): string {
  const ops = read("packages/core/src/ops/index.ts")
    .replace(/ from ".*"/g, "")
    .split(/\n\n\/\/ /)
    .slice(1)
    .map((group) => {
      const [heading, ...exports] = group.split("\n\n");
      return [
        heading!,
        exports
          .join()
          .match(/\w+/g)!
          .filter((name) => name in core),
      ] as const;
    });
  const optimizers = Object.entries(core).flatMap(([name, value]) =>
    typeof value === "function" && value.prototype instanceof core.Optimizer ? name : [],
  );
  const row = ([heading, names]: readonly [string, readonly string[]]) =>
    `- **${heading}**: \`${names.join(" ")}\``
      .replace(/.{100,125} (?=.{20})/g, "$&\n  ")
      .replace(/ +\n/g, "\n");
  return [...ops, ["optimizers", optimizers] as const].map(row).join("\n");
}

it("core's README lists the ops and optimizers that there are; SHARDGRAD_UPDATE=1 writes the list", () => {
  const path = "packages/core/README.md";
  const part = /(?<=<!-- written by test\/readme\.test\.ts -->\n).*?(?=\n?<!-- \/written -->)/s;
  if (process.env.SHARDGRAD_UPDATE === "1")
    writeFileSync(root + path, read(path).replace(part, `\n${listOfCore()}\n`));
  expect(read(path).match(part)?.[0].trim()).toBe(listOfCore());
});

it("core's README names everything that core exports", () => {
  const named = new Set(read("packages/core/README.md").match(/\w+/g));
  const missing = Object.keys(core).filter(
    (name) => !named.has(name) && !/Error$|^(Tensor|Optimizer)$/.test(name),
  );
  expect(missing).toEqual([]);
});

it("the root README has at most 150 lines", () => {
  expect(read("README.md").trimEnd().split("\n").length).toBeLessThanOrEqual(150);
});

it("the index of the docs lists every page", () => {
  const index = read("docs/README.md");
  expect(pages.length).toBeGreaterThan(10);
  expect(
    pages.filter((path) => path !== "docs/README.md" && !index.includes(`(${path.slice("docs/".length)})`)),
  ).toEqual([]);
});

it.each(readmes)("%s has code", (name) => expect(blocksOf(name)).not.toEqual([]));

describe.each([...readmes, ...pages].filter((name) => blocksOf(name).length > 0))("%s", (name) => {
  const blocks = blocksOf(name);

  it("marks every TypeScript block as one that runs", () => {
    expect(blocks.map(({ info }) => info)).toEqual(blocks.map(() => "ts run"));
  });

  it.each(blocks.map(({ code }, i) => [i + 1, code] as const))("block %i runs", async (_, code) => {
    const { stderr } = await promisify(execFile)(process.execPath, [writeJob(code)]);
    expect(stderr).toBe("");
  });
});
