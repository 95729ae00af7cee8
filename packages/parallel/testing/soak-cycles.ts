// Starts, trains and ends runs in one process, over and over, 1,000 times by default:
//   node testing/soak-cycles.ts [cycles]
// Some save checkpoints, some are stopped, some lose a worker, some fail. After each, the shared memory must be as
// before; threads, open files, handles and resident memory must not grow. On WebAssembly, because koffi, which
// @shardgrad/blas uses, leaks 40 KB in each thread that imports it.
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { ShardgradError } from "@shardgrad/core";
import { heap } from "@shardgrad/core/engine";
import type { TrainOptions } from "../src/plan/train-options.ts";
import type { Faults } from "./faults.ts";
import { runJob } from "./run-job.ts";

const cycles = Number(process.argv[2] ?? 1000);
const job = new URL("../../../test/jobs/clusters.ts", import.meta.url).href;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

async function trainOnce(options: TrainOptions, faults: Faults = [], stopAfter = Number.POSITIVE_INFINITY) {
  let looks = 0;
  const { model } = await runJob(
    job,
    { workers: 2, shards: 4, steps: 12, kernels: "wasm", ...options },
    { stopRequested: () => ++looks > stopAfter, faults },
  );
  for (const x of [...model.parameters(), ...model.namedBuffers().map(([, buffer]) => buffer)]) x.dispose();
}

async function withCheckpoints(options: TrainOptions): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "shardgrad-cycles-"));
  try {
    await trainOnce({ ...options, checkpoint: { directory, everySteps: 4 } });
    await trainOnce({ steps: 16, checkpoint: { directory }, resume: "must" });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function mustFail(run: Promise<void>): Promise<void> {
  const error = await run.then(
    () => new Error("a run that was to fail did not"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof ShardgradError)) throw error;
}

const fault = { rank: 1, step: 6, phase: "backward" } as const;

/** The kinds of runs, in turn. */
const kinds: Record<string, () => Promise<void>> = {
  plain: () => trainOnce({}),
  "with checkpoints": () => withCheckpoints({}),
  stopped: () => trainOnce({ steps: 1_000_000 }, [], 2),
  "losing a worker": () => trainOnce({ snapshotEvery: 2 }, [{ ...fault, how: "process.exit" }]),
  failing: () => mustFail(trainOnce({ restarts: 0 }, [{ ...fault, how: "throw" }])),
  refused: () => mustFail(trainOnce({ shards: 1 })),
  "two at once": async () => void (await Promise.all([trainOnce({}), trainOnce({ workers: 1 })])),
};

/** What must not grow. */
function sample(): Record<"live" | "threads" | "files" | "handles" | "MiB", number> {
  const count = (folder: string) => readdirSync(folder).length;
  return {
    live: heap().arena.live,
    threads: count("/proc/self/task"),
    files: count("/proc/self/fd"),
    handles: process.getActiveResourcesInfo().length,
    MiB: process.memoryUsage.rss() / 1024 ** 2,
  };
}
type Sample = ReturnType<typeof sample>;

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;

/** Lets the event loop run, so that ended things leave its lists. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const names = Object.keys(kinds);
// Each kind once, so that everything is loaded.
for (const name of names) await kinds[name]!();
await settle();
const before = sample();
const samples: Sample[] = [];
const startedMs = performance.now();
for (let cycle = 0; cycle < cycles; cycle++) {
  const name = names[cycle % names.length]!;
  await kinds[name]!();
  await settle();
  const now = sample();
  samples.push(now);
  if (now.live !== before.live) {
    throw new Error(
      `cycle ${cycle}, ${name}: ${now.live} bytes of shared memory are held, ${before.live} before`,
    );
  }
  if (cycle % 100 === 99) console.log(`${cycle + 1} cycles: ${JSON.stringify(now)}`);
}

const quarter = Math.max(1, samples.length >> 2);
const perCycleMs = (performance.now() - startedMs) / cycles;
console.log(`${cycles} cycles of ${names.join(", ")}: ${perCycleMs.toFixed(0)} ms each`);
const grown = (Object.keys(before) as (keyof Sample)[]).filter((what) => {
  const [first, last] = [samples.slice(0, quarter), samples.slice(-quarter)].map((part) =>
    median(part.map((one) => one[what])),
  ) as [number, number];
  console.log(
    `  ${what.padEnd(8)} ${before[what].toFixed(1)} before, ${first.toFixed(1)} in the first quarter, ${last.toFixed(1)} in the last`,
  );
  // Allocators may keep a little more resident memory.
  return what === "MiB" ? last > 1.1 * first + 16 : last > first;
});
if (grown.length > 0) throw new Error(`grown: ${grown.join(", ")}`);
