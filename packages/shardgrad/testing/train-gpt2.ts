// Trains GPT-2 with 124 million parameters on two workers, then on one, and looks at the memory of the process:
//   node testing/train-gpt2.ts [steps, default 30] [--kernels NAME, as of the command]
// Ends with an error if the loss does not fall, if the weights depend on the number of workers, or if the process ever
// held more than 16 GiB. With SHARDGRAD_PYTHON, an interpreter with PyTorch, times its steps on the same job. Run it
// before a release: it takes some ten minutes. There is no warm-up, so the loss of a single step may be high.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { TrainOptions } from "@shardgrad/parallel";
import { train } from "@shardgrad/parallel";
import { kernelsText } from "../src/kernels-text.ts";
import { learningRate, sizes, windows } from "./gpt2-job.ts";

const gibibyte = 2 ** 30;
const mostBytes = 16 * gibibyte;

type Kernels = NonNullable<TrainOptions["kernels"]>;

interface Result {
  losses: number[];
  weightsSha256: string;
  secondsAStep: number;
  largest: number;
}

/** One run, in this process. */
async function measure(workers: number, steps: number, kernels: Kernels): Promise<Result> {
  const losses: number[] = [];
  const job = new URL("./gpt2-job.ts", import.meta.url);
  const begun = performance.now();
  const tell = (text: string) =>
    console.error(`${((performance.now() - begun) / 1000).toFixed(0).padStart(5)} s  ${text}`);
  const onStepEnd = ({ step, loss }: { step: number; loss: number }) => {
    losses.push(loss);
    tell(`step ${step}: loss ${loss.toFixed(3)}`);
  };
  const run = train(job, { workers, shards: 2, steps, kernels, onStepEnd });
  run.on("start", ({ memory, parameters, ...told }) => {
    const needs = (memory.bytes / gibibyte).toFixed(1);
    tell(`${parameters} parameters, ${kernelsText(told)}, needs ${needs} GiB of shared memory`);
  });
  let largest = 0;
  const look = setInterval(() => {
    largest = Math.max(largest, process.memoryUsage.rss());
  }, 100);
  const { weightsSha256, samplesPerSecond } = await run;
  clearInterval(look);
  return { losses, weightsSha256, secondsAStep: sizes.batchSize / samplesPerSecond, largest };
}

/** The same in a process of its own, so that each begins with nothing. */
function measureApart(workers: number, steps: number, kernels: Kernels): Result {
  const script = fileURLToPath(import.meta.url);
  const args = [...process.execArgv, script, String(steps), String(workers), "--kernels", kernels];
  const { stdout, status } = spawnSync(process.execPath, args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (status !== 0) throw new Error(`the run with ${workers} workers ended with ${status}`);
  const result = JSON.parse(stdout) as Result;
  const { losses, secondsAStep, largest } = result;
  console.log(
    `${workers} workers: loss ${losses[0]!.toFixed(3)} → ${losses.at(-1)!.toFixed(3)}, ${secondsAStep.toFixed(2)} s a step, at most ${(largest / gibibyte).toFixed(1)} GiB`,
  );
  return result;
}

/** Seconds a step of PyTorch on the same tokens, with as many threads as there are processors. */
function measurePytorch(python: string): void {
  const folder = mkdtempSync(join(tmpdir(), "shardgrad-gpt2-"));
  try {
    const { x, y } = windows();
    for (const [name, tokens] of Object.entries({ x, y })) writeFileSync(join(folder, name), tokens);
    const script = fileURLToPath(new URL("./gpt2.py", import.meta.url));
    const settings = JSON.stringify({ ...sizes, learningRate, folder, steps: 6 });
    spawnSync(python, [script, settings], { stdio: ["ignore", "inherit", "inherit"] });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { kernels: { type: "string", default: "auto" } },
});
const [steps = "30", workers] = positionals;
const kernels = values.kernels as Kernels;
if (workers !== undefined)
  console.log(JSON.stringify(await measure(Number(workers), Number(steps), kernels)));
else {
  const results = [2, 1].map((count) => measureApart(count, Number(steps), kernels));
  const python = process.env.SHARDGRAD_PYTHON;
  if (python) measurePytorch(python);
  for (const { losses, largest } of results) {
    if (!(losses.at(-1)! < losses[0]! - 1)) throw new Error(`the loss does not fall: ${losses.join(" ")}`);
    if (largest > mostBytes)
      throw new Error(`the process held ${largest} bytes, expected at most ${mostBytes}`);
  }
  const hashes = new Set(results.map(({ weightsSha256 }) => weightsSha256));
  if (hashes.size !== 1) throw new Error(`two workers and one have other weights: ${[...hashes].join(", ")}`);
  console.log(`the same weights with both: ${[...hashes][0]}`);
}
