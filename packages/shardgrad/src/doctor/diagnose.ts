// Looks at what training needs and what makes it fast: runtime, processors, SIMD, machine code, BLAS, memory,
// permissions. Measures matrix products; judges nothing (judge.ts does).
import { accessSync, constants, readFileSync } from "node:fs";
import { availableParallelism, cpus, freemem, loadavg, platform } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { builtInKernels, heap } from "@shardgrad/core/engine";
import type { RunKernels } from "@shardgrad/parallel/command";
import {
  availableKernels,
  hasWideMemory,
  machineMemory,
  relaxedFuses,
  requireSurroundings,
} from "@shardgrad/parallel/command";
import { cpuQuota, usableCores } from "@shardgrad/parallel/engine";
import { tellingVariables } from "../scale/machine.ts";
import { startYardstick } from "../scale/yardstick.ts";

/** GFLOP/s at matrix products of float32, on one core and on all at once. */
export interface Speed {
  one: number;
  all: number;
}

/** Kernels of another package with their speed, or why they do not run here. */
export type Found = { name: string; speed: Speed | null } | { reason: string; packageInstalled: boolean };

/** What there is: plain data that can be JSON. */
export interface Findings {
  runtime: { name: string; version: string; path: string; platform: string };
  processor: {
    model: string;
    /** How many the machine has, this process may run on, and its control group gives time for (null: no limit). */
    present: number;
    allowed: number;
    quota: number | null;
    /** How many threads can compute at once. */
    cores: number;
    /** Busy threads, mean of the last minute. */
    load: number;
  };
  /**
   * Of WebAssembly: the kernels that run here, whether their multiply-add rounds once (null: not known), and whether they
   * take 64-bit addresses where a run needs more than 4 GiB.
   */
  simd: { kernels: string; fused: boolean | null; memory64: boolean; speed: Speed | null };
  /** The instructions of machine code, or why there is none. */
  native: Found;
  /** The library, or why there is none. */
  blas: Found;
  memory: {
    /** Of the machine, or the limit of its container. */
    bytes: number;
    freeBytes: number;
    /** Shared memory reserved for tensors; null if none can be. */
    tensorBytes: number | null;
  };
  permissions: {
    /** Why no threads may be started; null if they may. */
    noThreads: string | null;
    /** Whether files can be written in the working directory. */
    writable: boolean;
    folder: string;
  };
  /** The name of the Linux distribution, if it says one. */
  distribution: string | null;
  /** Environment variables that change how fast it computes. */
  env: Record<string, string>;
}

/** Somebody else's turn may fall into one measurement. */
const turns = 2;

async function speedOf(kernels: RunKernels, cores: number): Promise<Speed> {
  const yardstick = await startYardstick([...new Set([1, cores])], kernels);
  try {
    for (let turn = 0; turn < turns; turn++) await yardstick.entrant.turn(turn);
  } finally {
    await yardstick.end();
  }
  const best = (threads: number) => Math.max(...yardstick.gflops.get(threads)!.values());
  return { one: best(1), all: best(cores) };
}

function reasonOf(act: () => void): string | null {
  try {
    act();
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

function runtime(): Findings["runtime"] {
  const { versions } = process;
  const name = versions.bun ? "Bun" : versions.deno ? "Deno" : "Node.js";
  const version = versions.bun ?? versions.deno ?? versions.node;
  return { name, version, path: process.execPath, platform: `${platform()} ${process.arch}` };
}

function distribution(): string | null {
  try {
    return /^ID(?:_LIKE)?="?([^"\n]+)/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? null;
  } catch {
    return null;
  }
}

function tensorBytes(): number | null {
  try {
    return heap().buffer.byteLength;
  } catch {
    return null;
  }
}

export async function diagnose(): Promise<Findings> {
  const noThreads = reasonOf(() => requireSurroundings("doctor"));
  const folder = noThreads === null ? process.cwd() : ".";
  const cores = usableCores();
  const [present, quota] = [cpus(), cpuQuota()];
  const wasm: RunKernels = { set: builtInKernels() };
  // As a job in the working directory would find them.
  const available = await availableKernels(pathToFileURL(join(folder, "job.ts")).href);
  const measured = async (kernels: RunKernels) => (noThreads === null ? await speedOf(kernels, cores) : null);
  const find = async (name: "native" | "blas"): Promise<Found> => {
    const kernels = available[name];
    if ("reason" in kernels) return { reason: kernels.reason, packageInstalled: kernels.isInstalled };
    return { name: kernels[name]!.description, speed: await measured(kernels) };
  };
  return {
    runtime: runtime(),
    processor: {
      model: present[0]?.model.trim() || "unknown processor",
      present: present.length,
      allowed: availableParallelism(),
      quota: Number.isFinite(quota) ? quota : null,
      cores,
      load: loadavg()[0]!,
    },
    simd: {
      kernels: wasm.set,
      fused: relaxedFuses() ?? null,
      memory64: hasWideMemory(),
      speed: await measured(wasm),
    },
    native: await find("native"),
    blas: await find("blas"),
    memory: { bytes: machineMemory(), freeBytes: freemem(), tensorBytes: tensorBytes() },
    permissions: {
      noThreads,
      writable: reasonOf(() => accessSync(folder, constants.W_OK)) === null,
      folder,
    },
    distribution: distribution(),
    env: tellingVariables(process.env),
  };
}
