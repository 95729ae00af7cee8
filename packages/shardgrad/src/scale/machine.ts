// The machine of the measurement. Compare numbers only from the same machine.

import { cpus, loadavg, platform, release, totalmem } from "node:os";
import { usableCores } from "@shardgrad/parallel/engine";

/** The BLAS that there is, or why there is none. */
export type BlasFound = { blas: string } | { noBlas: string };

export interface Machine {
  cpu: string;
  /** The cores that the system lets this process use. */
  cores: number;
  memoryBytes: number;
  os: string;
  node: string;
  blas: BlasFound;
  /** The instructions of machine code, if it computes. */
  native?: string;
  /** The load average over the minute before the run. Other load makes every number less reliable. */
  loadBefore: number;
  /** Environment variables that change how fast it computes. */
  env: Record<string, string>;
}

/** They select kernels or numbers of threads, here or in other frameworks. */
const telling =
  /^(OPENBLAS|GOTO|OMP|GOMP|KMP|MKL|BLIS|VECLIB|NUMEXPR|TORCH|ATEN|DNNL|ONEDNN|SHARDGRAD|UV_THREADPOOL|NODE_OPTIONS|LD_PRELOAD)(_|$)/;

/** Those of `env` that matter, by name. */
export function tellingVariables(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const entries = Object.entries(env).filter(([name, value]) => value !== undefined && telling.test(name));
  return Object.fromEntries(entries.sort(([a], [b]) => a.localeCompare(b))) as Record<string, string>;
}

export function describeMachine(blas: BlasFound, native?: string): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown processor",
    cores: usableCores(),
    memoryBytes: totalmem(),
    os: `${platform()} ${release()}`,
    node: process.version,
    blas,
    ...(native !== undefined && { native }),
    loadBefore: loadavg()[0]!,
    env: tellingVariables(process.env),
  };
}
