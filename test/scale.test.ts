// shardgrad scale, as a command and as a function, on a tiny job. Its numbers are the machine's, and not judged here.
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ScaleResult, Simulation } from "shardgrad";
import { scale } from "shardgrad";
import { afterAll, expect, it } from "vitest";

const command = fileURLToPath(new URL("../packages/shardgrad/bin/shardgrad.js", import.meta.url));
const job = new URL("./jobs/clusters.ts", import.meta.url);
const folder = mkdtempSync(join(tmpdir(), "shardgrad-scale-test-"));
afterAll(() => rmSync(folder, { recursive: true }));

function shardgrad(...args: string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [command, ...args], (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, stdout, stderr }),
    );
  });
}

it("scale --json measures each number of workers, with the same bits, predicts machines, and writes the plot and the page", async () => {
  const [svg, html] = [join(folder, "plot.svg"), join(folder, "page.html")];
  const flags = ["--workers", "1,2", "--rounds", "1", "--kernels", "wasm", "--svg", svg, "--html", html];
  const network = ["--machines", "2,25", "--latency", "20us", "--bandwidth", "1gbit,25gbit"];
  const { code, stdout, stderr } = await shardgrad(
    "scale",
    fileURLToPath(job),
    ...flags,
    ...network,
    "--json",
  );
  expect(stderr).toBe("");
  expect(code).toBe(0);
  const { simulation, ...result } = JSON.parse(stdout) as ScaleResult & { simulation: Simulation };
  expect(result).toMatchObject({ job: job.href, sameBits: true, rounds: 1 });
  expect(result.rows.map(({ mode, workers, shards }) => [mode, workers, shards])).toEqual([
    ["strong", 1, 2],
    ["strong", 2, 2],
    ["undivided", 1, 1],
    ["part", 2, 2],
  ]);
  for (const { rounds, msPerStep, time, reason } of result.rows) {
    expect({ rounds, reason }).toEqual({ rounds: 1, reason: null });
    // The parts of a step add up to it.
    const total = Object.values(time!).reduce((sum, ms) => sum + ms, 0);
    expect(total).toBeCloseTo(msPerStep!.median, 6);
  }
  expect(result.advice.length).toBeGreaterThan(0);
  expect(readFileSync(svg, "utf8")).toMatch(/^<svg .*<\/svg>\n$/s);
  for (const title of ["<h1>Scaling: clusters.ts</h1>", "<h2>Several machines</h2>"])
    expect(readFileSync(html, "utf8")).toContain(title);
  // A machine's own work is what was measured for its part of the batch.
  const [whole, part] = [result.rows[1]!.msPerStep!.median, result.rows[3]!.msPerStep!.median];
  expect(simulation).toMatchObject({ workers: 2, latencySeconds: 20e-6, overlap: true });
  expect(
    simulation.rows.map(({ bitsPerSecond, machines, localMs }) => [bitsPerSecond, machines, localMs]),
  ).toEqual([
    [1e9, 1, whole],
    [1e9, 2, part],
    [25e9, 1, whole],
    [25e9, 2, part],
  ]);
  expect(simulation.refused).toEqual([
    { machines: 25, reason: expect.stringContaining("need 50 samples in a batch, and it has 48") },
  ]);
});

it("scale() gives a batch to every worker if asked, and says which number of workers cannot", async () => {
  const told: string[] = [];
  const result = await scale(job, {
    workers: [2],
    weak: true,
    rounds: 1,
    shards: 1,
    kernels: "wasm",
    onProgress: (what) => told.push(what),
  });
  expect(result.rows.map(({ mode, workers, batchSize }) => [mode, workers, batchSize])).toEqual([
    ["strong", 1, 48],
    ["strong", 2, 48],
    ["undivided", 1, 48],
    ["weak", 2, 96],
  ]);
  expect(result.rows.map(({ reason }) => reason)).toEqual([
    null,
    expect.stringContaining("2 workers for 1 shards"),
    null,
    null,
  ]);
  expect(result.sameBits).toBeNull();
  expect(told).toContain("round 1 of 1: 2 workers, a batch each");
});

it.each([
  [["--workers", "1,x"], 2, /Expected integers of at least 1, separated by commas, such as 1,2,4\.\n$/],
  [["--workers", "0"], 2, /Expected integers of at least 1/],
  [["--rounds", "0"], 2, /^shardgrad: scale: rounds is 0, expected an integer of at least 1\n$/],
  [["--machines", "2.5"], 2, /--machines <counts>.*Expected integers of at least 1/],
  [
    ["--latency", "50"],
    2,
    /--latency <time>.*Expected a time with its unit \(ns, us, ms, s\), such as 50us\.\n$/,
  ],
  [["--bandwidth", "1gbit,10GB"], 2, /--bandwidth <list>.*Expected bits a second with their unit/],
  [
    ["--svg", "/no/such/folder/x.svg"],
    2,
    /^shardgrad: scale: cannot write \/no\/such\/folder\/x\.svg: its folder does not exist/,
  ],
] as const)("scale %j is one clear line", async (flags, code, line) => {
  const ended = await shardgrad("scale", fileURLToPath(job), ...flags);
  expect(ended).toMatchObject({ code, stdout: "" });
  expect(ended.stderr).toMatch(line);
  expect(ended.stderr.trimEnd().split("\n")).toHaveLength(1);
});

it("scale() checks its options before it trains", async () => {
  for (const [options, message] of [
    [{ workers: [] }, "scale: workers is [], expected a list of integers of at least 1, such as [1, 2, 4]"],
    [{ workers: 2 }, "scale: workers is 2, expected a list"],
    [{ machines: [0] }, "scale: machines is [0], expected a list"],
    [{ weak: "yes" }, 'scale: weak is "yes", expected true or false'],
    [{ batchSize: 0 }, "scale: batchSize is 0, expected an integer of at least 1"],
    [{ round: 3 }, 'scale: there is no option "round"; did you mean rounds?'],
  ] as const) {
    await expect(scale(job, options as never)).rejects.toThrow(message);
  }
});
