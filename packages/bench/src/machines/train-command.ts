// `shardgrad train` as its user runs it, from the command line on one or several machines, and how long its steps took by
// its own clock.
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import type { EndEvent, EpochEvent, StartEvent, TrainEvent } from "@shardgrad/parallel";
import type { Entrant } from "shardgrad/measure";
import type { Launch } from "../contender-process.ts";
import { ContenderError } from "../contender-process.ts";
import type { ZooModel } from "../zoo.ts";
import { lengthOfTurn, limitOfSteps } from "./turn-length.ts";

/** A way to train. */
export interface TrainWay {
  name: string;
  model: ZooModel;
  /** Samples in a step of each run. */
  batchSize: number;
  shards: number;
  machines: "auto" | "off";
  /** The command's file, in the checkout whose jobs it trains. */
  command: string;
  /** How to start a command with these arguments: one run, or several at the same time. */
  launches: (command: string, args: readonly string[]) => readonly Launch[];
  /** For job modules. */
  folder: string;
  /** Of a turn's measured steps. */
  seconds: number;
}

/** Of the first run, whose weights are compared. */
const checkSteps = 12;

/** After an epoch, machines compare their weights off the clock: seldom, so that nothing of a step hides there. */
const mostEpochSteps = 32;

/** What a run says of itself. */
export interface Run {
  start: StartEvent;
  epochs: readonly EpochEvent[];
  end: EndEvent;
}

/** The events that a run printed as lines of JSON. */
export function readRun(stdout: string): Run {
  const lines = stdout.split("\n").filter((line) => line.startsWith("{"));
  const events = lines.map((line) => JSON.parse(line) as TrainEvent);
  const start = events.find((event) => event.type === "start");
  const end = events.find((event) => event.type === "end");
  if (!start || !end) throw new ContenderError("the run printed no start or end event");
  return { start, end, epochs: events.filter((event) => event.type === "epoch") };
}

/** Milliseconds of a step of so many samples, over the epochs after the first `warm`, which have the same steps. */
export function stepMsOf({ epochs }: Pick<Run, "epochs">, warm: number, samples: number): number {
  const timed = epochs.slice(warm).map(({ samplesPerSecond }) => (1000 * samples) / samplesPerSecond);
  return timed.reduce((sum, ms) => sum + ms, 0) / timed.length;
}

async function execute({ command, args }: Launch, cwd: string, limitMs: number): Promise<Run> {
  try {
    // In a session of its own, as ranks of gloo and of mpirun are: where others compute, too, Linux divides the time by session.
    const { stdout } = await promisify(execFile)("setsid", [command, ...args], {
      cwd,
      timeout: limitMs,
      maxBuffer: 2 ** 28,
    });
    return readRun(stdout);
  } catch (error) {
    const { stderr, killed } = error as { stderr?: string; killed?: boolean };
    if (killed) throw new ContenderError(`took longer than ${Math.round(limitMs / 1000)} s`);
    // A launcher adds lines of its own.
    const own = stderr?.split("\n").find((line) => line.startsWith("shardgrad:"));
    throw new ContenderError(own ?? stderr?.trim().split("\n").at(-1) ?? String(error));
  }
}

export class TrainEntry implements Entrant {
  readonly name: string;
  /** Milliseconds of one step, by round. */
  readonly msPerStep = new Map<number, number>();
  /** Of the first run. */
  checked: Run | undefined;
  /** Why numbers are missing. */
  reason: string | undefined;
  readonly #way: TrainWay;
  #estimate = 0;

  constructor(way: TrainWay) {
    this.#way = way;
    this.name = way.name;
  }

  /** Trains a few steps. @param sha256 of the weights that it must have then; absent if they are its own */
  async check(sha256?: string): Promise<void> {
    try {
      const runs = await this.#train(checkSteps, ["--steps", String(checkSteps)], 300_000);
      this.checked = runs[0]!;
      const { end } = this.checked;
      this.#estimate = (1000 * this.#way.batchSize) / end.samplesPerSecond;
      if (sha256 !== undefined && end.weightsSha256 !== sha256)
        this.reason = "other weights than on one machine";
    } catch (error) {
      this.reason = (error as Error).message;
    }
  }

  async turn(round: number): Promise<void> {
    const { batchSize, seconds } = this.#way;
    const { warm, steps } = lengthOfTurn(seconds, this.#estimate);
    const epochSteps = Math.min(mostEpochSteps, Math.ceil(steps / 4));
    const [unmeasured, measured] = [warm, steps].map((count) => Math.ceil(count / epochSteps)) as [
      number,
      number,
    ];
    const epochs = unmeasured + measured;
    const limitMs = limitOfSteps(epochs * epochSteps, this.#estimate);
    try {
      const runs = await this.#train(epochSteps, ["--epochs", String(epochs)], limitMs);
      // Of several runs at the same time, the slowest counts.
      this.#estimate = Math.max(...runs.map((run) => stepMsOf(run, unmeasured, batchSize)));
      this.msPerStep.set(round, this.#estimate);
    } catch (error) {
      this.reason = (error as Error).message;
      throw error;
    }
  }

  /** @param epochSteps of a data set that is made for it */
  #train(epochSteps: number, length: readonly string[], limitMs: number): Promise<Run[]> {
    const { model, batchSize, shards, machines, command, launches, folder } = this.#way;
    const bench = new URL("../../bench/", pathToFileURL(command));
    const job = new URL(`src/jobs/${model.name}.ts`, bench);
    job.searchParams.set("batches", String(Math.ceil((epochSteps * batchSize) / model.batch)));
    // The command takes a path, which cannot say what comes after the `?`.
    const path = join(folder, `${model.name}.mjs`);
    writeFileSync(path, `export { default } from ${JSON.stringify(job.href)};\n`);
    const sizes = ["--workers", "1", "--shards", String(shards), "--batch-size", String(batchSize)];
    const args = [command, "train", path, ...sizes, "--machines", machines, ...length, "--json"];
    return Promise.all(
      // Where the kernels' packages are found.
      launches(process.execPath, args).map((launch) => execute(launch, fileURLToPath(bench), limitMs)),
    );
  }
}
