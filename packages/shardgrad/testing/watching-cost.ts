// What it costs to watch a run: a job plain and watched, in turns, as ratios of the same round: of its speed, and of the
// processor time that a step takes in all threads. For an idle machine:
//
//   node packages/shardgrad/testing/watching-cost.ts [job] [rounds] [seconds] [ways, such as watch,log] [workers]
//
// Without ways it compares all of them. Plain runs are always there, twice: how much they differ is the noise. With one
// worker, of which none waits for another, processor time is the steadier of the two.
import { mkdtempSync, rmSync } from "node:fs";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { TrainOptions } from "shardgrad";
import { train } from "shardgrad";

const [job = "test/jobs/clusters.ts", rounds = "7", seconds = "5", only, workers = "2"] =
  process.argv.slice(2);
const url = pathToFileURL(resolve(job));
const root = mkdtempSync(join(tmpdir(), "shardgrad-watching-"));

// The live page has a reader, as it would have.
const write = process.stderr.write.bind(process.stderr);
process.stderr.write = ((text: string) => {
  const address = /http:\S+/.exec(text)?.[0];
  if (address) get(`${address}events`, (response) => response.resume()).on("error", () => undefined);
  return address ? true : write(text);
}) as typeof process.stderr.write;

let runs = 0;
const watched: Record<string, () => TrainOptions> = {
  watch: () => ({ watch: true }),
  report: () => ({ report: join(root, `${runs}.html`) }),
  log: () => ({ log: join(root, String(runs)) }),
  trace: () => ({ trace: join(root, `${runs}.json`) }),
};
const chosen = only?.split(",") ?? Object.keys(watched);
const unknown = chosen.filter((name) => !Object.hasOwn(watched, name));
if (unknown.length > 0) {
  console.error(`watching-cost: no way ${unknown.join(", ")}; there are ${Object.keys(watched).join(", ")}`);
  process.exit(2);
}
const plain = () => ({});
const ways: Record<string, () => TrainOptions> = {
  plain,
  "plain again": plain,
  ...Object.fromEntries(chosen.map((name) => [name, watched[name]!])),
};

/** How many steps a second, and how many fit into a second of processor time. */
async function speedsOf(options: TrainOptions): Promise<[perSecond: number, perProcessorSecond: number]> {
  runs++;
  let [before, started, steps] = [process.cpuUsage(), performance.now(), 0];
  const run = train(url, { epochs: 1_000_000, workers: Number(workers), ...options });
  run.on("start", () => {
    [before, started] = [process.cpuUsage(), performance.now()];
    setTimeout(() => run.stop(), 1000 * Number(seconds));
  });
  run.on("epoch", ({ step }) => {
    steps = step;
  });
  await run;
  const { user, system } = process.cpuUsage(before);
  return [(1e3 * steps) / (performance.now() - started), (1e6 * steps) / (user + system)];
}

/** By name: speeds as shares of the plain run of their round, and shares by processor time. */
const shares: Record<string, [speed: number[], processor: number[]]> = {};
for (let round = 0; round < Number(rounds); round++) {
  const found: Record<string, [number, number]> = {};
  // Each round begins with another way.
  const names = Object.keys(ways);
  for (let i = 0; i < names.length; i++) {
    const name = names[(i + round) % names.length]!;
    found[name] = await speedsOf(ways[name]!());
  }
  for (const name of names) {
    shares[name] ??= [[], []];
    for (const i of [0, 1] as const) shares[name][i].push(found[name]![i] / found.plain![i]);
  }
}
rmSync(root, { recursive: true });

/** The median, and the middle half of the rounds. */
function middle(of: readonly number[]): string {
  const sorted = of.toSorted((a, b) => a - b);
  const [low, median, high] = [0.25, 0.5, 0.75].map((part) =>
    sorted[Math.floor(part * sorted.length)]!.toFixed(3),
  );
  return `${median} (${low} to ${high})`;
}
console.log(
  `${"".padEnd(12)} ${"speed".padEnd(22)} by processor time; medians and middle halves of ${rounds} rounds`,
);
for (const [name, [speed, processor]] of Object.entries(shares))
  console.log(`${name.padEnd(12)} ${middle(speed)} ${middle(processor)}`);
