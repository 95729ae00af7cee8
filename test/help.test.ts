// What the command says about itself, as somebody reads it who has never used it.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const command = fileURLToPath(new URL("../packages/shardgrad/bin/shardgrad.js", import.meta.url));
const help = (...args: string[]) =>
  execFileSync(process.execPath, [command, ...args, "--help"], { encoding: "utf8" });

const overview = help();
const commands = [...overview.matchAll(/^ {2}([a-z]+) \[options\]/gm)].map(([, name]) => name!);

it("the overview names all commands", () => {
  expect(commands.length).toBeGreaterThanOrEqual(10);
});

it.each(["", ...commands])("the help of %j fits 80 columns, and ends with what one types", (name) => {
  const lines = (name === "" ? overview : help(name)).split("\n");
  expect(lines.filter((line) => line.length > 80)).toEqual([]);
  const at = lines.findIndex((line) => /^Examples?:$/.test(line));
  const typed = lines.slice(at + 1, -1);
  expect(typed.length).toBeGreaterThan(0);
  for (const line of typed) expect(line).toMatch(new RegExp(`^  npx shardgrad ${name || "[a-z]+"}( |$)`));
});
