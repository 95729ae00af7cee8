// The command `bench`: parses arguments, runs, and turns errors into one line and an exit code.
import { Command, Option } from "commander";
import { benchKernels } from "./kernels/kernel-bench.ts";
import { parseCount, parseCounts, parseModels, parseSeconds, parseWho, zooDefaults } from "./options.ts";
import { benchScaling } from "./scaling/scaling-bench.ts";
import { zooModel } from "./zoo.ts";
import { benchZoo } from "./zoo-bench.ts";

/** Exit codes: wrong usage; the run failed; ended by a signal (128 + its number). */
const exitCode = { misuse: 2, failure: 1, SIGINT: 130, SIGTERM: 143 } as const;

// Exit explicitly on a signal: children are killed in the exit handler, which a bare signal would skip.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(exitCode[signal]));

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

const chosen = ["mlp-small", "mlp-large", "char-gpt"].map(zooModel);
command("scaling", "what more workers bring, and where the time goes that they lose")
  .addOption(
    new Option("--models <names>", "which models, separated by commas")
      .argParser(parseModels)
      .default(chosen, chosen.map(({ name }) => name).join(",")),
  )
  .option("--workers <counts>", "numbers of workers, separated by commas", parseCounts, workers)
  .addOption(
    new Option("--kernels <name>", "what computes; the best there is if absent").choices([
      "blas",
      "wasm",
      "wasm-plain",
    ]),
  )
  .action(benchScaling);

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.stack : error}\n`);
  process.exitCode = exitCode.failure;
}
