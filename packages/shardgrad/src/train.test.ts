// A run that is watched in all ways does what it would do alone.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it, vi } from "vitest";
import { train } from "./train.ts";

const clusters = new URL("../../../test/jobs/clusters.ts", import.meta.url);
const root = mkdtempSync(join(tmpdir(), "shardgrad-watched-"));
afterAll(() => rmSync(root, { recursive: true }));

it("watching a run changes no bit of it: log, report, live page and trace", async () => {
  const said = vi.spyOn(process.stderr, "write").mockImplementation(() => true);
  // More steps than those that a page looks at one by one.
  const options = { workers: 2, shards: 4, epochs: 30 };
  const alone = await train(clusters, options);
  const pages = { report: join(root, "run.html"), watch: true };
  const onPages = await train(clusters, { ...options, ...pages });
  const inFiles = { log: join(root, "log"), trace: join(root, "trace.json") };
  const inAllWays = await train(clusters, { ...options, ...pages, ...inFiles });
  said.mockRestore();
  expect([alone.steps, onPages.weightsSha256, inAllWays.weightsSha256]).toEqual([
    330,
    alone.weightsSha256,
    alone.weightsSha256,
  ]);
  expect([alone.phaseMs, onPages.phaseMs?.length]).toEqual([undefined, 2]);
});

it("a folder that the run fills is no file for its weights", async () => {
  const folder = join(root, "all");
  await expect(train(clusters, { out: folder, log: folder })).rejects.toThrow(
    `train: log is ${folder}, and so is out; name another file`,
  );
  await expect(train(clusters, { out: folder, checkpoint: { directory: folder } })).rejects.toThrow(
    `train: checkpoint is ${folder}, and so is out; name another file`,
  );
});
