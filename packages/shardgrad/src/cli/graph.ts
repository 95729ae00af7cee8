// shardgrad graph: the computational graph of a job's loss, as text, as Mermaid or DOT, or drawn.
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Graph } from "@shardgrad/core";
import { toDot, toMermaid } from "@shardgrad/core";
import type { GraphJobOptions } from "@shardgrad/parallel";
import { graphJob } from "@shardgrad/parallel";
import { checkOutput, requireSurroundings, writeOutput } from "@shardgrad/parallel/command";
import type { Command } from "commander";
import { Option } from "commander";
import { drawGraph } from "../graph/draw.ts";
import { foldLayers } from "../graph/fold.ts";
import { graphLines } from "../graph/text.ts";
import { integer, optionFlags } from "./option-flags.ts";
import { common, examples, fail, keepOutput, note } from "./run-command.ts";
import { columnsOf } from "./streams.ts";

const formats = {
  text: (graph: Graph, columns: number) => `${graphLines(graph, columns).join("\n")}\n`,
  mermaid: toMermaid,
  dot: toDot,
};

interface GraphFlags extends Omit<GraphJobOptions, "params"> {
  set?: string[];
  svg?: string;
  format?: keyof typeof formats;
  all?: boolean;
  json?: boolean;
  stack?: boolean;
}

async function runGraph(job: string, flags: GraphFlags): Promise<void> {
  const { json = false, stack = false, all = false, format, svg, set: params = [], ...options } = flags;
  const output = keepOutput();
  try {
    requireSurroundings("graph");
    const file = await checkOutput("graph", svg);
    const whole = await graphJob(pathToFileURL(resolve(job)), { ...options, params });
    const graph = all ? whole : foldLayers(whole);
    if (graph !== whole && !json)
      note(`${whole.nodes.length} nodes are too many to read: each layer is one here; --all shows them all`);
    if (file !== undefined) {
      const picture = await drawGraph(graph);
      await writeOutput(file, Buffer.from(picture), { operation: "graph", content: "the picture" });
    }
    if (json) output.write(`${JSON.stringify(whole)}\n`);
    else if (file === undefined || format !== undefined)
      output.write(formats[format ?? "text"](graph, columnsOf(output, 100)));
    if (file !== undefined && !json) output.write(`written to ${file}\n`);
  } catch (error) {
    fail(error, stack, false);
  }
}

export function addGraph(program: Command): void {
  const drawing = program
    .command("graph")
    .description("show the computational graph of a job's loss, on one sample")
    .argument("<job>", "path of the job module")
    .option("--svg <file>", "draw it")
    .addOption(new Option("--format <name>", "print it as (default: text)").choices(Object.keys(formats)))
    .option("--values", "with values and gradients")
    .option("--all", "every node, however many there are")
    .option("--samples <n>", "samples in the batch (default: 1)", integer);
  examples(
    common(optionFlags(drawing, ["seed"]), "print one JSON object, the whole graph, and nothing else"),
    "graph my-job.ts --values --svg graph.svg",
  ).action(runGraph);
}
