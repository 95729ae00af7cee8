// shardgrad predict: answers for the rows of a file, by what was trained.
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { checkWritable, writeRows } from "@shardgrad/data";
import type { PredictRowsOptions, Rows } from "@shardgrad/parallel";
import { predict } from "@shardgrad/parallel";
import { requireSurroundings } from "@shardgrad/parallel/command";
import type { Command } from "commander";
import { readInput } from "../answers/read-input.ts";
import { integer, optionFlags } from "./option-flags.ts";
import { examples, fail, keepOutput, outputFlags } from "./run-command.ts";

interface PredictFlags extends PredictRowsOptions {
  weights: string;
  input: string;
  out?: string;
  json?: boolean;
  stack?: boolean;
}

/** Columns of answers: by the names of outputs, or one. */
function columnsOf(answers: readonly unknown[]): Rows {
  const isNamed = (answer: unknown): answer is Record<string, unknown> =>
    typeof answer === "object" && answer !== null && !Array.isArray(answer) && !ArrayBuffer.isView(answer);
  const [first] = answers;
  if (!isNamed(first)) return { prediction: answers };
  const columns = Object.keys(first).map((name) => [
    name,
    answers.map((answer) => (answer as Record<string, unknown>)[name]),
  ]);
  return Object.fromEntries(columns) as Rows;
}

const plainOf = (_: string, value: unknown): unknown =>
  ArrayBuffer.isView(value) ? Array.from(value as unknown as ArrayLike<number>) : value;
const textOf = (answer: unknown) => (typeof answer === "string" ? answer : JSON.stringify(answer, plainOf));

async function runPredict(job: string, flags: PredictFlags): Promise<void> {
  const { json = false, stack = false, weights, input, out, ...options } = flags;
  const output = json ? keepOutput() : process.stdout;
  try {
    requireSurroundings("predict");
    if (out !== undefined) checkWritable(out);
    const given = await readInput("predict", weights, input);
    const answers = await predict(pathToFileURL(resolve(job)), weights, given, options);
    if (out !== undefined) await writeRows(out, columnsOf(answers));
    if (json) {
      const told = out === undefined ? { predictions: answers } : { out: resolve(out) };
      output.write(`${JSON.stringify({ rows: answers.length, ...told }, plainOf)}\n`);
    } else if (out === undefined) output.write(answers.map((answer) => `${textOf(answer)}\n`).join(""));
    else output.write(`${answers.length} rows answered, written to ${resolve(out)}\n`);
  } catch (error) {
    fail(error, stack);
  }
}

export function addPredict(program: Command): void {
  const predicting = program
    .command("predict")
    .description("answer for the rows of a file, by the weights of a run")
    .argument("<job>", "path of the job module")
    .requiredOption(
      "--weights <file>",
      "the file that --out wrote, or a checkpoint, or the folder of checkpoints",
    )
    .requiredOption("--input <file>", "the rows: .csv, .tsv, .jsonl, .parquet, .npy or .npz")
    .option("--out <file>", "write the answers there: .csv, .jsonl or .npy (default: print them)");
  optionFlags(predicting, ["workers", "kernels"]).option(
    "--batch <n>",
    "rows in one pass through the model (default: 256)",
    integer,
  );
  examples(
    outputFlags(predicting, "print one JSON object and nothing else"),
    "predict houses.ts --weights w.safetensors --input new.csv",
    "predict houses.ts --weights runs/1 --input new.csv --out y.csv",
  ).action(runPredict);
}
