// shardgrad scale: what more workers bring for a job, as tables, as a plot, and as advice; and what more machines would.
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { checkOutput, requireSurroundings, writeOutput } from "@shardgrad/parallel/command";
import { usableCores } from "@shardgrad/parallel/engine";
import type { Command } from "commander";
import { svgFile } from "../plots/picture.ts";
import { scalePage } from "../scale/page.ts";
import { scalePlot } from "../scale/plot.ts";
import type { ScaleOptions } from "../scale/scale.ts";
import { scale } from "../scale/scale.ts";
import { scaleLines } from "../scale/table.ts";
import { defaultMachines } from "../simulate/options.ts";
import { simulateMachines } from "../simulate/simulate.ts";
import { machinesLines, machinesSection } from "../simulate/table.ts";
import { counts, integer, optionFlags } from "./option-flags.ts";
import { common, examples, fail, keepOutput, note } from "./run-command.ts";
import type { SimulateFlags } from "./simulate-flags.ts";
import { simulateFlags, simulateOptions } from "./simulate-flags.ts";
import { columnsOf } from "./streams.ts";

interface ScaleFlags extends Omit<ScaleOptions, "params" | "onProgress">, SimulateFlags {
  set?: string[];
  json?: boolean;
  html?: string;
  svg?: string;
  stack?: boolean;
}

/** The line that says what is going on, on a terminal only; each replaces the one before. */
function announce(what: string): void {
  const { stderr } = process;
  if (stderr.isTTY) stderr.write(`\r\u001b[K${what.slice(0, columnsOf(stderr, 80) - 1)}`);
}

async function runScale(job: string, flags: ScaleFlags): Promise<void> {
  const { json = false, stack = false, html, svg, set: params = [], ...measuring } = flags;
  const { simulate = false, latency, bandwidth, overlap, ...options } = measuring;
  const output = keepOutput();
  try {
    requireSurroundings("scale");
    const files = { html: await checkOutput("scale", html), svg: await checkOutput("scale", svg) };
    const cores = usableCores();
    const most = Math.max(...(options.workers ?? [1]));
    if (most > cores && !json)
      note(
        `${most} workers on ${cores === 1 ? "1 core" : `${cores} cores`}: they take turns, so expect no gain beyond ${cores}`,
      );
    const result = await scale(pathToFileURL(resolve(job)), {
      ...(simulate && { machines: defaultMachines }),
      ...options,
      params,
      onProgress: announce,
    });
    announce("");
    const simulation = simulate ? simulateMachines(result, simulateOptions(flags)) : undefined;
    const write = async (path: string | undefined, content: string, text: () => string) => {
      if (path !== undefined) await writeOutput(path, Buffer.from(text()), { operation: "scale", content });
    };
    await write(files.html, "the report", () =>
      scalePage(result, simulation && [machinesSection(simulation)]),
    );
    await write(files.svg, "the plot", () => svgFile(scalePlot(result)));
    const written = Object.values(files).filter((path) => path !== undefined);
    const columns = Math.min(columnsOf(output, 100), 120);
    const lines = [
      ...scaleLines(result, columns),
      ...(simulation ? ["", ...machinesLines(simulation, columns)] : []),
      ...written.map((path) => `written to ${path}`),
    ];
    output.write(json ? `${JSON.stringify({ ...result, simulation })}\n` : `${lines.join("\n")}\n`);
  } catch (error) {
    announce("");
    fail(error, stack);
  }
}

export function addScale(program: Command): void {
  const scaling = program
    .command("scale")
    .description("measure what more workers bring for a job, and where the rest of the time goes")
    .argument("<job>", "path of the job module")
    .option(
      "--workers <counts>",
      "numbers of workers, separated by commas (default: 1,2,4 … all cores)",
      counts,
    )
    .option("--weak", "also with a batch of the same size for every worker, or machine")
    .option("--rounds <n>", "interleaved rounds (default: 5)", integer);
  simulateFlags(scaling);
  optionFlags(scaling, ["shards", "batchSize", "accumulate", "seed", "kernels"])
    .option("--html <file>", "write the report as a page")
    .option("--svg <file>", "write the plot as a picture");
  examples(
    common(scaling, "print one JSON object and nothing else"),
    "scale my-job.ts --workers 1,2,4 --html scaling.html",
    "scale my-job.ts --simulate --machines 1,2,3,4 --bandwidth 10gbit",
  ).action(runScale);
}
