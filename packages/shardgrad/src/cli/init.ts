// shardgrad init: a job to begin with, from a template or from a table.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, relative, resolve, sep } from "node:path";
import { JobError } from "@shardgrad/parallel";
import type { Command } from "commander";
import { Option } from "commander";
import { csvJob, factsOf } from "../init/csv-job.ts";
import { writeProject } from "../init/write-project.ts";
import { examples, fail, outputFlags } from "./run-command.ts";

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

async function jobText(folder: string, { csv, target, template }: InitFlags): Promise<string> {
  if (csv === undefined) {
    if (target !== undefined)
      throw new JobError("init: --target needs --csv FILE, the table that has this column");
    return await readFile(new URL(`../templates/${template ?? "mlp"}.ts`, import.meta.url), "utf8");
  }
  if (template !== undefined)
    throw new JobError("init: --csv and --template are two ways to begin; choose one");
  if (target === undefined) throw new JobError("init: --csv needs --target NAME, the column to predict");
  if (!existsSync(csv)) throw new JobError(`init: there is no file ${csv}`);
  return csvJob(await factsOf(csv, target), urlFrom(folder, csv));
}

/** As one types it from here. */
const shown = (path: string) => {
  const short = relative(process.cwd(), path) || ".";
  return /^[\w./@-]+$/.test(short) ? short : `'${short.replaceAll("'", "'\\''")}'`;
};

async function runInit(version: string, given: string | undefined, flags: InitFlags): Promise<void> {
  try {
    const folder = resolve(given ?? ".");
    const { job, files, installed } = await writeProject(folder, await jobText(folder, flags), version);
    const inFolder = folder === process.cwd() ? "" : `cd ${shown(folder)} && `;
    const next = installed ? [] : [`${inFolder}npm install`];
    const out = shown(`${dirname(job)}${sep}model.safetensors`);
    next.push(`npx shardgrad train ${shown(job)} --out ${out}`);
    if (flags.json) process.stdout.write(`${JSON.stringify({ job, files, next })}\n`);
    else {
      const lines = [
        ...files.map((path) => `wrote ${shown(path)}`),
        "",
        "next:",
        ...next.map((line) => `  ${line}`),
      ];
      process.stdout.write(`${lines.join("\n")}\n`);
    }
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
