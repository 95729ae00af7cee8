// The `shardgrad` command. Each subcommand is a file of its own.
import { createRequire } from "node:module";
import { nearestName } from "@shardgrad/core/engine";
import { machinesOf } from "@shardgrad/parallel/command";
import { Command } from "commander";
import { addDoctor } from "./doctor.ts";
import { addEvaluate } from "./evaluate.ts";
import { addGraph } from "./graph.ts";
import { addInit } from "./init.ts";
import { addInspect } from "./inspect.ts";
import { portsAfterJobs } from "./option-flags.ts";
import { addPredict } from "./predict.ts";
import { addProfile } from "./profile.ts";
import { examples, exitCode } from "./run-command.ts";
import { addScale } from "./scale.ts";
import { fitted, letProcessEnd } from "./streams.ts";
import { addTrain } from "./train.ts";
import { leaveOutWarnings } from "./warnings.ts";
import { addWhy } from "./why.ts";

const { version } = createRequire(import.meta.url)("../package.json") as { version: string };

/** Adds what to write to an error of commander. */
function withAdvice(text: string): string {
  const line = text
    .replace(/^error:/, "shardgrad:")
    .replace(/\n\(Did you mean (.*)\?\)/, "; did you mean $1?");
  return /unknown option '[^']*'\n$/.test(line) ? line.replace(/\n$/, "; --help lists them\n") : line;
}

/** Whether the command has done what it was asked for. */
let isDone = false;
// A job's functions run in this process. Nobody may take their process.exit() for success.
process.once("exit", (code) => {
  if (isDone || code !== 0) return;
  process.stderr.write(
    "shardgrad: the job ended the process before the command was done: remove its process.exit()\n",
  );
  process.exitCode = exitCode.failure;
});

const program = new Command("shardgrad")
  .description("Neural-network training on every core of a machine.")
  .version(version)
  .configureOutput({ outputError: (text, write) => write(fitted(withAdvice(text), process.stderr)) })
  .helpCommand(false)
  .exitOverride((error) => {
    isDone = true;
    process.exit(error.exitCode === 0 ? 0 : exitCode.misuse);
  });

addTrain(program);
addPredict(program);
addEvaluate(program);
addInspect(program);
addProfile(program);
addWhy(program);
addScale(program);
addGraph(program);
addDoctor(program);
addInit(program);

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

examples(
  program,
  "init houses --csv houses.csv --target price",
  "train houses/job.ts --out w.safetensors",
  "help train",
);
program.hook("preAction", (_, command) => {
  const launched = machinesOf(process.env);
  if (launched === undefined || ["train", "help"].includes(command.name())) return;
  program.error(
    `error: ${command.name()}: mpirun or srun started ${launched.machines} processes of it, which do not share the work: run it without a launcher`,
  );
});
leaveOutWarnings();
await program.parseAsync(portsAfterJobs(process.argv.slice(2)), { from: "user" });
isDone = true;
await letProcessEnd();
