// The command `bench`: parses words, runs, and turns errors into one line and an exit code.
import { Command } from "commander";
import type { ZooOptions } from "./options.ts";
import { parseCount, parseCounts, parseModels, parseSeconds, parseWho, zooDefaults } from "./options.ts";
import { benchZoo } from "./zoo-bench.ts";

/** Exit codes: what was asked for does not fit; the run failed; ended by a signal (128 + its number). */
const exitCode = { misuse: 2, failure: 1, SIGINT: 130, SIGTERM: 143 } as const;

// Children are killed as the process exits, which a signal alone would not let it do.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(exitCode[signal]));

/** Options that all commands have. */
function withOutput(command: Command, rounds: number): Command {
  return command
    .option("--rounds <n>", "interleaved rounds", parseCount, rounds)
    .option("--json <file>", "write the rows to a file")
    .option("--markdown <file>", "write the tables to a file");
}

const program = new Command("bench")
  .description(
    "Trains the model zoo on shardgrad and, in interleaved rounds, on PyTorch, TensorFlow.js and jax-js.",
  )
  .configureOutput({ outputError: (text, write) => write(text.replace(/^error:/, "bench:")) })
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : exitCode.misuse));

withOutput(program, zooDefaults.rounds)
  .option("--models <names>", "which models, separated by commas", parseModels, zooDefaults.models)
  .option("--only <names>", "which contenders, separated by commas", parseWho, zooDefaults.only)
  .option("--workers <counts>", "workers of shardgrad, separated by commas", parseCounts, zooDefaults.workers)
  .option("--budget <seconds>", "for one contender on one model", parseSeconds, zooDefaults.budget)
  .action((options: ZooOptions) => benchZoo(options));

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.stack : error}\n`);
  process.exitCode = exitCode.failure;
}
