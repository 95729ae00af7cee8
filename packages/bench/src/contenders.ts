// The contenders, and how to start each. Contenders that cannot run on this machine are listed with the reason.
import { fileURLToPath } from "node:url";
import type { Launch } from "./contender-process.ts";
import type { FoundPython } from "./find-python.ts";
import { rivalsFolder } from "./install-rivals.ts";

export const everyone = [
  "shardgrad-native",
  "shardgrad-blas",
  "shardgrad-wasm",
  "shardgrad-wasm-plain",
  "pytorch-1t",
  "pytorch-nt",
  "pytorch-ddp",
  "pytorch-compile",
  "jax",
  "tfjs-wasm",
  "jax-js",
] as const;

export type Who = (typeof everyone)[number];

export const isOurs = (who: Who): boolean => who.startsWith("shardgrad-");

/** One line of the table: a contender with a number of workers, threads or ranks. */
export interface Contender {
  who: Who;
  workers: number;
  /** How to start it, or why it cannot run. */
  launch: Launch | { reason: string };
}

/** What we know about the machine. */
export interface Surroundings {
  cores: number;
  /** Pythons with PyTorch and with JAX. */
  pytorch: FoundPython;
  jax: FoundPython;
  /** Why there is no machine code, no BLAS, or no JavaScript rival; undefined if there is one. */
  noNative: string | undefined;
  noBlas: string | undefined;
  noRivals: string | undefined;
}

const own = (file: string) => fileURLToPath(new URL(`./contenders/${file}`, import.meta.url));
const node = (...args: string[]): Launch => ({ command: process.execPath, args });

/** How to start shardgrad on certain kernels. */
export const shardgradLaunch = (kernels: string): Launch => node(own("shardgrad.ts"), kernels);

/** How to start the reference. */
export const referenceLaunch = node(own("reference.ts"));

/** Contenders that take all cores, however many workers shardgrad has. */
const onAllCores: ReadonlySet<Who> = new Set(["pytorch-nt", "pytorch-ddp", "pytorch-compile", "jax"]);

function launchOf(who: Who, surroundings: Surroundings): Contender["launch"] {
  const { noNative, noBlas, noRivals } = surroundings;
  const reasonOr = (reason: string | undefined, launch: Launch) => (reason ? { reason } : launch);
  const python = (found: FoundPython, file: string, ...args: string[]) =>
    "reason" in found ? found : { command: found.python, args: [`${rivalsFolder}${file}`, ...args] };
  const pytorch = (mode: "threads" | "compile" | "ddp") => python(surroundings.pytorch, "pytorch.py", mode);
  switch (who) {
    case "shardgrad-native":
      return reasonOr(noNative, shardgradLaunch("native"));
    case "shardgrad-blas":
      return reasonOr(noBlas, shardgradLaunch("blas"));
    case "shardgrad-wasm":
      return shardgradLaunch("wasm");
    case "shardgrad-wasm-plain":
      return shardgradLaunch("wasm-plain");
    case "pytorch-1t":
    case "pytorch-nt":
      return pytorch("threads");
    case "pytorch-ddp":
      return pytorch("ddp");
    case "pytorch-compile":
      return pytorch("compile");
    case "jax":
      return python(surroundings.jax, "jax_cpu.py");
    case "tfjs-wasm":
      return reasonOr(noRivals, node(`${rivalsFolder}tfjs.mjs`));
    case "jax-js":
      return reasonOr(noRivals, node(`${rivalsFolder}jax-js.mjs`));
  }
}

/** The lines of the table: shardgrad at every number of workers, each other contender at its own. */
export function listContenders(
  only: readonly Who[],
  workerCounts: readonly number[],
  surroundings: Surroundings,
): Contender[] {
  return only.flatMap((who) => {
    const counts = isOurs(who) ? workerCounts : [onAllCores.has(who) ? surroundings.cores : 1];
    return counts.map((workers) => ({ who, workers, launch: launchOf(who, surroundings) }));
  });
}
