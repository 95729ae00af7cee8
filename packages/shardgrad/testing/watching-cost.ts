// What it costs to watch a run: the speed of a job plain and watched, in turns, as ratios of the same round. For an idle
// machine:
//
//   node packages/shardgrad/testing/watching-cost.ts [job] [rounds] [seconds] [ways, such as watch,log]
//
// Without ways it compares all of them. Plain runs are always there, twice: how much they differ is the noise.
import { mkdtempSync, rmSync } from "node:fs";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { TrainOptions } from "shardgrad";
import { train } from "shardgrad";

const [job = "test/jobs/clusters.ts", rounds = "7", seconds = "5", only] = process.argv.slice(2);
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

async function speed(options: TrainOptions): Promise<number> {
  runs++;
  const run = train(url, { epochs: 1_000_000, ...options });
  run.on("start", () => setTimeout(() => run.stop(), 1000 * Number(seconds)));
  return (await run).samplesPerSecond;
}

const ratios: Record<string, number[]> = {};
for (let round = 0; round < Number(rounds); round++) {
  const speeds: Record<string, number> = {};
  // Each round begins with another way.
  const names = Object.keys(ways);
  for (let i = 0; i < names.length; i++) {
    const name = names[(i + round) % names.length]!;
    speeds[name] = await speed(ways[name]!());
  }
  for (const name of names) {
    ratios[name] ??= [];
    ratios[name].push(speeds[name]! / speeds.plain!);
  }
}
rmSync(root, { recursive: true });
for (const [name, found] of Object.entries(ratios)) {
  const sorted = found.toSorted((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)]!;
  console.log(
    `${name.padEnd(12)} ${median.toFixed(4)}  (${sorted[0]!.toFixed(3)} to ${sorted.at(-1)!.toFixed(3)})`,
  );
}
