// Parts of a job that users write: an optimizer, a schedule, a model with several inputs and outputs. They keep the
// library's promises: the same bits for any number of workers, captured or not, and after a resume.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TrainOptions } from "@shardgrad/parallel";
import { train } from "@shardgrad/parallel";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = mkdtempSync(join(tmpdir(), "shardgrad-own-"));
afterAll(() => rmSync(root, { recursive: true }));

const common = { kernels: "wasm", shards: 4 } as const;

describe.each(["own-optimizer", "two-heads"])("%s", (name) => {
  const job = new URL(`./jobs/${name}.ts`, import.meta.url);
  const run = (options: TrainOptions) => train(job, { ...common, ...options });
  let expected: Awaited<ReturnType<typeof run>>;
  beforeAll(async () => {
    expected = await run({ workers: 1 });
  });

  it("learns", () => {
    expect(expected.metrics.accuracy).toBeGreaterThan(0.85);
  });

  it.each<TrainOptions>([
    { workers: 3 },
    { workers: 2, capture: false },
    { workers: 2, reduce: "coordinator" },
  ])("ends with the same bits: %o", async (options) => {
    const { weightsSha256, metrics } = await run(options);
    expect(weightsSha256).toBe(expected.weightsSha256);
    expect(metrics).toEqual(expected.metrics);
  });

  it("goes on from a checkpoint, on other workers, with the same bits", async () => {
    const checkpoint = { directory: join(root, name) };
    await run({ workers: 2, checkpoint, steps: 7 });
    const resumed = await run({ workers: 3, checkpoint, resume: "must" });
    expect(resumed.weightsSha256).toBe(expected.weightsSha256);
  });

  it("trains apart, and is averaged", async () => {
    const [one, two] = [await run({ workers: 1, syncEvery: 3 }), await run({ workers: 2, syncEvery: 3 })];
    expect(two.weightsSha256).toBe(one.weightsSha256);
  });
});
