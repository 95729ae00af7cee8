// One long run with snapshots, checkpoints and evaluations, while a worker is ended from outside every three minutes:
//   node testing/soak-hour.ts [minutes]
// Samples it once a minute, and compares the last quarter with the first. Memory, threads and open files must not grow,
// and the work per second of processor time must stay within 10 %. That also depends on other load: keep the machine
// idle.
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import { heap } from "@shardgrad/core/engine";
import type { TrainEvent } from "../src/events.ts";
import { runJob } from "./run-job.ts";

const [minutes = 60] = process.argv.slice(2).map(Number);
const job = new URL("../../../test/jobs/long-epochs.ts", import.meta.url).href;
const totalMs = minutes * 60_000;
// A short trial has four samples and one death per quarter.
const lookMs = Math.min(60_000, totalMs / 16);
const killMs = Math.min(180_000, totalMs / 4);
/** How far a median of the last quarter may exceed that of the first. */
const tolerance = 0.1;

/** A sample of the run, with the work done since the previous one. */
interface Look {
  minute: number;
  samplesPerSecond: number;
  samplesPerCpuSecond: number;
  rssMiB: number;
  arenaBytes: number;
  threads: number;
  files: number;
}

const columns: { name: keyof Look; digits: number }[] = [
  { name: "minute", digits: 1 },
  { name: "samplesPerSecond", digits: 0 },
  { name: "samplesPerCpuSecond", digits: 0 },
  { name: "rssMiB", digits: 1 },
  { name: "arenaBytes", digits: 0 },
  { name: "threads", digits: 0 },
  { name: "files", digits: 0 },
];
const line = (cells: readonly string[]) => cells.map((cell) => cell.padStart(20)).join("");
const rowOf = (look: Look) => line(columns.map(({ name, digits }) => look[name].toFixed(digits)));

const seconds = ({ user, system }: NodeJS.CpuUsage) => (user + system) / 1e6;
const cpuSeconds = () => seconds(process.cpuUsage());

const threads = new Set<Worker>();
process.on("worker", (thread) => {
  threads.add(thread);
  thread.once("exit", () => threads.delete(thread));
});

const startedMs = performance.now();
let [batchSize, step, redone, restarts, saves, epochs] = [0, 0, 0, 0, 0, 0];
let [killedMs, kills] = [startedMs, 0];

function observe(event: TrainEvent): void {
  if (event.type === "start") batchSize = event.batchSize;
  if (event.type === "restart") {
    restarts++;
    // Repeated work counts, too.
    redone += event.failedStep - 1 - event.fromStep;
    step = event.fromStep;
  }
  if (event.type === "epoch") epochs++;
  if (event.type === "checkpoint") {
    if (event.committed !== "yes") throw new Error(event.error);
    saves++;
  }
  if (event.type !== "progress") return;
  step = event.step;
  // Send it while the workers compute, not while they start.
  if (performance.now() - killedMs < killMs) return;
  killedMs = performance.now();
  const living = [...threads];
  void living[kills++ % living.length]?.terminate();
}

const looks: Look[] = [];
let last = { ms: startedMs, cpu: cpuSeconds(), steps: 0 };
function look(): void {
  const now = { ms: performance.now(), cpu: cpuSeconds(), steps: step + redone };
  const samples = (now.steps - last.steps) * batchSize;
  const seen: Look = {
    minute: (now.ms - startedMs) / 60_000,
    samplesPerSecond: (samples / (now.ms - last.ms)) * 1000,
    samplesPerCpuSecond: samples / (now.cpu - last.cpu),
    rssMiB: process.memoryUsage.rss() / 2 ** 20,
    arenaBytes: heap().arena.live,
    threads: readdirSync("/proc/self/task").length,
    files: readdirSync("/proc/self/fd").length,
  };
  last = now;
  looks.push(seen);
  console.log(rowOf(seen));
}

/** Middle values of the first and of the last quarter. */
function quarters(name: keyof Look): [first: number, last: number] {
  const quarter = Math.floor(looks.length / 4);
  const median = (part: readonly Look[]) =>
    part.map((seen) => seen[name]).sort((a, b) => a - b)[part.length >> 1]!;
  return [median(looks.slice(0, quarter)), median(looks.slice(-quarter))];
}

const root = mkdtempSync(join(tmpdir(), "shardgrad-soak-"));
console.log(line(columns.map(({ name }) => name)));
const timer = setInterval(look, lookMs);
const end = await runJob(
  job,
  {
    workers: 2,
    shards: 8,
    restarts: Number.MAX_SAFE_INTEGER,
    checkpoint: { directory: join(root, "run"), everySeconds: 10, keep: 2 },
  },
  { emit: observe, stopRequested: () => performance.now() - startedMs >= totalMs },
);
clearInterval(timer);
rmSync(root, { recursive: true });

const failures: string[] = [];
console.log(`\n${line(["", "first quarter", "last quarter", "change"])}`);
for (const { name, digits } of columns.slice(1)) {
  const [first, last] = quarters(name);
  const change = last / first - 1;
  console.log(line([name, first.toFixed(digits), last.toFixed(digits), `${(100 * change).toFixed(1)} %`]));
  const drifts = {
    samplesPerCpuSecond: Math.abs(change) > tolerance,
    rssMiB: change > tolerance,
    arenaBytes: last > first,
    threads: last > first,
    files: last > first,
  };
  if (name in drifts && drifts[name as keyof typeof drifts]) failures.push(name);
}
console.log(
  `\n${end.steps} steps, ${epochs} evaluations, ${saves} checkpoints, ${restarts} restarts after ${kills} deaths, loss ${end.metrics.tokenLoss}`,
);
if (restarts !== kills) failures.push("restarts");
if (failures.length > 0) {
  console.error(`not as in the first quarter: ${failures.join(", ")}`);
  process.exitCode = 1;
}
