// Several machines over MPI, each a process of this one that mpirun has started: the command's bits, output and end.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { train } from "@shardgrad/parallel";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Launcher } from "../packages/mpi/testing/launchers.ts";
import { launch, launchers, launchersMissing } from "../packages/mpi/testing/launchers.ts";
import { smallJob, writeJob } from "./write-job.ts";

const command = fileURLToPath(new URL("../packages/shardgrad/bin/shardgrad.js", import.meta.url));
const job = fileURLToPath(new URL("./jobs/spiral.ts", import.meta.url));
const flags = ["--json", "--workers", "1", "--shards", "6"];
const steps = ["--steps", "12"];

/** `shardgrad train` on so many machines. Only the first may say anything on stdout. */
async function trainOn(launcher: Launcher, machines: number, path: string, more: readonly string[] = []) {
  const { code, stdout, stderr } = await launch(launcher, machines, [
    command,
    "train",
    path,
    ...flags,
    ...more,
  ]);
  const lines = stdout.split("\n").filter((line) => line !== "");
  return { code, stderr, events: lines.map((line) => JSON.parse(line)) };
}

describe.skipIf(launchersMissing)(`training over MPI${launchersMissing}`, () => {
  const folder = mkdtempSync(join(tmpdir(), "shardgrad-mpi-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  let expected: string;
  beforeAll(async () => {
    expected = (await train(job, { workers: 1, shards: 6, steps: 12 })).weightsSha256;
  });
  const [launcher] = launchers;

  it.each(launchers)("two machines of $name have the bits of one, and one stream of output", async (each) => {
    const { code, stderr, events } = await trainOn(each, 2, job, steps);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(events.filter(({ type }) => type === "start")).toMatchObject([{ machines: 2 }]);
    expect(events.filter(({ type }) => type === "end")).toMatchObject([{ weightsSha256: expected }]);
  });

  it("a run stopped on two machines goes on to the same bits on three", async () => {
    const checkpoint = ["--checkpoint", folder];
    expect((await trainOn(launcher!, 2, job, [...checkpoint, "--steps", "5"])).code).toBe(0);
    const { code, events } = await trainOn(launcher!, 3, job, [...checkpoint, ...steps, "--resume"]);
    expect(code).toBe(0);
    expect(events.find(({ type }) => type === "start")).toMatchObject({ machines: 3 });
    expect(events.at(-1)).toMatchObject({ type: "end", weightsSha256: expected });
  });

  it("with samples by shard, a machine only reads those of its shards", async () => {
    const reading = writeJob(`${smallJob}
      import { computed } from "@shardgrad/parallel";
      import { machinesOf } from "@shardgrad/parallel/engine";
      const launched = machinesOf(process.env);
      const columns = { x: { shape: [2] }, y: { dtype: "int32" } };
      const sample = (i) => {
        if (launched && Math.floor(i / 30) !== launched.machine) throw new Error("sample " + i + " is elsewhere");
        return { x: [Math.sin(i), Math.cos(i)], y: i % 3 };
      };
      export default defineJob({
        ...parts, dataset: { train: computed({ samples: 60, columns, sample }) },
        sampling: { byShard: true }, batchSize: 12, seed: 3, metrics: {}, testLoss: false,
      });`);
    const more = ["--steps", "14"];
    const alone = (await train(reading, { workers: 2, shards: 6, steps: 14 })).weightsSha256;
    const { code, stderr, events } = await trainOn(launcher!, 2, reading, more);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(events.at(-1)).toMatchObject({ type: "end", weightsSha256: alone });
  });

  it("an error on one machine ends all, with one line that names it", async () => {
    const failing = writeJob(`${smallJob}
      import { machinesOf } from "@shardgrad/parallel/engine";
      let calls = 0;
      export default defineJob({ ...parts, loss: (model, batch) => {
        if (machinesOf(process.env).machine === 1 && ++calls > 2) throw new Error("no more");
        return parts.loss(model, batch);
      } });`);
    const { code, stderr } = await trainOn(launcher!, 2, failing);
    expect(code).not.toBe(0);
    expect(stderr.match(/^.*no more.*$/gm)).toEqual([expect.stringMatching(/machine 1\b/)]);
  });
});
