// What all commands share: how they print, fail, and end.
import { MemoryError, ShardgradError } from "@shardgrad/core";
import { JobError } from "@shardgrad/parallel";
import { oneLine } from "@shardgrad/parallel/command";
import type { Command } from "commander";
import { directly, divert, fitted } from "./streams.ts";

/** Exit codes: wrong usage; the run failed. For a run that a signal ended, see `exitCodeOf`. */
export const exitCode = { misuse: 2, failure: 1 } as const;

/** Keeps standard output for the command: a job's prints must not mix with the lines that a program reads. */
export function keepOutput(): NodeJS.WriteStream {
  const output = directly(process.stdout);
  divert(process.stdout, process.stderr.write.bind(process.stderr));
  return output;
}

/** Prints an error and sets the exit code. Errors from before the run starts count as wrong usage. */
export function fail(error: unknown, stack: boolean, begun = true): void {
  const known = error instanceof ShardgradError;
  // Only memory tables keep their lines; other line breaks come from somebody's message.
  const message = error instanceof MemoryError ? error.message : known && oneLine(error.message);
  const text =
    message && !stack
      ? fitted(`shardgrad: ${message}`, process.stderr)
      : `shardgrad: ${error instanceof Error ? describe(error) : String(error)}`;
  process.stderr.write(`${text}\n`);
  const misfit = error instanceof JobError || error instanceof MemoryError || (known && !begun);
  process.exitCode = misfit ? exitCode.misuse : exitCode.failure;
}

/** Tells a person, on standard error, what to know besides the answer. */
export function note(line: string): void {
  process.stderr.write(`${fitted(oneLine(line), process.stderr)}\n`);
}

function describe(error: Error): string {
  return error.cause instanceof Error
    ? `${error.stack}\ncaused by: ${error.cause.stack}`
    : (error.stack ?? error.message);
}

/** Ends a command's help with what one types. */
export const examples = (command: Command, ...lines: readonly string[]): Command =>
  command.addHelpText(
    "after",
    `\n${lines.length > 1 ? "Examples" : "Example"}:\n${lines.map((line) => `  npx shardgrad ${line}`).join("\n")}`,
  );

const listed = (text: string, before: string[] = []): string[] => [...before, text];

/** What all commands have. */
export const outputFlags = (command: Command, json: string) =>
  command.option("--json", json).option("--stack", "print stack traces of errors");

/** What all commands that run a job have besides the options of what they call. */
export const common = (command: Command, json: string) =>
  outputFlags(
    command.option(
      "--set <name=value>",
      "another value of one of the job's params; may be given several times",
      listed,
    ),
    json,
  );
