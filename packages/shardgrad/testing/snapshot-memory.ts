// The most memory that a run with checkpoints holds, and one that resumes it, by where snapshots are, on Linux:
//   node testing/snapshot-memory.ts
// Trains wide-job.ts on two workers, which saves every third step; each run in a process of its own. All must come to
// the same weights. `VmHWM` is the most that a process ever held, without what the system's cache has of its files.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TrainOptions } from "@shardgrad/parallel";
import { train } from "@shardgrad/parallel";

const gibibyte = 2 ** 30;

/** One run, in this process. */
async function measure(options: TrainOptions) {
  let shared = 0;
  const run = train(new URL("./wide-job.ts", import.meta.url), { workers: 2, ...options });
  run.on("start", ({ memory }) => {
    shared = memory.bytes;
  });
  const { weightsSha256 } = await run;
  const kibibytes = /^VmHWM:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))![1];
  return { weightsSha256, shared, largest: Number(kibibytes) * 1024 };
}

/** The same in a process of its own. */
function measureApart(called: string, options: TrainOptions): string {
  const { stdout, status } = spawnSync(
    process.execPath,
    [fileURLToPath(import.meta.url), JSON.stringify(options)],
    { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] },
  );
  if (status !== 0) throw new Error(`${called}: the run ended with ${status}`);
  const { weightsSha256, shared, largest } = JSON.parse(stdout) as Awaited<ReturnType<typeof measure>>;
  const [told, held] = [shared, largest].map((bytes) => (bytes / gibibyte).toFixed(2));
  console.log(`${called}: ${told} GiB of shared memory estimated, the process held at most ${held} GiB`);
  return weightsSha256;
}

const [options] = process.argv.slice(2);
if (options !== undefined) console.log(JSON.stringify(await measure(JSON.parse(options))));
else {
  const hashes = new Set<string>();
  for (const snapshots of ["memory", "disk", "off"] as const) {
    const directory = mkdtempSync(join(tmpdir(), "shardgrad-memory-"));
    try {
      const checkpoint = { directory, everySteps: 3, keep: 1 };
      measureApart(`snapshots ${snapshots}`, { snapshots, checkpoint, steps: 9 });
      const resumed = { snapshots, checkpoint, steps: 12, resume: "must" } as const;
      hashes.add(measureApart(`snapshots ${snapshots}, resumed`, resumed));
    } finally {
      rmSync(directory, { recursive: true });
    }
  }
  if (hashes.size !== 1) throw new Error(`the weights differ: ${[...hashes].join(", ")}`);
}
