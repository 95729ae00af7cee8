// shardgrad why: why backpropagation, measured on this machine.
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { JobError } from "@shardgrad/parallel";
import { usableCores } from "@shardgrad/parallel/engine";
import type { Command } from "commander";
import { graphDrawer } from "../why/draw-graph.ts";
import { measureAll } from "../why/measure.ts";
import { whyPage } from "../why/page.ts";
import { sectionsOf } from "../why/sections/index.ts";
import { examples, fail } from "./run-command.ts";

interface WhyFlags {
  html: string;
  stack?: boolean;
}

/** Text in lines of at most so many characters, each after `indent`. */
function wrapped(text: string, width: number, indent: string): string {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1)!;
    if (line !== "" && indent.length + line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines.map((line) => indent + line).join("\n");
}

async function runWhy({ html, stack = false }: WhyFlags): Promise<void> {
  const file = resolve(html);
  try {
    // Found out now rather than after two minutes.
    writable(file);
    const start = performance.now();
    const findings = measureAll({}, (what) => process.stderr.write(`measuring: ${what}\n`));
    const sections = sectionsOf(findings, await graphDrawer());
    const seconds = (performance.now() - start) / 1000;
    const machine = `${cpus()[0]?.model.trim() ?? process.arch}, ${usableCores()} cores, Node.js ${process.versions.node}`;
    const script = readFileSync(new URL("why-browser.js", import.meta.url), "utf8");
    const date = new Date().toISOString().slice(0, 10);
    writeFileSync(file, whyPage({ sections, machine, date, seconds, script }));
    const width = Math.min(100, Math.max(40, process.stdout.columns ?? 100));
    const answers = sections.map(
      ({ question, answer }, i) =>
        `${wrapped(`${i + 1}. ${question}`, width, "")}\n\n${wrapped(answer, width, "   ")}\n`,
    );
    process.stdout.write(
      `\n${answers.join("\n")}\nMeasured in ${seconds.toFixed(0)} s on ${machine}.\nThe page with all pictures: ${pathToFileURL(file)}\n`,
    );
  } catch (error) {
    fail(error, stack);
  }
}

function writable(file: string): void {
  try {
    writeFileSync(file, "", { flag: "a" });
  } catch (error) {
    throw new JobError(
      `why: cannot write ${file} (${(error as NodeJS.ErrnoException).code}); choose another --html`,
      {
        cause: error,
      },
    );
  }
}

export function addWhy(program: Command): void {
  const why = program
    .command("why")
    .description("why backpropagation: seven questions, answered by measurements on this machine")
    .option("--html <file>", "where the page with the pictures goes", "why-backpropagation.html")
    .option("--stack", "print stack traces of errors");
  examples(why, "why --html why.html").action(runWhy);
}
