// Kills a training process at random moments, 200 times by default, and resumes it each time on 1 to 4 workers:
//   node testing/soak-kills.ts [kills] [seed]
// After each kill the newest checkpoint must be intact, and no older than before. Whenever a run ends, its weights must
// equal those of a run without kills; then the next begins.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { manualSeed, rand, scope } from "@shardgrad/core";
import { findNewest } from "@shardgrad/parallel";

const [kills = 200, seed = 1] = process.argv.slice(2).map(Number);
const command = fileURLToPath(new URL("../../shardgrad/bin/shardgrad.js", import.meta.url));
const job = fileURLToPath(new URL("../../../test/jobs/dropout.ts", import.meta.url));
const sizes = ["--shards", "8", "--batch-size", "8", "--epochs", "300"];
/** Where snapshots are, which differs from run to run. */
const places = ["memory", "disk", "off"];
manualSeed(seed);
const uniform = () => scope(() => rand([]).item());

/**
 * Trains from the newest checkpoint on. Resolves to the hash of the weights, or to undefined if it was killed. The kill
 * comes some time after so many saves, not after a fixed time: on a busy machine that would be too early.
 */
function runFrom(
  directory: string,
  workers: number,
  savesBeforeKill = Infinity,
): Promise<string | undefined> {
  const saving = ["--checkpoint", directory, "--checkpoint-every", "20", "--resume", "--json"];
  const place = places[Math.floor(uniform() * places.length)]!;
  const args = [
    command,
    "train",
    job,
    "--workers",
    String(workers),
    ...sizes,
    ...saving,
    "--snapshots",
    place,
  ];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const startedMs = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const killSoon = (withinMs: number) => {
    timer ??= setTimeout(() => child.kill("SIGKILL"), uniform() * withinMs);
  };
  // The first second is the start-up of the process and its threads.
  if (savesBeforeKill === 0) killSoon(1000);
  let text = "";
  child.stdout.on("data", (part) => {
    text += part;
    const saves = text.split('"type":"checkpoint"').length - 1;
    if (saves > 0 && saves >= savesBeforeKill) killSoon((performance.now() - startedMs) / saves);
  });
  return new Promise((resolve, reject) =>
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      if (signal === null && code !== 0) reject(new Error(`the run ended with ${code}: ${text}`));
      else resolve(/"weightsSha256":"([0-9a-f]+)"/.exec(text)?.[1]);
    }),
  );
}

/** The step of the newest checkpoint, -1 if there is none; a kill must leave none damaged. */
async function newestStep(directory: string): Promise<number> {
  const { checkpoint, notes } = await findNewest(directory);
  const names = existsSync(directory)
    ? readdirSync(directory).filter((name) => name.startsWith("step-"))
    : [];
  if (notes.length > 0 || (names.length > 0 && !checkpoint)) {
    throw new Error(`a kill damaged a checkpoint among ${names.join(", ")}: ${notes.join("; ")}`);
  }
  return checkpoint?.state.step ?? -1;
}

const root = mkdtempSync(join(tmpdir(), "shardgrad-soak-"));
const startedMs = performance.now();
const minutes = () => ((performance.now() - startedMs) / 60_000).toFixed(1);
const expected = await runFrom(join(root, "whole"), 2);
/** The number of kills, of kills before a run's first checkpoint, and of whole runs. */
let [killed, empty, finished] = [0, 0, 0];
let step = -1;
while (killed < kills) {
  const directory = join(root, String(finished));
  const [workers, saves] = [1 + Math.floor(uniform() * 4), Math.floor(uniform() * 8)];
  const hash = await runFrom(directory, workers, saves);
  const newest = await newestStep(directory);
  if (newest < step) throw new Error(`after ${killed} kills: the newest step is ${newest}, and was ${step}`);
  step = hash === undefined ? newest : -1;
  if (hash === undefined) {
    killed++;
    if (newest < 0) empty++;
    if (killed % 10 === 0) console.log(`${killed} kills, ${finished} runs, ${minutes()} min`);
  } else if (hash === expected) finished++;
  else throw new Error(`after ${killed} kills: the weights are ${hash}, expected ${expected}`);
}
rmSync(root, { recursive: true });
console.log(
  `${killed} kills (${empty} before a first checkpoint), ${finished} runs came to their end with the same bits, in ${minutes()} min`,
);
