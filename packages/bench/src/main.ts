// The command `bench`: parses arguments, runs, and turns errors into one line and an exit code.
import { Command, Option } from "commander";
import { benchKernels } from "./kernels/kernel-bench.ts";
import { benchMachines } from "./machines/machines-bench.ts";
import { SurroundingsError } from "./machines/namespaces.ts";
import {
  parseCount,
  parseCounts,
  parseDelay,
  parseMachines,
  parseModels,
  parseRate,
  parseSeconds,
  parseWho,
  zooDefaults,
} from "./options.ts";
import { benchScaling } from "./scaling/scaling-bench.ts";
import { zooModel } from "./zoo.ts";
import { benchZoo } from "./zoo-bench.ts";

/** Exit codes: wrong usage; the run failed; ended by a signal (128 + its number). */
const exitCode = { misuse: 2, failure: 1, SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

// Exit explicitly on a signal: children are killed in the exit handler, which a bare signal would skip.
for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"] as const)
  process.on(signal, () => process.exit(exitCode[signal]));

const program = new Command("bench")
  .description("Measures shardgrad, beside what else one would train with.")
  .configureOutput({ outputError: (text, write) => write(text.replace(/^error:/, "bench:")) })
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : exitCode.misuse))
  .addHelpText("after", () => `\nWithout a command:\n\n${zoo.helpInformation()}`);

/** A command with the shared options. */
function command(name: string, description: string, options?: { isDefault: boolean }): Command {
  return program
    .command(name, options)
    .description(description)
    .option("--rounds <n>", "interleaved rounds", parseCount, zooDefaults.rounds)
    .option("--json <file>", "write the rows to a file")
    .option("--markdown <file>", "write the tables to a file");
}

/** An option with comma-separated values. */
function listOption<T>(flags: string, description: string, parse: (text: string) => T, all: T): Option {
  return new Option(flags, description).argParser(parse).default(all, "all");
}

const { models, only, workers, budget } = zooDefaults;

const zoo = command("zoo", "trains the models of the zoo on every contender, in interleaved rounds", {
  isDefault: true,
})
  .addOption(listOption("--models <names>", "which models, separated by commas", parseModels, models))
  .addOption(listOption("--only <names>", "which contenders, separated by commas", parseWho, only))
  .option("--workers <counts>", "workers of shardgrad, separated by commas", parseCounts, workers)
  .option("--budget <seconds>", "for the turns of one contender on one model", parseSeconds, budget)
  .action(benchZoo);

command("kernels", "kernels by themselves: products, convolutions, memory, the barrier, a native call")
  .option("--only <text>", "cases whose name or size contains it, such as gemm or gelu", "")
  .option("--threads <n>", "threads that measure the same at once", parseCount, 1)
  .action(benchKernels);

/** Some of the models, unless it says which. */
function modelsOption(...names: string[]): Option {
  return new Option("--models <names>", "which models, separated by commas")
    .argParser(parseModels)
    .default(names.map(zooModel), names.join(","));
}

command("scaling", "what more workers bring, and where the time goes that they lose")
  .addOption(modelsOption("mlp-small", "mlp-large", "char-gpt"))
  .option("--workers <counts>", "numbers of workers, separated by commas", parseCounts, workers)
  .addOption(
    new Option("--kernels <name>", "what computes; the best there is if absent").choices([
      "blas",
      "wasm",
      "wasm-plain",
    ]),
  )
  .action(benchScaling);

command("machines", "several machines, made of this one by root, beside PyTorch over gloo on the same")
  .addOption(modelsOption("mlp-large", "char-gpt", "gpt-256"))
  .option("--machines <n>", "how many, each with one worker", parseMachines, 2)
  .option("--rate <rate>", "of each link, such as 1gbit; unlimited if absent", parseRate)
  .addOption(
    new Option("--delay <time>", "of each link, one way, such as 5ms")
      .argParser(parseDelay)
      .default(0, "none"),
  )
  .option("--seconds <s>", "of measured steps in a turn", parseSeconds, 5)
  .option("--command <path>", "another checkout's packages/shardgrad/bin/shardgrad.js, to compare with")
  .action(benchMachines);

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof SurroundingsError) program.error(`bench: ${error.message}`);
  process.stderr.write(`bench: ${error instanceof Error ? error.stack : error}\n`);
  process.exitCode = exitCode.failure;
}
