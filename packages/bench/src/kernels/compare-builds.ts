// Compares the kernels as they are shipped with those that are emitted from their definitions, in interleaved rounds:
// node packages/bench/src/kernels/compare-builds.ts [part of a kernel's name] [rounds] [plain]
// Prints how many times as fast the emitted ones are, the slow ones last, and a median for each kernel.
import { scope, useKernels } from "@shardgrad/core";
import { heap, kernelsFor } from "@shardgrad/core/engine";
import { build32, emitModule, kernelDefinitions } from "@shardgrad/core/kernels";
import { orderOfRound, pairRounds } from "shardgrad/measure";
import type { BuildCase } from "./build-cases.ts";
import { buildCases } from "./build-cases.ts";
import { callsPerStretch, msPerCall } from "./pace.ts";
import { windowCases } from "./window-cases.ts";

const [only = "", roundsText = "9", which = "relaxed"] = process.argv.slice(2);
const rounds = Number(roundsText);
const isRelaxed = which !== "plain";

type Call = (...args: number[]) => unknown;
type Build = Readonly<Record<string, Call | undefined>>;

function emittedKernels(): Build {
  const module = new WebAssembly.Module(
    emitModule(Object.values(kernelDefinitions).flat(), build32(isRelaxed)),
  );
  const { exports } = new WebAssembly.Instance(module, {
    env: { memory: heap().memory as WebAssembly.Memory },
  });
  const kernels = exports as Record<string, Call>;
  const bytes = kernels.scratchBytes!() as number;
  kernels.setScratch!(heap().arena.allocate(bytes, "scratch"), bytes);
  return kernels;
}

useKernels(isRelaxed ? "wasm-relaxed" : "wasm-plain");
const shipped = kernelsFor("float32") as unknown as Build;
const emitted = emittedKernels();

/** How many times as fast the emitted kernel is: the median of the rounds. */
function speedOf({ kernel, args }: BuildCase): number {
  return scope(() => {
    const list = args();
    const timed = [shipped, emitted].map((build) => {
      const call = () => void build[kernel]!(...list);
      return { call, count: callsPerStretch(call), ms: new Map<number, number>() };
    });
    for (let round = 0; round < rounds; round++)
      for (const { call, count, ms } of orderOfRound(timed, round)) ms.set(round, msPerCall(call, count));
    return pairRounds(timed[0]!.ms, timed[1]!.ms, (before, after) => before / after)!.median;
  });
}

const measured = [...buildCases, ...windowCases]
  .filter(({ kernel }) => kernel.includes(only) && emitted[kernel])
  .map((one) => {
    const speed = speedOf(one);
    process.stderr.write(`${one.kernel} ${one.shape} ${speed.toFixed(2)}\n`);
    return { ...one, speed };
  });

const least = 0.97;
measured.sort((a, b) => b.speed - a.speed);
for (const { kernel, shape, speed } of measured)
  console.log(`${speed.toFixed(2)}${speed < least ? " slow" : ""}  ${kernel} ${shape}`);
console.log(`${measured.filter(({ speed }) => speed < least).length} of ${measured.length} below ${least}`);
