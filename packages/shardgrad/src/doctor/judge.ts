// What follows from the findings: whether training can run, and what would make it faster.
import { digits, ratio } from "../scale/numbers.ts";
import type { Findings } from "./diagnose.ts";

export interface Judgement {
  /** Why training cannot run; empty if it can. */
  problems: string[];
  /** What to do to get faster, the most worthwhile first. */
  advice: string[];
}

const installers: readonly (readonly [distribution: RegExp, command: string])[] = [
  [/debian|ubuntu/, "apt install libopenblas0"],
  [/fedora|rhel|centos/, "dnf install openblas"],
  [/alpine/, "apk add openblas"],
  [/arch/, "pacman -S openblas"],
];

/** How to get a BLAS here. */
function installBlas({ runtime, distribution }: Findings): string {
  const [, command] = installers.find(([name]) => name.test(distribution ?? "")) ?? [];
  if (command !== undefined) return command;
  return runtime.platform.startsWith("win32")
    ? "put libopenblas.dll on the PATH"
    : "install OpenBLAS with your system's package manager";
}

/** Machine code needs no BLAS beside it. On a Mac, the system's BLAS computes. */
function adviceOnKernels(found: Findings): string[] {
  const { native, env, runtime } = found;
  const isMac = runtime.platform.startsWith("darwin");
  if ("name" in native && !isMac) return [];
  if ("reason" in native && native.packageInstalled && env.SHARDGRAD_NATIVE)
    return [
      `SHARDGRAD_NATIVE is ${env.SHARDGRAD_NATIVE}: without it, machine code would be used if it runs here`,
    ];
  const hasCode = (runtime.platform.endsWith("x64") && !isMac) || runtime.platform === "linux arm64";
  if (hasCode && "reason" in native && !native.packageInstalled)
    return ["npm install @shardgrad/native: machine code for this processor, several times WebAssembly"];
  return adviceOnBlas(found);
}

function adviceOnBlas(found: Findings): string[] {
  const { blas, simd, runtime } = found;
  if ("name" in blas) {
    if (blas.speed === null || simd.speed === null || blas.speed.one >= simd.speed.one) return [];
    return [
      `this BLAS is ${ratio(simd.speed.one / blas.speed.one)} times slower than WebAssembly: train with --kernels wasm`,
    ];
  }
  if (found.env.SHARDGRAD_BLAS?.toLowerCase() === "off")
    return ["SHARDGRAD_BLAS is off: without it, a BLAS would be used if there is one"];
  const steps = [
    ...(blas.packageInstalled ? [] : ["npm install @shardgrad/blas"]),
    ...(runtime.platform.startsWith("darwin") ? [] : [installBlas(found)]),
  ];
  const now =
    simd.speed === null
      ? ""
      : `; WebAssembly reaches ${digits(simd.speed.one)} GFLOP/s a core, with vectors of 128 bits`;
  return [`install a BLAS: ${steps.join(", then ")}${now}`];
}

function adviceOnCores({ processor }: Findings): string[] {
  const { present, allowed, quota, cores, load } = processor;
  const limits = [
    ...(allowed < present ? [`it may run on ${allowed} (taskset, cpuset)`] : []),
    ...(quota !== null && quota < allowed
      ? [`its control group has time for ${digits(quota)} (docker --cpus)`]
      : []),
  ];
  return [
    ...(cores < present && limits.length > 0
      ? [`this process can use ${cores} of ${present} processors: ${limits.join("; ")}`]
      : []),
    // The load includes this process only while it measures.
    ...(load > cores / 2
      ? [`${load.toFixed(1)} threads were busy in the last minute, on ${cores} cores: training shares them`]
      : []),
  ];
}

export function judge(found: Findings): Judgement {
  const { simd, memory, permissions, runtime } = found;
  const problems = [
    ...(permissions.noThreads === null ? [] : [permissions.noThreads]),
    ...(memory.tensorBytes === null
      ? ["no shared memory can be reserved for tensors: raise the limit of the address space (ulimit -v)"]
      : []),
  ];
  const advice = [
    ...(problems.length === 0 ? adviceOnKernels(found) : []),
    ...(simd.kernels === "wasm-relaxed"
      ? []
      : [`${runtime.name} ${runtime.version} has no relaxed SIMD here: a newer version may have it`]),
    ...adviceOnCores(found),
    ...(memory.tensorBytes !== null && memory.tensorBytes < 2 ** 32
      ? [
          `only ${gibibytes(memory.tensorBytes)} could be reserved for tensors, of 4 GiB: raise the limit of the address space (ulimit -v)`,
        ]
      : []),
    ...(permissions.writable
      ? []
      : [`nothing can be written in ${permissions.folder}: name other folders for --out and --checkpoint`]),
  ];
  return { problems, advice };
}

export function gibibytes(bytes: number): string {
  return `${digits(bytes / 2 ** 30)} GiB`;
}
