// shardgrad why: why backpropagation, measured on this machine.
import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { checkOutput, writeOutput } from "@shardgrad/parallel/command";
import { usableCores } from "@shardgrad/parallel/engine";
import type { Command } from "commander";
import { graphDrawer } from "../why/draw-graph.ts";
import { whyFiles } from "../why/markdown.ts";
import { measureAll } from "../why/measure.ts";
import { watchOthers } from "../why/others-load.ts";
import { whyPage } from "../why/page.ts";
import { sectionsOf } from "../why/sections/index.ts";
import { wrap } from "../wrap.ts";
import { examples, fail } from "./run-command.ts";
import { columnsOf } from "./streams.ts";

interface WhyFlags {
  html?: string;
  docs?: string;
  stack?: boolean;
}

const htmlName = "why-backpropagation.html";

/** Measures once; all that is written and printed has the same numbers. */
async function runWhy({ html, docs, stack = false }: WhyFlags): Promise<void> {
  try {
    // Found out now rather than after a minute.
    const file = await checkOutput("why", html ?? (docs === undefined ? htmlName : undefined));
    const folder = docs && (await checkOutput("why", join(docs, "why-backpropagation.md")));
    const othersLoad = watchOthers();
    const start = performance.now();
    const findings = measureAll({}, (what) => process.stderr.write(`measuring: ${what}\n`));
    const sections = sectionsOf(findings, await graphDrawer());
    const seconds = (performance.now() - start) / 1000;
    const machine = `${cpus()[0]?.model.trim() ?? process.arch}, ${usableCores()} cores, Node.js ${process.versions.node}`;
    const measurement = {
      machine,
      date: new Date().toISOString().slice(0, 10),
      seconds,
      othersLoad: othersLoad(),
    };
    const write = (path: string, content: string, text: string) =>
      writeOutput(path, Buffer.from(text), { operation: "why", content });
    if (file !== undefined) {
      const script = readFileSync(new URL("why-browser.js", import.meta.url), "utf8");
      await write(file, "the page", whyPage({ sections, script, ...measurement }));
    }
    if (docs !== undefined) {
      for (const [name, text] of whyFiles(sections, measurement)) await write(join(docs, name), name, text);
    }
    const width = Math.min(100, Math.max(40, columnsOf(process.stdout, 100)));
    const answers = sections.flatMap(({ question, answer }, i) => [
      ...wrap(`${i + 1}. ${question}`, width, ""),
      "",
      ...wrap(answer, width - 3, "").map((line) => `   ${line}`),
      "",
    ]);
    const written = [file, folder].flatMap((path) =>
      path ? [`The page with all pictures: ${pathToFileURL(path)}`] : [],
    );
    const lines = ["", ...answers, `Measured in ${seconds.toFixed(0)} s on ${machine}.`, ...written];
    process.stdout.write(`${lines.join("\n")}\n`);
  } catch (error) {
    fail(error, stack);
  }
}

export function addWhy(program: Command): void {
  const why = program
    .command("why")
    .description("why backpropagation: seven questions, answered by measurements on this machine")
    .option("--html <file>", `where the page with the pictures goes (default: ${htmlName})`)
    .option(
      "--docs <folder>",
      "write the page as Markdown with its pictures into this folder; HTML only with --html",
    )
    .option("--stack", "print stack traces of errors");
  examples(why, "why --html why.html").action(runWhy);
}
