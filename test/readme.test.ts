// Every code block of a README that is marked `ts run` runs, and is type-checked by Node's own rules: as a module of
// its own, in a process of its own, with no warning and no error.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import * as core from "@shardgrad/core";
import { describe, expect, it } from "vitest";
import { writeJob } from "./write-job.ts";

const readmes = [
  "README.md",
  "packages/core/README.md",
  "packages/parallel/README.md",
  "packages/blas/README.md",
];

it("core's README names everything that core exports", () => {
  const text = readFileSync(fileURLToPath(new URL("../packages/core/README.md", import.meta.url)), "utf8");
  const named = new Set(text.match(/\w+/g));
  const missing = Object.keys(core).filter(
    (name) => !named.has(name) && !/Error$|^(Tensor|Optimizer)$/.test(name),
  );
  expect(missing).toEqual([]);
});

describe.each(readmes)("%s", (name) => {
  const text = readFileSync(fileURLToPath(new URL(`../${name}`, import.meta.url)), "utf8");
  const blocks = [...text.matchAll(/^```(ts[^\n]*)\n(.*?)^```$/gms)].map(([, info, code]) => ({
    info,
    code: code!,
  }));

  it("marks every TypeScript block as one that runs", () => {
    expect(blocks.length).toBeGreaterThan(0);
    expect(blocks.map(({ info }) => info)).toEqual(blocks.map(() => "ts run"));
  });

  it.each(blocks.map(({ code }, i) => [i + 1, code] as const))("block %i runs", async (_, code) => {
    const { stderr } = await promisify(execFile)(process.execPath, [writeJob(code)]);
    expect(stderr).toBe("");
  });
});
