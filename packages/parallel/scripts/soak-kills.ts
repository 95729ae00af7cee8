// Kills a training process at random moments, 200 times unless told otherwise, and resumes it each time:
//   node scripts/soak-kills.ts [kills] [seed]
// Whenever a run comes to its end, its weights must be those of one that was never killed; then the next begins.
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { manualSeed, rand, scope } from "@shardgrad/core";

const [kills = 200, seed = 1] = process.argv.slice(2).map(Number);
const command = fileURLToPath(new URL("../bin/shardgrad.js", import.meta.url));
const job = fileURLToPath(new URL("../../../test/jobs/dropout.ts", import.meta.url));
manualSeed(seed!);
const uniform = () => scope(() => rand([]).item());

function start(
  directory: string,
  workers: number,
): { child: ChildProcess; ended: Promise<string | undefined> } {
  const args = [
    "train",
    job,
    "--workers",
    String(workers),
    "--shards",
    "8",
    "--batch-size",
    "8",
    "--epochs",
    "300",
  ];
  const saving = ["--checkpoint", directory, "--checkpoint-every", "20", "--resume", "--json"];
  const child = spawn(process.execPath, [command, ...args, ...saving], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout!.on("data", (part) => {
    text += part;
  });
  const ended = new Promise<string | undefined>((resolve, reject) =>
    child.on("close", (code, signal) => {
      if (signal === null && code !== 0) reject(new Error(`the run ended with ${code}: ${text}`));
      else resolve(/"weightsSha256":"([0-9a-f]+)"/.exec(text)?.[1]);
    }),
  );
  return { child, ended };
}

const root = mkdtempSync(join(tmpdir(), "shardgrad-soak-"));
const startedMs = performance.now();
const expected = await start(join(root, "whole"), 2).ended;
const longestMs = performance.now() - startedMs;
let [killed, finished] = [0, 0];
while (killed < kills!) {
  const { child, ended } = start(join(root, String(finished)), 1 + Math.floor(uniform() * 4));
  const timer = setTimeout(() => child.kill("SIGKILL"), uniform() * longestMs);
  const hash = await ended;
  clearTimeout(timer);
  if (hash === undefined) killed++;
  else if (hash !== expected)
    throw new Error(`after ${killed} kills: the weights are ${hash}, expected ${expected}`);
  else finished++;
}
rmSync(root, { recursive: true });
console.log(`${killed} kills, ${finished} runs came to their end with the same bits`);
