// shardgrad train: runs a job, shows its events, and ends as its signals and errors say.
import { existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { CheckpointError, JobError, OutputError } from "@shardgrad/parallel";
import { isFirstMachine, isToldElsewhere, oneLine, requireSurroundings } from "@shardgrad/parallel/command";
import type { Command } from "commander";
import { train } from "../train.ts";
import type { TrainOptions } from "../watch-options.ts";
import type { CheckpointFlags } from "./checkpoint-flags.ts";
import { checkpointOptions, interval, measure, misfitOf } from "./checkpoint-flags.ts";
import { count } from "./event-lines.ts";
import { integer, optionFlags } from "./option-flags.ts";
import { JsonReporter, LineReporter, silent } from "./report.ts";
import { common, examples, exitCode, fail, keepOutput, note } from "./run-command.ts";
import type { StopSignal } from "./stop-signals.ts";
import { exitCodeOf, insists, onStopSignals } from "./stop-signals.ts";
import { fitted } from "./streams.ts";

interface TrainFlags extends Omit<TrainOptions, "checkpoint" | "params">, CheckpointFlags {
  set?: string[];
  json?: boolean;
  stack?: boolean;
}

const isThere = (path: string) => existsSync(path) && (!statSync(path).isFile() || statSync(path).size > 0);

/** What a run has written besides its weights, a line for each. */
function writtenLines({ report, log, trace }: TrainFlags): string[] {
  const advice = ": open it at https://ui.perfetto.dev";
  return Object.entries({ report, log, trace }).flatMap(([name, path]) =>
    path === undefined || !isThere(path)
      ? []
      : [`${name.padEnd(7)}  ${oneLine(path)}${name === "trace" ? advice : ""}`],
  );
}

async function runTraining(job: string, flags: TrainFlags): Promise<void> {
  const {
    json = false,
    stack = false,
    checkpoint,
    checkpointEvery,
    checkpointKeep,
    checkpointBest,
    set: params = [],
    ...options
  } = flags;
  // The machines of a launch have the same run: one tells of it.
  const isFirst = isFirstMachine(options);
  const reporter = !isFirst
    ? silent
    : json
      ? new JsonReporter(keepOutput())
      : new LineReporter(process.stdout);
  try {
    requireSurroundings("train");
  } catch (error) {
    return fail(error, stack);
  }
  const misfit = misfitOf(flags);
  if (misfit) return fail(new JobError(misfit), stack);
  const saving = checkpointOptions({ checkpoint, checkpointEvery, checkpointKeep, checkpointBest });
  const run = train(pathToFileURL(resolve(job)), { ...options, params, ...saving });
  let asked: StopSignal | "SIGPIPE" | undefined;
  let untold: NodeJS.ErrnoException | undefined;
  let step = 0;
  let ofSeveral = false;
  const stop = (signal: StopSignal) => {
    asked ??= signal;
    // Moves below the terminal's own ^C.
    const line = process.stderr.isTTY && !process.stdout.isTTY ? "\n" : "";
    // A launcher sends it when another machine has died. It says which one, but not when.
    const where = ofSeveral ? `machine 0, at step ${count.format(step)}: ` : "";
    const more = insists(signal) ? "; once more to end at once" : "";
    const text = fitted(`${where}finishing the step${more}`, process.stderr);
    if (!json && isFirst) process.stderr.write(`${line}${text}\n`);
    run.stop();
  };
  // Earlier checkpoints stay.
  const endAtOnce = (signal: StopSignal) => process.exit(exitCodeOf(signal));
  let releaseSignals: (() => void) | undefined;
  // The reader of the output has gone, such as `head`, or the terminal has. Node.js ignores SIGPIPE, so each line gives
  // an error instead; when the terminal goes, SIGHUP arrives as well.
  const onOutputError = (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") asked ??= "SIGPIPE";
    else if (error.code === "EIO") asked ??= "SIGHUP";
    // Such as a disk that is full. What was done is saved.
    else untold ??= error;
    run.stop();
  };
  process.stdout.on("error", onOutputError);
  process.stderr.on("error", onOutputError);
  let begun = false;
  let unsaved: string | undefined;
  let stopped = false;
  // The event loop is empty, but the run has not ended.
  const failUnsettled = () => {
    const error = new JobError(
      "train: the job waits for something that never comes: is there a promise, in its module or in dataset(), that nothing settles?",
    );
    reporter.fail(error);
    fail(error, stack);
    process.exit();
  };
  process.once("beforeExit", failUnsettled);
  const tellWritten = () => {
    if (json || !begun || !isFirst) return;
    for (const line of writtenLines(flags)) process.stdout.write(`${fitted(line, process.stdout)}\n`);
  };
  try {
    for await (const event of run) {
      if (event.type === "checkpoint") unsaved = event.error;
      if (event.type === "start") ofSeveral = (event.machines ?? 1) > 1;
      if ("step" in event) ({ step } = event);
      if (event.type === "end") stopped = event.stopped && event.stoppedEarly === undefined;
      reporter.show(event);
      if (begun) continue;
      begun = true;
      // Not earlier: while a job's own functions compute, the handler could not run, and the signal would be lost.
      releaseSignals = onStopSignals(stop, endAtOnce);
    }
    tellWritten();
    if (unsaved !== undefined)
      fail(new CheckpointError(`the last checkpoint was not saved: ${unsaved}`), false);
    // A launcher ends all processes when one of them fails, and the first may still write: it alone has the code. If
    // another machine was asked to stop, it was by a batch system.
    if (untold)
      fail(
        new OutputError(`train: the output cannot be written: ${untold.message}; the run was stopped`),
        false,
      );
    if (stopped && !asked && !untold && ofSeveral && isFirst)
      note("a signal to another machine has asked for that");
    const signal = asked ?? (stopped && !untold ? "SIGUSR2" : undefined);
    if (signal && isFirst) process.exitCode = exitCodeOf(signal);
  } catch (error) {
    reporter.fail(error);
    if (isToldElsewhere(error)) process.exitCode = exitCode.failure;
    else fail(error, stack, begun);
    tellWritten();
  } finally {
    releaseSignals?.();
    process.off("beforeExit", failUnsettled);
  }
}

export function addTrain(program: Command): void {
  const training = program
    .command("train")
    .description("train a job: a .ts or .js module whose default export is defineJob({ … })")
    .argument("<job>", "path of the job module");
  optionFlags(training)
    .option("--checkpoint <folder>", "save checkpoints there, and one of the last step")
    .option(
      "--checkpoint-every <n>",
      "after so many steps, epochs (2e) or seconds (60s) (default: 1e)",
      interval,
    )
    .option("--checkpoint-keep <n>", "how many of the newest are kept (default: 3)", integer)
    .option(
      "--checkpoint-best <metric>",
      "keep the best epoch's, too, by a metric, testLoss or loss",
      measure,
    );
  examples(
    common(training, "print one JSON object per event and nothing else"),
    "train job.ts --epochs 20 --set lr=0.01 --out weights.safetensors",
    "train job.ts --checkpoint runs/1 --checkpoint-best loss --resume",
    "train job.ts --watch --report run.html --log runs/1/log",
  ).action(runTraining);
}
