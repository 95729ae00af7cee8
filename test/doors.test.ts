// The doors of the README: what a newcomer types, line by line, in small.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
// Inside of the clone, where a job finds the packages.
mkdirSync(join(root, "test/.tmp"), { recursive: true });
const folder = mkdtempSync(join(root, "test/.tmp/doors-"));
afterAll(() => rmSync(folder, { recursive: true }));

const blocks = [...readFileSync(join(root, "README.md"), "utf8").matchAll(/^```sh doors\n(.*?)^```$/gms)];
const [tableDoor, scalingDoor] = blocks.map(([, lines]) => lines!.trim().split("\n"));

/** Runs a line; what it would write beside the README, it writes into a folder of the test. */
function type(line: string, ...more: string[]): string {
  const [npx, name, ...args] = line.replace(/ +#.*/, "").split(" ");
  expect([npx, name]).toEqual(["npx", "shardgrad"]);
  const moved = args.map((arg) => (/^(mine|speed-up\.svg)/.test(arg) ? join(folder, arg) : arg));
  return execFileSync(process.execPath, ["packages/shardgrad/bin/shardgrad.js", ...moved, ...more], {
    cwd: root,
    encoding: "utf8",
  });
}

it("a table becomes a job, the job weights, and the weights the species of new penguins", () => {
  const [init, train, predict] = tableDoor!;
  type(init!);
  type(train!);
  type(predict!);
  const [heading, ...rows] = readFileSync(join(folder, "mine/penguins/species.csv"), "utf8")
    .trim()
    .split("\n");
  expect(heading).toBe("predicted_species");
  expect(rows.map((row) => row.match(/Chinstrap|Gentoo|Adelie/)?.[0])).toEqual([
    "Chinstrap",
    "Gentoo",
    "Adelie",
  ]);
});

it("a job becomes a plot of its speed-up", () => {
  expect(type(scalingDoor![0]!, "--rounds", "1", "--workers", "1,2")).toMatch(/same bits ✓/);
  expect(readFileSync(join(folder, "speed-up.svg"), "utf8")).toMatch(/^<svg.*<\/svg>\s*$/s);
});

it("a file anywhere in the clone finds every package that the doors import", () => {
  for (const name of ["shardgrad", "@shardgrad/core"])
    expect(existsSync(join(root, "node_modules", name, "package.json"))).toBe(true);
});
