// The examples that no script runs, by the command.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const pathTo = (file: string) => fileURLToPath(new URL(`../${file}`, import.meta.url));

it("diamonds-csv.ts trains on a CSV file", () => {
  const args = ["train", pathTo("examples/diamonds-csv.ts"), "--epochs", "2", "--json"];
  const text = execFileSync(process.execPath, [pathTo("packages/shardgrad/bin/shardgrad.js"), ...args], {
    encoding: "utf8",
  });
  const [start, ...rest] = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(start).toMatchObject({ trainSamples: 43_152, testSamples: 10_788, evaluates: "validation" });
  expect(rest.at(-1).metrics.error).toBeLessThan(0.2);
});
