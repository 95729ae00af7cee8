// The machine that numbers were measured on: whoever compares numbers must know whether it was the same.

import { cpus, loadavg, platform, release, totalmem } from "node:os";
import { usableCores } from "@shardgrad/parallel/engine";
import type { BlasFound } from "./best-kernels.ts";

export interface Machine {
  cpu: string;
  /** What the system lets this process use. */
  cores: number;
  memoryBytes: number;
  os: string;
  node: string;
  /** As @shardgrad/blas finds it. */
  blas: BlasFound;
  /** Mean number of busy threads over the minute before the run. Others at work make every number worth less. */
  loadBefore: number;
  /** Variables of the environment that change how fast a contender is. */
  env: Record<string, string>;
}

/** They choose kernels, or numbers of threads. */
const telling =
  /^(OPENBLAS|GOTO|OMP|GOMP|KMP|MKL|BLIS|VECLIB|NUMEXPR|TORCH|ATEN|DNNL|ONEDNN|SHARDGRAD|UV_THREADPOOL|NODE_OPTIONS|LD_PRELOAD)(_|$)/;

/** Those of `env` that matter, by name. */
export function tellingVariables(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const entries = Object.entries(env).filter(([name, value]) => value !== undefined && telling.test(name));
  return Object.fromEntries(entries.sort(([a], [b]) => a.localeCompare(b))) as Record<string, string>;
}

export function describeMachine(blas: BlasFound): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown processor",
    cores: usableCores(),
    memoryBytes: totalmem(),
    os: `${platform()} ${release()}`,
    node: process.version,
    blas,
    loadBefore: loadavg()[0]!,
    env: tellingVariables(process.env),
  };
}
