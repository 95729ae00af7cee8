// shardgrad graph and shardgrad doctor as commands.
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Graph } from "@shardgrad/core";
import { afterAll, expect, it } from "vitest";
import { writeJob } from "./write-job.ts";

const command = fileURLToPath(new URL("../packages/shardgrad/bin/shardgrad.js", import.meta.url));
const job = fileURLToPath(new URL("./jobs/clusters.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "shardgrad-graph-test-"));
afterAll(() => rmSync(folder, { recursive: true }));

function node(...args: string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, args, (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, stdout, stderr }),
    );
  });
}
const shardgrad = (...args: string[]) => node(command, ...args);

it("graph prints the loss on one sample: names, shapes, operations", async () => {
  expect(await shardgrad("graph", job)).toEqual({
    code: 0,
    stderr: "",
    stdout: `x         input                    [1, 16]
0.weight  parameter                [33, 16]
0.bias    parameter                [33]
2.weight  parameter                [8, 33]
2.bias    parameter                [8]
y         input                    [1] int32

#1 = linear(x, 0.weight, 0.bias)   [1, 33]
#2 = relu(#1)                      [1, 33]
#3 = linear(#2, 2.weight, 2.bias)  [1, 8]
loss = crossEntropy(#3, y)         []
`,
  });
});

it("graph --json is the whole graph with values and gradients; --svg draws it", async () => {
  const svg = join(folder, "graph.svg");
  const { code, stdout } = await shardgrad("graph", job, "--values", "--json", "--svg", svg);
  expect(code).toBe(0);
  const { nodes, result } = JSON.parse(stdout) as Graph;
  const loss = nodes.find(({ id }) => id === result)!;
  expect(loss).toMatchObject({ name: "loss", op: "crossEntropy", gradient: "1" });
  // Before any step, the loss of eight classes is about their logarithm.
  expect(Number(loss.value)).toBeGreaterThan(0);
  expect(nodes.find(({ name }) => name === "0.weight")).toHaveProperty("gradient");
  expect(readFileSync(svg, "utf8")).toContain("gradient 1</text>");
});

it.each([
  ["mermaid", /^flowchart TD\n/],
  ["dot", /^digraph \{\n/],
])("graph --format %s", async (format, start) => {
  expect((await shardgrad("graph", job, "--format", format)).stdout).toMatch(start);
});

it("graph says in one line what does not work", async () => {
  const failing = writeJob(`
    import { BatchNorm1d, Linear, mean, Sequential, SGD } from "@shardgrad/core";
    import { defineJob } from "@shardgrad/parallel";
    export default defineJob({
      dataset: { train: { x: { data: new Float32Array(64).fill(1), shape: [2] } } },
      model: () => new Sequential(new Linear(2, 3), new BatchNorm1d(3)),
      loss: (model, { x }) => mean(model.forward(x)),
      optimizer: (parameters) => new SGD(parameters, { lr: 0.1 }),
      batchSize: 8, epochs: 3,
    });`);
  const { code, stdout, stderr } = await shardgrad("graph", failing);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toMatch(
    /^shardgrad: graphJob: the job's loss\(\) fails for one sample: .*; try more of them \(samples: 2\)\n$/,
  );
  expect((await shardgrad("graph", failing, "--samples", "2")).code).toBe(0);
  const unwritable = await shardgrad("graph", job, "--svg", join(folder, "no", "x.svg"));
  expect(unwritable.stderr).toMatch(/^shardgrad: graph: cannot write .*: its folder does not exist.*\n$/);
});

it("doctor says what there is, and ends with 0 where training can run", async () => {
  const { code, stdout, stderr } = await shardgrad("doctor", "--json");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const found = JSON.parse(stdout);
  expect(found).toMatchObject({
    runtime: { name: "Node.js", version: process.versions.node },
    permissions: { noThreads: null },
    problems: [],
  });
  expect(found.simd.speed.one).toBeGreaterThan(0);
  expect(found.processor.cores).toBeGreaterThan(0);
});

it("doctor ends with 1 where no threads may be started, and says what to do", async () => {
  const args = ["--permission", "--allow-fs-read=*", "--allow-addons", command, "doctor"];
  const { code, stdout } = await node(...args);
  expect(code).toBe(1);
  expect(stdout.replace(/\s+/g, " ")).toMatch(/✗ training cannot run: .*--allow-worker/);
});
