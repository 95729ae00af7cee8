// Signals that ask the command to end. The first lets it finish its step and save; a second one ends it at once, in the
// middle of a step. Earlier checkpoints stay, and a resume starts from them.
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { writeJob } from "./write-job.ts";

const command = fileURLToPath(new URL("../packages/shardgrad/bin/shardgrad.js", import.meta.url));
const dropout = fileURLToPath(new URL("./jobs/dropout.ts", import.meta.url));

/** If it should be slow, each sample of the run's fourth step takes a second, so that no step ends soon after a signal. */
const job = writeJob(`
  import job from ${JSON.stringify(dropout)};
  import { defineJob } from "@shardgrad/parallel";
  const { dataset, model, loss, optimizer, metrics } = job;
  let seen = 0;
  const augment = () => {
    seen++;
    if (!process.env.SLOW || seen <= 60) return;
    for (const start = Date.now(); Date.now() - start < 1000; );
  };
  export default defineJob({ dataset, model, loss, optimizer, metrics, augment, batchSize: 40, epochs: 4 });`);

interface Ended {
  code: number | null;
  text: string;
}

/** Runs the command, and calls `onText` with what it has printed so far. */
function run(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  onText?: (text: string, kill: (signal: NodeJS.Signals) => void) => void,
): Promise<Ended> {
  const flags = ["--workers", "2", "--shards", "2", "--kernels", "wasm", "--json"];
  const child = spawn(process.execPath, [command, "train", job, ...flags, ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.on("data", (part) => {
    text += part;
    onText?.(text, (signal) => child.kill(signal));
  });
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, text })));
}

const hashOf = ({ text }: Ended) => /"weightsSha256":"([0-9a-f]+)"/.exec(text)?.[1];

it("a second signal ends the run at once, and loses nothing that was saved", async () => {
  const root = mkdtempSync(join(tmpdir(), "shardgrad-signals-"));
  try {
    const directory = join(root, "run");
    const saving = ["--checkpoint", directory, "--checkpoint-every", "1", "--resume"];
    let asked = false;
    // Two different ones, because two of a kind in quick succession may arrive as one.
    const interrupted = await run(saving, { SLOW: "1" }, (text, kill) => {
      if (asked || !text.includes('"type":"checkpoint"')) return;
      asked = true;
      kill("SIGINT");
      kill("SIGTERM");
    });
    expect([130, 143]).toContain(interrupted.code);
    expect(interrupted.text).not.toContain('"type":"end"');
    expect(readdirSync(directory).some((name) => name.startsWith("step-"))).toBe(true);
    const resumed = await run(saving, {});
    expect(resumed.text).toContain('"type":"resume"');
    expect(hashOf(resumed)).toBe(hashOf(await run([], {})));
  } finally {
    rmSync(root, { recursive: true });
  }
});

it.each(["SIGTERM", "SIGHUP", "SIGUSR2"] as const)(
  "%s saves, also if it comes twice of itself",
  async (signal) => {
    const root = mkdtempSync(join(tmpdir(), "shardgrad-signals-"));
    try {
      const directory = join(root, "run");
      const saving = ["--checkpoint", directory, "--checkpoint-every", "1000000"];
      let asked = false;
      const interrupted = await run([...saving, "--epochs", "100000"], {}, (text, kill) => {
        if (asked || !text.includes('"type":"epoch"')) return;
        asked = true;
        kill(signal);
        // The kernel sends it when the terminal goes, and the shell once more; a user who insists sends another signal.
        if (signal !== "SIGTERM") kill(signal);
      });
      expect(interrupted.code).toBe(128 + constants.signals[signal]);
      expect(interrupted.text).toMatch(/"type":"end".*"stopped":true/);
      expect(readdirSync(directory).filter((name) => name.startsWith("step-"))).toHaveLength(1);
    } finally {
      rmSync(root, { recursive: true });
    }
  },
);
