// Each option of train, each flag of the command and each event is in the docs, by the names that the code has.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { train } from "shardgrad";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The rows of a table under a heading, as lists of cells. */
function rowsUnder(heading: string, page: string): string[][] {
  const text = readFileSync(`${root}docs/${page}`, "utf8").split(`\n## ${heading}\n`)[1] ?? "";
  const table = text.match(/^\|.*(\n\|.*)*/m)?.[0] ?? "";
  const rows = table.split("\n").map((line) => line.split(/(?<!\\)\|/).slice(1, -1));
  return rows.slice(2);
}

const words = (text: string | undefined) => text?.match(/[\w-]+/g) ?? [];

/** The names that an error lists. */
async function listed(failing: () => unknown): Promise<string[]> {
  const message = await Promise.resolve()
    .then(failing)
    .then(
      () => "",
      (error: Error) => error.message,
    );
  return words(message.split(/[Tt]here are /)[1]).filter((word) => word !== "and");
}

const job = new URL("./jobs/clusters.ts", import.meta.url);
const options = rowsUnder("Options of a run", "the-command.md");

it("every option of train has a row, and no other", async () => {
  const names = await listed(() => train(job, { xyzzy: 1 } as never));
  expect(names.length).toBeGreaterThan(20);
  expect(options.flatMap(([option]) => words(option)).sort()).toEqual(names.sort());
});

it("every flag of train has a row, and no other", async () => {
  const command = `${root}packages/shardgrad/bin/shardgrad.js`;
  const { stdout } = await promisify(execFile)(process.execPath, [command, "train", "--help"]);
  const flags = [...stdout.matchAll(/^ {2}(--[\w-]+)/gm)].map(([, flag]) => flag!);
  expect(flags.length).toBeGreaterThan(20);
  const told = options.flatMap((cells) => cells.join(" ").match(/--[a-z-]+[a-z]/g) ?? []);
  expect([...new Set(told)].sort()).toEqual(flags.sort());
});

it("every event has a row, and no other", async () => {
  const run = train(job, { workers: 1, steps: 1 });
  const types = await listed(() => run.on("xyzzy" as never, () => undefined));
  run.stop();
  await run;
  expect(types.length).toBeGreaterThan(5);
  const told = rowsUnder("Events", "watching-and-evaluating.md").map(([event]) => words(event)[0]!);
  expect(told.sort()).toEqual(types.sort());
});
