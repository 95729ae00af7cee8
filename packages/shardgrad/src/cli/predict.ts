// shardgrad predict: answers for the rows of a file, by what was trained.
import { realpath } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { checkWritable, writeRows } from "@shardgrad/data";
import type { PredictRowsOptions, Rows } from "@shardgrad/parallel";
import { JobError, predict } from "@shardgrad/parallel";
import { checkOutput, requireSurroundings } from "@shardgrad/parallel/command";
import type { Command } from "commander";
import { readInfo, readInput } from "../answers/read-input.ts";
import { tableStateOf } from "../answers/table-state.ts";
import { unseenLines } from "../answers/unseen-lines.ts";
import { integer, optionFlags } from "./option-flags.ts";
import { examples, fail, keepOutput, note, outputFlags } from "./run-command.ts";
import type { StopSignal } from "./stop-signals.ts";
import { exitCodeOf, onStopSignals } from "./stop-signals.ts";
import { fitted } from "./streams.ts";

interface PredictFlags extends PredictRowsOptions {
  weights: string;
  input: string;
  out?: string;
  json?: boolean;
  stack?: boolean;
}

/** What answers are called that have no names of their own: after the target, if the job is on a table that names it. */
function nameOfAnswers(state: unknown, [first]: readonly unknown[]): string {
  const target = tableStateOf(state)?.target;
  const isSingle = typeof first !== "object" || first === null;
  return target && isSingle ? `predicted_${target.name}` : "prediction";
}

/** Columns of answers: by the names of outputs, or one. */
function columnsOf(answers: readonly unknown[], state: unknown): Rows {
  const isNamed = (answer: unknown): answer is Record<string, unknown> =>
    typeof answer === "object" && answer !== null && !Array.isArray(answer) && !ArrayBuffer.isView(answer);
  const [first] = answers;
  if (!isNamed(first)) return { [nameOfAnswers(state, answers)]: answers };
  const columns = Object.keys(first).map((name) => [
    name,
    answers.map((answer) => (answer as Record<string, unknown>)[name]),
  ]);
  return Object.fromEntries(columns) as Rows;
}

const plainOf = (_: string, value: unknown): unknown =>
  ArrayBuffer.isView(value) ? Array.from(value as unknown as ArrayLike<number>) : value;
const textOf = (answer: unknown) =>
  typeof answer === "object" ? JSON.stringify(answer, plainOf) : String(answer);

/** Whether an answer holds a number that is NaN or infinite. */
function isOdd(answer: unknown): boolean {
  if (typeof answer === "number") return !Number.isFinite(answer);
  if (ArrayBuffer.isView(answer)) return Array.from(answer as unknown as ArrayLike<unknown>).some(isOdd);
  return typeof answer === "object" && answer !== null && Object.values(answer).some(isOdd);
}

/** A line about answers that are no numbers, which are written as they are. */
function oddLines(answers: readonly unknown[]): string[] {
  const odd = answers.filter(isOdd).length;
  if (odd === 0) return [];
  return [
    `predict: ${odd} of ${answers.length} answers hold NaN or infinity, number ${answers.findIndex(isOdd) + 1} first; shardgrad inspect shows whether the weights are finite`,
  ];
}

/** The absolute path of `--out`, checked before the work. */
async function checkAnswersFile(out: string, input: string): Promise<string> {
  const path = (await checkOutput("predict", out))!;
  checkWritable(path);
  const [there, read] = await Promise.all([path, input].map((file) => realpath(file).catch(() => undefined)));
  if (there === undefined || there !== read) return path;
  throw new JobError(`predict: --out ${out} is the input, which would be lost; name another file`);
}

/** A signal ends the process meanwhile, but not without its last acts: writeRows takes back what is half-written. */
async function writeAnswers(file: string, rows: Rows): Promise<void> {
  const end = (signal: StopSignal) => process.exit(exitCodeOf(signal));
  const release = onStopSignals(end, end);
  try {
    await writeRows(file, rows);
  } finally {
    release();
  }
}

async function runPredict(job: string, flags: PredictFlags): Promise<void> {
  const { json = false, stack = false, weights, input, out, ...options } = flags;
  const output = json ? keepOutput() : process.stdout;
  let answered = false;
  try {
    requireSurroundings("predict");
    const file = out === undefined ? undefined : await checkAnswersFile(out, input);
    const info = await readInfo("predict", weights);
    const given = await readInput("predict", info, input);
    const answers = await predict(pathToFileURL(resolve(job)), weights, given, options);
    answered = true;
    if (file !== undefined) await writeAnswers(file, columnsOf(answers, info.state));
    if (json) {
      const told = file === undefined ? { predictions: answers } : { out: file };
      output.write(`${JSON.stringify({ rows: answers.length, ...told }, plainOf)}\n`);
    } else if (file === undefined) output.write(answers.map((answer) => `${textOf(answer)}\n`).join(""));
    else output.write(`${fitted(`${answers.length} rows answered, written to ${file}`, output)}\n`);
    for (const line of [...unseenLines("predict", given, info.state), ...oddLines(answers)]) note(line);
  } catch (error) {
    fail(error, stack, answered);
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
