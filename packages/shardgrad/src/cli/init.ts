// shardgrad init: a job to begin with, from a template or from a table.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";
import type { TableDescription } from "@shardgrad/data";
import { JobError } from "@shardgrad/parallel";
import type { Command } from "commander";
import { Option } from "commander";
import { csvJob, factsOf } from "../init/csv-job.ts";
import { writeProject } from "../init/write-project.ts";
import { examples, fail, keepOutput, outputFlags } from "./run-command.ts";
import { fitted } from "./streams.ts";

const templates = ["mlp", "images", "char-gpt"] as const;

interface InitFlags {
  csv?: string;
  target?: string;
  template?: (typeof templates)[number];
  json?: boolean;
  stack?: boolean;
}

/** A relative URL of the file, as it stands in the job. */
function urlFrom(folder: string, file: string): string {
  const path = relative(folder, resolve(file)).split(sep).map(encodeURIComponent).join("/");
  return path.startsWith("..") ? path : `./${path}`;
}

/** The text of the job, what the table is that it is for, and which rows are left out. */
async function jobOf(
  folder: string,
  { csv, target, template }: InitFlags,
): Promise<{ text: string; table?: TableDescription; left?: string }> {
  if (csv === undefined) {
    if (target !== undefined)
      throw new JobError("init: --target needs --csv FILE, the table that has this column");
    const url = new URL(`../templates/${template ?? "mlp"}.ts`, import.meta.url);
    return { text: await readFile(url, "utf8") };
  }
  if (template !== undefined)
    throw new JobError("init: --csv and --template are two ways to begin; choose one");
  if (target === undefined) throw new JobError("init: --csv needs --target NAME, the column to predict");
  if (!existsSync(csv)) throw new JobError(`init: there is no file ${csv}`);
  const facts = await factsOf(csv, target);
  const { description, withoutTarget } = facts;
  const left = withoutTarget === 0 ? undefined : `rows left out, as they have no ${target}: ${withoutTarget}`;
  return { text: csvJob(facts, urlFrom(folder, csv)), table: description, ...(left && { left }) };
}

/** As one types it there. */
const shown = (path: string, from = process.cwd()) => {
  const short = relative(from, path) || ".";
  return /^[\w./@-]+$/.test(short) ? short : `'${short.replaceAll("'", "'\\''")}'`;
};

/** What to type next, and later: in the folder, if it needs an install first. */
function nextOf(folder: string, job: string, installs: boolean): { train: string; predict: string } {
  const from = installs ? folder : process.cwd();
  const weights = shown(join(dirname(job), "model.safetensors"), from);
  const enter = installs && folder !== process.cwd() ? `cd ${shown(folder)} && ` : "";
  const train = `npx shardgrad train ${shown(job, from)} --out ${weights}`;
  return {
    train: installs ? `${enter}npm install && ${train}` : train,
    predict: `npx shardgrad predict ${shown(job, from)} --weights ${weights} --input new-rows.csv`,
  };
}

async function runInit(version: string, given: string | undefined, flags: InitFlags): Promise<void> {
  const output = flags.json ? keepOutput() : process.stdout;
  try {
    const folder = resolve(given ?? ".");
    const { text, table, left } = await jobOf(folder, flags);
    const { job, files, needs } = await writeProject(folder, text, version);
    const { train, predict } = nextOf(folder, job, needs !== undefined);
    if (flags.json) {
      output.write(`${JSON.stringify({ job, files, next: [train], ...(table && { table }) })}\n`);
      return;
    }
    const isLinked = needs?.startsWith("file:") && files.includes(join(folder, "package.json"));
    const lines = [
      ...(table ? [String(table), ...(left ? [left] : []), ""] : []),
      ...files.map((path) => `wrote ${shown(path)}`),
      ...(isLinked ? ["", `package.json takes shardgrad from the clone that ran this: ${needs}`] : []),
      "",
      "next:",
      `  ${train}`,
      ...(table ? ["then, for rows to come:", `  ${predict}`] : []),
    ];
    // Commands stay whole, to be copied.
    const shownLines = lines.map((line) => (line.startsWith("  ") ? line : fitted(line, output)));
    output.write(`${shownLines.join("\n")}\n`);
  } catch (error) {
    fail(error, flags.stack ?? false, false);
  }
}

export function addInit(program: Command): void {
  const init = program
    .command("init")
    .description("write a job that runs at once, from a template or from a table")
    .argument("[folder]", "where (default: here)")
    .option("--csv <file>", "a table to learn from: CSV, TSV, Parquet, JSON Lines")
    .option("--target <name>", "the column of the table to predict")
    .addOption(new Option("--template <name>", "what to begin with (default: mlp)").choices([...templates]));
  examples(
    outputFlags(init, "print one JSON object and nothing else"),
    "init digits --template images",
    "init houses --csv houses.csv --target price",
  ).action((folder: string | undefined, flags: InitFlags) => runInit(program.version()!, folder, flags));
}
