// The most memory that a run with checkpoints holds, by where its snapshots are, on Linux:
//   node testing/snapshot-memory.ts [steps, default 12]
// Trains wide-job.ts on two workers, which saves every third step; each way in a process of its own. All must come to
// the same weights. `VmHWM` is the most that the process ever held, without what the system's cache has of its files.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TrainOptions } from "@shardgrad/parallel";
import { train } from "@shardgrad/parallel";

const gibibyte = 2 ** 30;

/** One run, in this process. */
async function measure(more: TrainOptions, steps: number) {
  const directory = mkdtempSync(join(tmpdir(), "shardgrad-memory-"));
  try {
    const job = new URL("./wide-job.ts", import.meta.url);
    const checkpoint = { directory, everySteps: 3, keep: 1 };
    const run = train(job, { workers: 2, steps, checkpoint, ...more });
    let [shared, saves] = [0, 0];
    run.on("start", ({ memory }) => {
      shared = memory.bytes;
    });
    run.on("checkpoint", () => void saves++);
    const begun = performance.now();
    const { weightsSha256 } = await run;
    const seconds = (performance.now() - begun) / 1000;
    const kibibytes = /^VmHWM:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))![1];
    return { weightsSha256, shared, saves, seconds, largest: Number(kibibytes) * 1024 };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const [steps = "12", options] = process.argv.slice(2);
if (options !== undefined) console.log(JSON.stringify(await measure(JSON.parse(options), Number(steps))));
else {
  const hashes = new Set<string>();
  for (const snapshots of ["memory", "disk", "off"] as const) {
    const args = [fileURLToPath(import.meta.url), steps, JSON.stringify({ snapshots })];
    const { stdout, status } = spawnSync(process.execPath, args, {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "inherit"],
    });
    if (status !== 0) throw new Error(`the run with snapshots ${snapshots} ended with ${status}`);
    const { weightsSha256, shared, saves, seconds, largest } = JSON.parse(stdout);
    hashes.add(weightsSha256);
    const told = [shared, largest].map((bytes) => (bytes / gibibyte).toFixed(2));
    console.log(
      `snapshots ${snapshots}: estimated ${told[0]} GiB of shared memory, the process held at most ${told[1]} GiB; ${saves} checkpoints, ${seconds.toFixed(0)} s`,
    );
  }
  if (hashes.size !== 1) throw new Error(`the weights differ: ${[...hashes].join(", ")}`);
}
