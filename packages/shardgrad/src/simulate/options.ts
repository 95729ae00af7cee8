// The options of simulateMachines(), and what they may be.
import { optionNames } from "@shardgrad/core/engine";
import { JobError } from "@shardgrad/parallel";
import { checkParts } from "@shardgrad/parallel/command";

/** The options of `simulateMachines`. */
export interface SimulateOptions {
  /** Numbers of machines; 1 is always among them. Default: 1, 2, 4, … 1,024, as far as the batch can be divided. */
  machines?: readonly number[];
  /** From sending a small message until it is there. Default: 50 µs. */
  latencySeconds?: number;
  /** Of the lines to predict for. Default: 1, 10 and 100 Gbit/s. */
  bitsPerSecond?: readonly number[];
  /** Also predicts a batch of the same size for every machine, which is another training. Default false. */
  weak?: boolean;
  /** Whether gradients leave while the backward pass goes on, as they do. Default true. */
  overlap?: boolean;
}

const names = optionNames<SimulateOptions>({
  machines: true,
  latencySeconds: true,
  bitsPerSecond: true,
  weak: true,
  overlap: true,
});

/** 1, 2, 4, … 1,024. */
export const defaultMachines: readonly number[] = Array.from({ length: 11 }, (_, power) => 2 ** power);

const listOf = (fits: (value: number) => boolean) => (values: unknown) =>
  Array.isArray(values) && values.length > 0 && values.every(fits);
const isFlag = (value: unknown) => typeof value === "boolean";

const expected: Record<keyof SimulateOptions, [fits: (value: unknown) => boolean, what: string]> = {
  machines: [
    listOf((value) => Number.isSafeInteger(value) && value >= 1),
    "a list of integers of at least 1, such as [1, 2, 4]",
  ],
  latencySeconds: [
    (value) => typeof value === "number" && Number.isFinite(value) && value >= 0,
    "a number of seconds, such as 50e-6",
  ],
  bitsPerSecond: [
    listOf((value) => Number.isFinite(value) && value > 0),
    "a list of positive numbers, such as [10e9]",
  ],
  weak: [isFlag, "true or false"],
  overlap: [isFlag, "true or false"],
};

/** @throws JobError if an option is unknown or out of range */
export function checkSimulateOptions(options: SimulateOptions): void {
  checkParts("simulateMachines", options, names, "option");
  for (const [name, value] of Object.entries(options)) {
    const [fits, what] = expected[name as keyof SimulateOptions];
    if (value === undefined || fits(value)) continue;
    const got = JSON.stringify(value) ?? typeof value;
    throw new JobError(`simulateMachines: ${name} is ${got}, expected ${what}`);
  }
}
