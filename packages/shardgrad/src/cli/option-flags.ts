// Makes the command's flags from the table of options. A flag has the name of its option.

import type { OptionRow } from "@shardgrad/parallel/command";
import type { Command } from "commander";
import { InvalidArgumentError, Option } from "commander";
import { trainOptions } from "../watch-options.ts";

type OptionName = keyof typeof trainOptions;

export function integer(text: string): number {
  if (!/^-?\d+(e\d+)?$/i.test(text)) throw new InvalidArgumentError("Expected an integer.");
  return Number(text);
}

/** `1,2,4` */
export function counts(text: string): number[] {
  const numbers = text.split(",").map((word) => Number(word.trim() || Number.NaN));
  if (numbers.every((each) => Number.isSafeInteger(each) && each >= 1)) return numbers;
  throw new InvalidArgumentError("Expected integers of at least 1, separated by commas, such as 1,2,4.");
}

function number(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || Number.isNaN(value)) throw new InvalidArgumentError("Expected a number.");
  return value;
}

/** `batchSize` is `--batch-size <n>`. */
function flagOf(name: string, { values, help, placeholder = "<n>" }: OptionRow): Option {
  const { flagGives } = values;
  const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  if (flagGives === "yes") return new Option(`--${flag}`, help);
  if (flagGives === "no") return new Option(`--no-${flag}`, help);
  const option = new Option(`--${flag} ${placeholder}`, help);
  if (flagGives === "integer" || flagGives === "yes or integer") return option.argParser(integer);
  if (flagGives === "number") return option.argParser(number);
  return typeof flagGives === "object" ? option.choices(flagGives) : option;
}

/** The flags that may have a number after them, or none: `--watch`, `--watch 8080`. */
const withOwnNumber = Object.entries(trainOptions).flatMap(([name, { values, help }]) =>
  help !== undefined && values.flagGives === "yes or integer" ? [`--${name}`] : [],
);

/** In `--watch job.ts` the job is not the port: puts such a flag behind what follows it, before commander takes it. */
export function portsAfterJobs(args: readonly string[]): string[] {
  const sorted = [...args];
  for (let i = 0; i + 1 < sorted.length && sorted[i] !== "--"; i++) {
    const [flag, next] = [sorted[i]!, sorted[i + 1]!];
    if (!withOwnNumber.includes(flag) || next.startsWith("-")) continue;
    if (/^\d/.test(next) && !/\.[cm]?[jt]s$/.test(next)) continue;
    [sorted[i], sorted[i + 1]] = [next, flag];
    i++;
  }
  return sorted;
}

/** Adds the flags of these options to a command; by default, of all options. */
export function optionFlags(command: Command, names = Object.keys(trainOptions) as OptionName[]): Command {
  for (const name of names) {
    const row = trainOptions[name];
    if (row.help !== undefined) command.addOption(flagOf(name, row));
  }
  return command;
}
