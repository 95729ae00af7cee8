// The `shardgrad` command. Parses arguments, runs, reports, and turns errors into one line and an exit code.
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { MemoryError, ShardgradError } from "@shardgrad/core";
import { nearestName } from "@shardgrad/core/engine";
import { Command } from "commander";
import { oneLine } from "../errors.ts";
import type { ProfileJobOptions, TrainOptions } from "../index.ts";
import { CheckpointError, JobError, profileJob, train } from "../index.ts";
import { requireSurroundings } from "../surroundings.ts";
import type { CheckpointFlags } from "./checkpoint-flags.ts";
import { checkpointOptions, interval, measure, misfitOf } from "./checkpoint-flags.ts";
import { integer, optionFlags } from "./option-flags.ts";
import { describeProfile } from "./profile-report.ts";
import { JsonReporter, LineReporter } from "./report.ts";
import type { StopSignal } from "./stop-signals.ts";
import { exitCodeOf, onStopSignals } from "./stop-signals.ts";
import { directly, divert, letProcessEnd } from "./streams.ts";
import { leaveOutWarnings } from "./warnings.ts";

const { version } = createRequire(import.meta.url)("../package.json") as { version: string };

/** Exit codes: wrong usage; the run failed. For a run that a signal ended, see `exitCodeOf`. */
const exitCode = { misuse: 2, failure: 1 } as const;

/** Keeps standard output for the command: a job's prints must not mix with the lines that a program reads. */
function keepOutput(): NodeJS.WriteStream {
  const output = directly(process.stdout);
  divert(process.stdout, process.stderr.write.bind(process.stderr));
  return output;
}

const listed = (text: string, before: string[] = []): string[] => [...before, text];

interface TrainFlags extends Omit<TrainOptions, "checkpoint" | "params">, CheckpointFlags {
  set?: string[];
  json?: boolean;
  stack?: boolean;
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
  const reporter = json ? new JsonReporter(keepOutput()) : new LineReporter(process.stdout);
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
  const stop = (signal: StopSignal) => {
    asked ??= signal;
    // Moves below the terminal's own ^C.
    const line = process.stderr.isTTY && !process.stdout.isTTY ? "\n" : "";
    if (!json) process.stderr.write(`${line}finishing the step; once more to end at once\n`);
    run.stop();
  };
  // Earlier checkpoints stay.
  const endAtOnce = (signal: StopSignal) => process.exit(exitCodeOf(signal));
  let releaseSignals: (() => void) | undefined;
  // The reader of the output has gone, such as `head`, or the terminal has. Node.js ignores SIGPIPE, so each line gives
  // an error instead; when the terminal goes, SIGHUP arrives as well.
  const onOutputError = (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE" && error.code !== "EIO") throw error;
    asked ??= error.code === "EPIPE" ? "SIGPIPE" : "SIGHUP";
    run.stop();
  };
  process.stdout.on("error", onOutputError);
  process.stderr.on("error", onOutputError);
  let begun = false;
  let unsaved: string | undefined;
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
  try {
    for await (const event of run) {
      if (event.type === "checkpoint") unsaved = event.error;
      reporter.show(event);
      if (begun) continue;
      begun = true;
      // Not earlier: while a job's own functions compute, the handler could not run, and the signal would be lost.
      releaseSignals = onStopSignals(stop, endAtOnce);
    }
    if (unsaved !== undefined)
      fail(new CheckpointError(`the last checkpoint was not saved: ${unsaved}`), false);
    if (asked) process.exitCode = exitCodeOf(asked);
  } catch (error) {
    reporter.fail(error);
    fail(error, stack, begun);
  } finally {
    releaseSignals?.();
    process.off("beforeExit", failUnsettled);
  }
}

/** Prints an error and sets the exit code. Errors from before the run starts count as wrong usage. */
function fail(error: unknown, stack: boolean, begun = true): void {
  const known = error instanceof ShardgradError;
  // Only memory tables keep their lines; other line breaks come from somebody's message.
  const message = error instanceof MemoryError ? error.message : known && oneLine(error.message);
  const text = message && !stack ? message : error instanceof Error ? describe(error) : String(error);
  process.stderr.write(`shardgrad: ${text}\n`);
  const misfit = error instanceof JobError || error instanceof MemoryError || (known && !begun);
  process.exitCode = misfit ? exitCode.misuse : exitCode.failure;
}

function describe(error: Error): string {
  return error.cause instanceof Error
    ? `${error.stack}\ncaused by: ${error.cause.stack}`
    : (error.stack ?? error.message);
}

interface ProfileFlags extends Omit<ProfileJobOptions, "params"> {
  set?: string[];
  json?: boolean;
  stack?: boolean;
}

async function runProfile(job: string, flags: ProfileFlags): Promise<void> {
  const { json = false, stack = false, set: params = [], ...options } = flags;
  const output = json ? keepOutput() : process.stdout;
  try {
    requireSurroundings("profile");
    const { profile, ...found } = await profileJob(pathToFileURL(resolve(job)), { ...options, params });
    output.write(
      json
        ? `${JSON.stringify({ ...found, ms: profile.ms, rows: profile.rows })}\n`
        : describeProfile(found, profile),
    );
  } catch (error) {
    fail(error, stack);
  }
}

/** Adds what to write to an error of commander. */
function withAdvice(text: string): string {
  const line = text
    .replace(/^error:/, "shardgrad:")
    .replace(/\n\(Did you mean (.*)\?\)/, "; did you mean $1?");
  return /unknown option '[^']*'\n$/.test(line) ? line.replace(/\n$/, "; --help lists them\n") : line;
}

const program = new Command("shardgrad")
  .description("Neural-network training on every core of a machine.")
  .version(version)
  .configureOutput({ outputError: (text, write) => write(withAdvice(text)) })
  .helpCommand(false)
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : exitCode.misuse));

/** What both commands have besides the options of what they call. */
const common = (command: Command, json: string) =>
  command
    .option(
      "--set <name=value>",
      "another value of one of the job's params; may be given several times",
      listed,
    )
    .option("--json", json)
    .option("--stack", "print stack traces of errors");

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
  .option("--checkpoint-best <metric>", "keep the best epoch's, too, by a metric or by loss", measure);
common(training, "print one JSON object per event and nothing else").action(runTraining);

const profiling = program
  .command("profile")
  .description("show where the time of one worker's step goes, kernel by kernel")
  .argument("<job>", "path of the job module");
optionFlags(profiling, ["workers", "shards", "batchSize", "seed", "kernels"]).option(
  "--rounds <n>",
  "steps to measure (default: 20)",
  integer,
);
common(profiling, "print one JSON object and nothing else").action(runProfile);

program
  .command("help")
  .description("display help for a command")
  .argument("[command]")
  .action((name?: string) => {
    const names = program.commands.map((command) => command.name());
    const command = name === undefined ? program : program.commands[names.indexOf(name)];
    if (command) command.help();
    const near = nearestName(name!, names);
    program.error(
      `error: unknown command '${name}'; ${near ? `did you mean ${near}?` : `there are ${names.join(", ")}`}`,
    );
  });

leaveOutWarnings();
await program.parseAsync();
await letProcessEnd();
