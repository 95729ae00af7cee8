// A worker fails in every phase of a step, in every way, and the run ends with the bits of an undisturbed one. The
// tests faults-*.slow.test.ts use this, one for each job, and faults.test.ts a short form. The table in
// docs/checkpoints-and-recovery.md shows users the result. All of them check it; the job that covers all rows writes it:
// `SHARDGRAD_UPDATE=1`.
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import type { Worker } from "node:worker_threads";
import { BroadcastChannel } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { phases } from "../src/errors.ts";
import type { RestartEvent, TrainEvent } from "../src/events.ts";
import type { TrainOptions } from "../src/plan/train-options.ts";
import type { Fault, FaultKind, Faults } from "./faults.ts";
import { faultChannel } from "./faults.ts";
import { runJob } from "./run-job.ts";

const command = fileURLToPath(new URL("../../shardgrad/bin/shardgrad.js", import.meta.url));
const page = new URL("../../../docs/checkpoints-and-recovery.md", import.meta.url);

const kinds: { how: FaultKind; called: string; workers: number }[] = [
  { how: "process.exit", workers: 2, called: "`process.exit(7)`" },
  { how: "throw", workers: 4, called: '`throw new RangeError("injected")`' },
  { how: "throw null", workers: 2, called: "`throw null`" },
  { how: "heap exhaustion", workers: 2, called: "heap exhaustion" },
  { how: "terminate", workers: 3, called: "`terminate()` from outside" },
];

/** Not the worker's fault, so a restart would not help. */
const changed = "a teacher that follows outside of `afterStep`";
const notFinite = "a NaN in the weights";
const sinceCheckpoint = "the steps since the checkpoint before";

type Place = Pick<Fault, "step" | "phase" | "afterBarriers">;

// The jobs have 5 steps per epoch; step 10 ends one, so it has every phase.
const inPhases: Place[] = phases.filter((phase) => phase !== "idle").map((phase) => ({ step: 10, phase }));

/** Between the barriers of a step of LeNet-5, which has three BatchNorms: three exchanges forward, three backward. */
const inExchanges: Place[] = [
  { step: 12, phase: "forward", afterBarriers: 1 },
  { step: 12, phase: "barrier", afterBarriers: 2 },
  { step: 12, phase: "reduce", afterBarriers: 3 },
  { step: 12, phase: "backward", afterBarriers: 5 },
];

const options = { shards: 8, epochs: 3, snapshotEvery: 2, kernels: "wasm" } as const;

const signals = ["SIGTERM", "SIGHUP", "SIGUSR2"] as const;
const signalled = signals.map((signal) => `\`${signal}\``).join(", ");

/** Signals the command in its first epoch or later; it must leave one checkpoint, of its last step. */
async function endBySignal(
  job: string,
  signal: NodeJS.Signals,
): Promise<{ code: number | null; stderr: string }> {
  const directory = mkdtempSync(join(tmpdir(), "shardgrad-faults-"));
  try {
    const saving = ["--checkpoint", directory, "--checkpoint-every", "1000000"];
    const flags = ["--workers", "1", "--epochs", "100000", "--kernels", "wasm", ...saving];
    const child = spawn(process.execPath, [command, "train", fileURLToPath(job), ...flags], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [stdout, stderr] = ["", ""];
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      const begun = stdout.includes("\nepoch");
      stdout += text;
      if (!begun && stdout.includes("\nepoch")) child.kill(signal);
    });
    const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
    expect(readdirSync(directory).filter((name) => name.startsWith("step-"))).toHaveLength(1);
    return { code, stderr };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** The rows of the table between its marks in the docs, before a formatter aligns them. */
function tableInDocs() {
  const [start, end] = ["<!-- faults -->\n\n", "\n\n<!-- /faults -->"];
  const text = readFileSync(page, "utf8");
  const [from, to] = [text.indexOf(start) + start.length, text.indexOf(end)];
  const rows = text.slice(from, to).replace(/ +\|/g, " |").replace(/-{3,}/g, "---").split("\n");
  const write = (lines: readonly string[]) =>
    writeFileSync(page, text.slice(0, from) + lines.join("\n") + text.slice(to));
  return { rows, write };
}

/**
 * @param file name of a test job with 5 steps per epoch
 * @param exchanges whether its model has BatchNorm, so that a worker can also fail in its exchanges
 * @param short the ways to fail share the phases, so that each phase has one of them
 */
export function describeFaults(file: string, { exchanges = false, short = false } = {}): void {
  const job = new URL(`../../../test/jobs/${file}.ts`, import.meta.url).href;
  const places = exchanges ? [...inPhases, ...inExchanges] : inPhases;
  const placesOf = (kind: number) => places.filter((_, i) => !short || i % kinds.length === kind);

  async function run(more: TrainOptions, faults: Faults = []) {
    const events: TrainEvent[] = [];
    const publish = (event: TrainEvent) => events.push(event);
    const result = await runJob(job, { ...options, ...more }, { emit: publish, faults });
    const epochs = events.flatMap((event) =>
      event.type === "epoch" ? [[event.epoch, event.loss, event.metrics]] : [],
    );
    const restarts = events.filter((event): event is RestartEvent => event.type === "restart");
    return { ended: { weightsSha256: result.weightsSha256, metrics: result.metrics, epochs }, restarts };
  }

  const threads = new Map<number, Worker>();
  const started = (thread: Worker) => threads.set(thread.threadId, thread);
  const channel = new BroadcastChannel(faultChannel);
  channel.onmessage = ({ data }: { data: number }) => threads.get(data)?.terminate();

  let expected: Awaited<ReturnType<typeof run>>["ended"];
  beforeAll(async () => {
    process.on("worker", started);
    // New threads have small heaps, which fill up soon.
    setFlagsFromString("--max-old-space-size=24");
    expected = (await run({ workers: 1 })).ended;
  });

  afterAll(() => {
    process.off("worker", started);
    channel.close();
  });

  /** The visible effect of each kind of fault, wherever it happens. */
  const seen = new Map<string, string>();

  describe(`${file}: a worker ends in each phase of a step`, () => {
    it.each(kinds.map((kind, index) => ({ ...kind, places: placesOf(index) })))(
      "by $how, among $workers workers",
      async ({ how, called, workers, places }) => {
        // Every attempt but the last has a fault, and the ranks take turns.
        const faults = places.map((place, index) => ({ ...place, how, rank: index % workers }));
        const { restarts, ended } = await run({ workers, restarts: faults.length }, faults);
        expect(restarts.map(({ message: _, ...rest }) => rest)).toEqual(
          faults.map(({ rank, step, phase }, index) => ({
            type: "restart",
            rank,
            failedStep: step,
            phase,
            fromStep: step - 2,
            restart: index + 1,
            restarts: faults.length,
          })),
        );
        expect(ended).toEqual(expected);
        const told = restarts.map(({ rank, failedStep, phase, message }) =>
          message.replace(
            `worker ${rank} failed in step ${failedStep} (${phase})`,
            "worker … failed in step … (…)",
          ),
        );
        // The same in every phase.
        expect(new Set(told).size).toBe(1);
        seen.set(called, told[0]!);
      },
    );
  });

  it(`${file}: a NaN in the weights ends the run, and the checkpoint before it stays the newest`, async () => {
    const broken = new URL("../../../test/jobs/nan-last-step.ts", import.meta.url).href;
    const directory = mkdtempSync(join(tmpdir(), "shardgrad-faults-"));
    try {
      const checkpoint = { directory, everySteps: 3 };
      const ended = runJob(broken, { ...options, workers: 2, checkpoint });
      const message = await ended.then(String, (error: Error) => error.message);
      expect(readdirSync(directory).filter((name) => name.startsWith("step-"))).toEqual(["step-0000000003"]);
      seen.set(
        notFinite,
        message.replace(/step \d+/, "step …").replace(/one of the shards \d+ to \d+|shard \d+/, "shard …"),
      );
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it(`${file}: state that the loss changes ends the run before it begins`, async () => {
    const broken = new URL("../../../test/jobs/changing-teacher.ts", import.meta.url).href;
    const ended = runJob(broken, { ...options, workers: 2 });
    seen.set(changed, await ended.then(String, (error: Error) => error.message));
  });

  it(`${file}: the command saves when a signal asks it to end`, async () => {
    const told = await Promise.all(signals.map((signal) => endBySignal(job, signal)));
    // Some of them also say what a second one does.
    const lines = new Set(told.map(({ stderr }) => stderr.trim().split(";")[0]));
    expect(lines.size).toBe(1);
    const codes = told.map(({ code }) => code).join(", ");
    seen.set(signalled, `\`${[...lines][0]}\`, and the exit code ${codes}`);
  });

  it("what was seen is what the docs say", () => {
    const row = (...cells: string[]) => `| ${cells.join(" | ")} |`;
    const rows = kinds.map(({ called }) =>
      row(called, "each phase of a step", `\`${seen.get(called)!}; restarting from step …\``, "nothing"),
    );
    if (exchanges) rows.push(row("any of these", "between two barriers of BatchNorm", "the same", "nothing"));
    rows.push(row(notFinite, "the last step of an epoch", `\`${seen.get(notFinite)!}\``, sinceCheckpoint));
    rows.push(row(changed, "`loss`", `\`${seen.get(changed)!}\``, "nothing: no step is done"));
    rows.push(
      row(signalled, "anywhere after the start", seen.get(signalled)!, "nothing, with `--checkpoint`"),
    );
    const heads = [
      row("what was injected", "where", "what the user sees", "what was lost"),
      row("---", "---", "---", "---"),
    ];
    const table = tableInDocs();
    if (process.env.SHARDGRAD_UPDATE) {
      if (exchanges) table.write([...heads, ...rows]);
    } else if (exchanges) expect(table.rows).toEqual([...heads, ...rows]);
    else expect(table.rows).toEqual(expect.arrayContaining(rows));
  });
}
