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

/** Adds the flags of these options to a command; by default, of all options. */
export function optionFlags(command: Command, names = Object.keys(trainOptions) as OptionName[]): Command {
  for (const name of names) {
    const row = trainOptions[name];
    if (row.help !== undefined) command.addOption(flagOf(name, row));
  }
  return command;
}
