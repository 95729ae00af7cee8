// What it costs to watch a run: a job plain and watched, in turns, each run in a process of its own. Its page is read by
// this process, so that the reader's work counts for nothing.
//
//   node packages/shardgrad/testing/watching-cost.ts [job] [rounds] [seconds] [ways, such as watch,log] [workers]
//
// Without ways it compares all of them. Plain runs are always there, twice: how much they differ is the noise. Of each
// way: how much of a core the main thread takes, and, as ratios to the plain run of the same round, the processor time
// of all other threads for a step, and the speed. Processor time is good on a busy machine, too, the more with one
// worker, of which none waits for another; speed needs an idle one.
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { TrainOptions } from "shardgrad";
import { train } from "shardgrad";

/** Steps a second, milliseconds of the main thread a second, and microseconds of all other threads a step. */
interface Cost {
  speed: number;
  main: number;
  others: number;
}

/** The first steps compile, and a page looks at all of them: not measured. */
const warmUpMs = 1500;

const watched: Record<string, (folder: string) => TrainOptions> = {
  watch: () => ({ watch: true }),
  report: (folder) => ({ report: join(folder, "report.html") }),
  log: (folder) => ({ log: join(folder, "log") }),
  trace: (folder) => ({ trace: join(folder, "trace.json") }),
};
const ways: typeof watched = { plain: () => ({}), "plain again": () => ({}), ...watched };

const [job = "test/jobs/clusters.ts", rounds = "7", seconds = "5", only, workers = "2", way] =
  process.argv.slice(2);
if (way === undefined) await compare();
else await measure(way);

/** One run, in this process: sends its cost to the other one. */
async function measure(name: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "shardgrad-watching-"));
  const options = ways[name]!(folder);
  let step = 0;
  const look = () => ({
    step,
    ms: performance.now(),
    all: millisecondsOf(process.cpuUsage()),
    main: millisecondsOf(process.threadCpuUsage()),
  });
  const run = train(pathToFileURL(resolve(job)), { epochs: 1_000_000, workers: Number(workers), ...options });
  run.on("progress", (event) => {
    step = event.step;
  });
  run.on("start", () => {
    setTimeout(() => {
      const before = look();
      setTimeout(() => {
        const after = look();
        const [steps, ms] = [after.step - before.step, after.ms - before.ms];
        const main = after.main - before.main;
        const others = after.all - before.all - main;
        process.send!({ speed: (1e3 * steps) / ms, main: (1e3 * main) / ms, others: (1e3 * others) / steps });
        run.stop();
      }, 1000 * Number(seconds));
    }, warmUpMs);
  });
  await run;
  rmSync(folder, { recursive: true });
  process.disconnect!();
}

function millisecondsOf({ user, system }: NodeJS.CpuUsage): number {
  return (user + system) / 1000;
}

/** The same in a process of its own, whose page is read here. */
async function measureApart(name: string): Promise<Cost> {
  const own = fileURLToPath(import.meta.url);
  const child = fork(own, [job, rounds, seconds, "", workers, name], {
    stdio: ["ignore", "inherit", "pipe", "ipc"],
  });
  child.stderr!.setEncoding("utf8").on("data", (text: string) => {
    const address = /http:\S+/.exec(text)?.[0];
    if (address === undefined) process.stderr.write(text);
    else get(`${address}events`, (response) => response.resume()).on("error", () => undefined);
  });
  const [[cost], [code]] = await Promise.all([once(child, "message"), once(child, "exit")]);
  if (code !== 0) throw new Error(`watching-cost: ${name} ended with ${code}`);
  return cost as Cost;
}

async function compare(): Promise<void> {
  const chosen = only ? only.split(",") : Object.keys(watched);
  const unknown = chosen.filter((name) => !Object.hasOwn(watched, name));
  if (unknown.length > 0) {
    console.error(
      `watching-cost: no way ${unknown.join(", ")}; there are ${Object.keys(watched).join(", ")}`,
    );
    process.exit(2);
  }
  const names = ["plain", "plain again", ...chosen];
  const costs: Record<string, Cost>[] = [];
  for (let round = 0; round < Number(rounds); round++) {
    const found: Record<string, Cost> = {};
    // Each round begins with another way.
    for (let i = 0; i < names.length; i++) {
      const name = names[(i + round) % names.length]!;
      found[name] = await measureApart(name);
    }
    costs.push(found);
  }
  console.log(`medians and middle halves of ${rounds} rounds, ${workers} workers`);
  console.log(
    `${"".padEnd(12)} ${"main, % of a core".padEnd(22)} ${"others, time a step".padEnd(22)} speed (steps/s)`,
  );
  for (const name of names) {
    const of = (numberOf: (found: Record<string, Cost>) => number) => costs.map(numberOf);
    const ratio = (part: keyof Cost) => middle(of((found) => found[name]![part] / found.plain![part]));
    const main = middle(
      of((found) => found[name]!.main / 10),
      2,
    );
    const [speed] = quartiles(of((found) => found[name]!.speed)).slice(1);
    console.log(
      `${name.padEnd(12)} ${main.padEnd(22)} ${ratio("others").padEnd(22)} ${ratio("speed")} (${speed!.toFixed(0)})`,
    );
  }
}

function quartiles(of: readonly number[]): number[] {
  const sorted = of.toSorted((a, b) => a - b);
  return [0.25, 0.5, 0.75].map((part) => sorted[Math.floor(part * sorted.length)]!);
}

/** The median, and the middle half of the rounds. */
function middle(of: readonly number[], digits = 3): string {
  const [low, median, high] = quartiles(of).map((value) => value.toFixed(digits));
  return `${median} (${low} to ${high})`;
}
