// The command in a pseudo-terminal, made by `script` of util-linux: all lines stay whole at any width, and losing the
// terminal costs nothing.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { screenOf } from "./screen.ts";
import { writeJob } from "./write-job.ts";

const command = fileURLToPath(new URL("../packages/shardgrad/bin/shardgrad.js", import.meta.url));
const clusters = fileURLToPath(new URL("./jobs/clusters.ts", import.meta.url));
const { stdout: version } = spawnSync("script", ["--version"], { encoding: "utf8" });
const hasTerminal = /util-linux/.test(version ?? "");

/** Starts the command in a terminal of so many columns. The process holds one of our pipes while it lives. */
function startIn(columns: number, args: readonly string[]) {
  const line = [process.execPath, command, "train", ...args].map((word) => `'${word}'`).join(" ");
  const env = { ...process.env, TERM: "xterm" };
  const script = spawn("script", ["-qfec", `stty cols ${columns} rows 50; exec ${line}`, "/dev/null"], {
    stdio: ["ignore", "pipe", "inherit", "pipe"],
    env,
  });
  let text = "";
  script.stdout!.setEncoding("utf8").on("data", (part: string) => {
    text += part;
  });
  const gone = new Promise<void>((resolve) =>
    script.stdio[3]!.on("close", () => resolve()).on("data", () => undefined),
  );
  const ended = new Promise<{ code: number | null; text: string }>((resolve) =>
    script.on("close", (code) => resolve({ code, text })),
  );
  return { script, ended, gone };
}

const filler = "what comes of it is longer than a terminal is wide, and must be read to its end ".repeat(3);
/** Prints a lot, on both streams and from both sides, fails in the third epoch with a long message, and stays open. */
const wordy = writeJob(`
  import { existsSync, rmSync, writeFileSync } from "node:fs";
  import { isMainThread } from "node:worker_threads";
  import job from ${JSON.stringify(clusters)};
  const filler = ${JSON.stringify(filler)};
  if (isMainThread) setInterval(() => console.error("err: " + filler + "end"), 30);
  // Wherever the run goes back to after the first failure, it fails there at once.
  const failed = new URL(import.meta.url + "." + process.pid + ".failed");
  if (isMainThread) process.on("exit", () => rmSync(failed, { force: true }));
  let seen = 0;
  const say = () => {
    if (isMainThread) return;
    if (++seen === 3 && !existsSync(failed)) console.log("out: " + filler + "end");
    if (seen < 1200 && !existsSync(failed)) return;
    writeFileSync(failed, "");
    throw new Error("the cause: " + filler + "end");
  };
  export default { ...job,
    metrics: { accuracyOfTheFirstOfTheTwoModels: job.metrics.accuracy, accuracyOfTheSecondOfTheTwoModels: job.metrics.accuracy },
    augment: say, epochs: 4,
  };`);

describe.skipIf(!hasTerminal)("in a terminal", () => {
  it.each([40, 80, 200])(
    "of %i columns all lines are whole, those of the job and of errors among them",
    async (columns) => {
      const { ended } = startIn(columns, [wordy, "--workers", "1", "--restarts", "1"]);
      const { code, text } = await ended;
      const { lines: shown, cut, wraps, cursorShown } = screenOf(text, columns);
      expect([cut, wraps, cursorShown, code]).toEqual([0, true, true, 1]);
      // The command breaks its own lines between words, and indents what follows.
      const lines = shown
        .join("\n")
        .replace(/\n {2}(?=\S)/g, " ")
        .split("\n");
      const epochs = lines.filter((line) => line.startsWith("epoch "));
      expect(epochs.map((line) => line.slice(0, 9))).toEqual(["epoch 1/4", "epoch 2/4"]);
      const shape =
        /^epoch \d\/4 +loss \d\.\d{4} +test loss \d\.\d{4}, accuracyOfTheFirstOfTheTwoModels \d\.\d{4}, accuracyOfTheSecondOfTheTwoModels \d\.\d{4} +[\d,]+ samples\/s$/;
      for (const epoch of epochs) expect(epoch).toMatch(shape);
      const whole = lines.map((line) => line.trim());
      expect(whole).toContain(`out: ${filler}end`);
      expect(whole).toContain(`err: ${filler}end`);
      const causes = whole.filter((line) => line.includes(`Error: the cause: ${filler}end`));
      expect(causes).toEqual([
        expect.stringContaining("restarting from step"),
        expect.stringMatching(/^shardgrad: /),
      ]);
      const own = shown.filter((line) => /^(epoch|trained|weights|shardgrad:| {2})/.test(line));
      expect(own.filter((line) => line.length > columns)).toEqual([]);
      // Nothing remains of the bar.
      expect(lines.join("\n")).not.toMatch(/[█░]/);
      expect(text).toMatch(/[█░]+ \d+% {2}step/);
    },
  );

  it("that is closed while a run goes on, the run is saved", async () => {
    const directory = mkdtempSync(join(tmpdir(), "shardgrad-terminal-"));
    try {
      const saving = ["--checkpoint", directory, "--checkpoint-every", "1000000"];
      const { script, gone } = startIn(80, [clusters, "--workers", "1", "--epochs", "100000", ...saving]);
      let closed = false;
      script.stdout!.on("data", (part: string) => {
        if (closed || !part.includes("epoch")) return;
        closed = true;
        script.kill("SIGKILL");
      });
      await gone;
      expect(readdirSync(directory).filter((name) => name.startsWith("step-"))).toHaveLength(1);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
