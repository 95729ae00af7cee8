// The command cannot choose where it starts or which messages it meets: any such problem takes one line.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { writeJob } from "./write-job.ts";

const command = fileURLToPath(new URL("../packages/shardgrad/bin/shardgrad.js", import.meta.url));
const job = fileURLToPath(new URL("./jobs/clusters.ts", import.meta.url));
const flags = ["--workers", "1", "--kernels", "wasm"];

it.each(["train", "profile"])("%s in a working directory that is no longer there", (name) => {
  // The directory is removed after the shell has entered it.
  const directory = mkdtempSync(join(tmpdir(), "shardgrad-gone-"));
  const script = 'cd "$1" && rmdir "$1" && shift && exec "$@"';
  const args = ["-c", script, "sh", directory, process.execPath, command, name, job, ...flags];
  const { status, stdout, stderr } = spawnSync("sh", args, { encoding: "utf8" });
  expect([status, stdout, stderr]).toEqual([
    2,
    "",
    `shardgrad: ${name}: the working directory is no longer there; change to a folder that exists\n`,
  ]);
});

it("without the permission to start threads", () => {
  const args = ["--permission", "--allow-fs-read=*", command, "train", job, ...flags];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  expect([status, stdout, stderr]).toEqual([
    2,
    "",
    "shardgrad: train: Node.js runs with --permission, and may not start threads; give it --allow-worker, too\n",
  ]);
});

it("a message with line breaks, of a job that fails, and of the restarts after it", () => {
  const failing = writeJob(`
    import { isMainThread } from "node:worker_threads";
    import { Linear, mean, SGD } from "@shardgrad/core";
    import { defineJob } from "@shardgrad/parallel";
    const lr = () => {
      if (!isMainThread) throw new RangeError("first\\r\\n  second\\u2028third\\n");
      return 0.1;
    };
    export default defineJob({
      dataset: { train: { x: { data: new Float32Array(64).fill(1), shape: [2] } } },
      model: () => new Linear(2, 1),
      loss: (model, { x }) => mean(model.forward(x)),
      optimizer: (parameters) => new SGD(parameters, { lr }),
      batchSize: 8, epochs: 1,
    });`);
  const args = [command, "train", failing, ...flags];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  const told = /^train: worker 0 failed .*: RangeError: first second third \(job-[^)]*\)/;
  expect(status).toBe(1);
  const [, restart, ...more] = stdout.split("\n");
  expect(restart).toMatch(told);
  expect(restart).toMatch(/; restarting from step 0 \(1 of 3\)$/);
  expect(more).toEqual([""]);
  expect(stderr.replace(/^shardgrad: /, "")).toMatch(told);
  expect(stderr).toMatch(/^[^\n]*; a restart did not help\n$/);
});

it("a path with line breaks", () => {
  const root = mkdtempSync(join(tmpdir(), "shardgrad-lines-"));
  try {
    const directory = join(root, "two\nlines");
    mkdirSync(directory);
    const args = [command, "train", job, ...flags, "--steps", "3", "--checkpoint", directory];
    const { status, stdout } = spawnSync(process.execPath, args, { encoding: "utf8" });
    expect(status).toBe(0);
    expect(stdout).toMatch(/^checkpoint {2}step 3 saved in \S+two lines\/step-0000000003$/m);
    const again = spawnSync(process.execPath, args, { encoding: "utf8" });
    expect([again.status, again.stderr]).toEqual([
      2,
      expect.stringMatching(
        /^shardgrad: train: [^\n]*two lines holds checkpoints of an earlier run[^\n]*\n$/,
      ),
    ]);
  } finally {
    rmSync(root, { recursive: true });
  }
});
