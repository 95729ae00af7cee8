// The examples, by the command.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

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

describe("each example trains, in small:", () => {
  it.each([
    ["char-gpt.ts", "--set", "layers=1", "--set", "width=16", "--set", "every=4", "--set", "letters=20"],
    ["gan.ts"],
    ["k-fold.ts"],
    ["mnist-lenet.ts"],
    ["padded-sequences.ts"],
    ["teacher-student.ts"],
  ])("%s", (file, ...settings) => {
    const args = [
      "train",
      pathTo(`examples/${file}`),
      "--steps",
      "4",
      "--workers",
      "2",
      "--json",
      ...settings,
    ];
    const text = execFileSync(process.execPath, [pathTo("packages/shardgrad/bin/shardgrad.js"), ...args], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
    const events = text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(events.at(-1)).toMatchObject({ type: "end", steps: 4 });
    const numbers = Object.values(events.at(-1).metrics).flat(2);
    expect(numbers.every(Number.isFinite)).toBe(true);
    expect(numbers.length).toBeGreaterThan(0);
  });
});
