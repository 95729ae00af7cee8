// shardgrad evaluate: the metrics of saved weights.
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { EvaluateOptions, EvaluationResult } from "@shardgrad/parallel";
import { evaluate } from "@shardgrad/parallel";
import { requireSurroundings } from "@shardgrad/parallel/command";
import type { Command } from "commander";
import { readInfo, readInput } from "../answers/read-input.ts";
import { unseenLines } from "../answers/unseen-lines.ts";
import { matrixLines } from "./matrix-lines.ts";
import { optionFlags } from "./option-flags.ts";
import { examples, fail, keepOutput, note, outputFlags } from "./run-command.ts";
import { fitted } from "./streams.ts";

interface EvaluateFlags extends Omit<EvaluateOptions, "input"> {
  weights: string;
  input?: string;
  json?: boolean;
  stack?: boolean;
}

const whichSamples = { test: "to test", validation: "held out", input: "given" } as const;

function linesOf({ samples, evaluates, metrics }: EvaluationResult, output: NodeJS.WriteStream): string {
  const { testLoss, ...others } = metrics;
  const numbers = Object.entries({ ...(testLoss !== undefined && { loss: testLoss }), ...others }).flatMap(
    ([name, value]) => (typeof value === "number" ? `${name} ${value.toFixed(4)}` : []),
  );
  const lines = [
    fitted(`${samples} samples ${whichSamples[evaluates]}:  ${numbers.join(", ")}`, output),
    ...matrixLines(metrics, evaluates === "validation" ? "validation" : "test"),
  ];
  return `${lines.join("\n")}\n`;
}

/** What is to be evaluated, if it is a file, and what a person should know of it. */
async function inputOf(weights: string, file: string | undefined) {
  if (file === undefined) return { given: {}, notes: [] };
  const info = await readInfo("evaluate", weights);
  const input = await readInput("evaluate", info, file);
  return { given: { input }, notes: unseenLines("evaluate", input, info.state) };
}

async function runEvaluate(job: string, flags: EvaluateFlags): Promise<void> {
  const { json = false, stack = false, weights, input, ...options } = flags;
  const output = json ? keepOutput() : process.stdout;
  try {
    requireSurroundings("evaluate");
    const { given, notes } = await inputOf(weights, input);
    const found = await evaluate(pathToFileURL(resolve(job)), weights, { ...options, ...given });
    for (const line of notes) note(line);
    output.write(json ? `${JSON.stringify(found)}\n` : linesOf(found, output));
  } catch (error) {
    fail(error, stack, false);
  }
}

export function addEvaluate(program: Command): void {
  const evaluating = program
    .command("evaluate")
    .description("the metrics of saved weights, over the job's test samples or those of a file")
    .argument("<job>", "path of the job module")
    .requiredOption(
      "--weights <file>",
      "the file that --out wrote, or a checkpoint, or the folder of checkpoints",
    )
    .option("--input <file>", "rows with what is to be predicted (default: those that the job evaluates)");
  optionFlags(evaluating, ["kernels"]);
  examples(
    outputFlags(evaluating, "print one JSON object and nothing else"),
    "evaluate houses.ts --weights houses.safetensors",
    "evaluate houses.ts --weights runs/1 --input sold-houses.csv",
  ).action(runEvaluate);
}
