// What this package adds to the options of a run: ways to watch it. One table, as that of the others: the checks and the
// command's flags follow from it.
import type { TrainOptions as RunOptions } from "@shardgrad/parallel";
import type { OptionRow } from "@shardgrad/parallel/command";
import { trainOptions as runOptions } from "@shardgrad/parallel/command";

export interface WatchOptions {
  /**
   * A folder for the numbers of every step and epoch: metrics.csv, metrics.jsonl, and a TensorBoard event file. A resumed
   * run continues them.
   */
  log?: string;
  /** An HTML file for a page about the run, written when it ends, also if it fails or is stopped. */
  report?: string;
  /** The same page while the run goes on, on this machine only: true for a free port, or a port. */
  watch?: boolean | number;
  /** A file for a trace of the workers' first steps, phase by phase, for https://ui.perfetto.dev. */
  trace?: string;
}

/** The options of `train`. */
export interface TrainOptions extends RunOptions, WatchOptions {}

const path = (expected: string): OptionRow["values"] => ({
  expected,
  fits: (value) => typeof value === "string" && value !== "",
  flagGives: "text",
});

/** The options that watch a run. */
export const watchOptions: Readonly<Record<keyof WatchOptions, OptionRow>> = {
  log: {
    values: path("the path of a folder"),
    help: "write the numbers of each step and epoch there: CSV, JSON Lines, TensorBoard",
    placeholder: "<folder>",
  },
  report: {
    values: path("the path of a file"),
    help: "write a page about the run there when it ends: curves, times, memory, settings",
    placeholder: "<file.html>",
  },
  watch: {
    values: {
      expected: "true, or a port from 1 to 65535",
      fits: (value) =>
        typeof value === "boolean" ||
        (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 65535),
      flagGives: "yes or integer",
    },
    help: "show that page while the run goes on, on this machine only",
    placeholder: "[port]",
  },
  trace: {
    values: path("the path of a file"),
    help: "write the workers' first steps there, phase by phase, for ui.perfetto.dev",
    placeholder: "<file.json>",
  },
};

/** All options of `train`. */
export const trainOptions: Readonly<Record<keyof TrainOptions, OptionRow>> = {
  ...runOptions,
  ...watchOptions,
};
