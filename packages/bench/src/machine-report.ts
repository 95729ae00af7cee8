// Describes the machine, at the head of every report.
import type { Machine } from "shardgrad/measure";
import { mebibytes } from "shardgrad/measure";

/** A list of facts about the machine and the run. */
export function machineReport(machine: Machine): string {
  const { cpu, cores, memoryBytes, os, node, blas, loadBefore, env } = machine;
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return [
    `- ${cpu}, ${cores} ${cores === 1 ? "core" : "cores"}, ${mebibytes(memoryBytes)} of memory; ${os}; Node.js ${node}`,
    `- BLAS: ${"blas" in blas ? blas.blas : `none (${blas.noBlas})`}`,
    `- load before the run: ${loadBefore.toFixed(2)} (busy threads, mean of a minute)`,
    `- environment: ${variables.length > 0 ? variables.join(" ") : "no variable that matters is set"}`,
  ].join("\n");
}
