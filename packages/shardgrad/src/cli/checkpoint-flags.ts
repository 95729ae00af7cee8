// Turns the command's checkpoint flags into the run's options.

import type { BestOption, CheckpointOptions } from "@shardgrad/parallel";
import { InvalidArgumentError } from "commander";

export interface CheckpointFlags {
  checkpoint?: string | undefined;
  checkpointEvery?: Partial<CheckpointOptions> | undefined;
  checkpointKeep?: number | undefined;
  checkpointBest?: BestOption | undefined;
  resume?: boolean | "must";
}

const units = { "": "everySteps", e: "everyEpochs", s: "everySeconds" } as const;

/** "500" means steps, "2e" epochs, "60s" seconds. */
export function interval(text: string): Partial<CheckpointOptions> {
  const [, number, unit] = /^(\d+)([es]?)$/.exec(text) ?? [];
  if (number === undefined) {
    throw new InvalidArgumentError('Expected a number of steps, of epochs ("2e"), or of seconds ("60s").');
  }
  return { [units[unit as keyof typeof units]]: Number(number) };
}

/** "mae" keeps the checkpoint with the best mae; "mae:min" also says that lower is better. */
export function measure(text: string): BestOption {
  const [, metric, direction] = /^(.+?)(?::(min|max))?$/.exec(text) ?? [];
  if (metric === undefined) throw new InvalidArgumentError('Expected "loss", or the name of a metric.');
  return { metric, ...(direction && { direction: direction as "min" | "max" }) };
}

/** The error message if a flag needs another one that is missing. */
export function misfitOf(flags: CheckpointFlags): string | undefined {
  const { checkpoint, checkpointEvery, checkpointKeep, checkpointBest, resume } = flags;
  const without = Object.entries({
    "--checkpoint-every": checkpointEvery,
    "--checkpoint-keep": checkpointKeep,
    "--checkpoint-best": checkpointBest,
    "--resume": resume,
  }).find(([, value]) => value !== undefined);
  return checkpoint === undefined && without ? `${without[0]} needs --checkpoint <folder>` : undefined;
}

/** The checkpoint option that the flags ask for. */
export function checkpointOptions(flags: CheckpointFlags): { checkpoint?: CheckpointOptions } {
  const { checkpoint: directory, checkpointEvery: every, checkpointKeep: keep, checkpointBest: best } = flags;
  if (directory === undefined) return {};
  return { checkpoint: { directory, ...every, ...(keep !== undefined && { keep }), ...(best && { best }) } };
}
