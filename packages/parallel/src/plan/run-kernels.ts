// Chooses a run's kernels: once on the coordinator, then every worker loads the same. Machine code comes from
// @shardgrad/native, the machine's BLAS from @shardgrad/blas. Both packages are optional, so this looks where users
// install them, and imports them only then.
import type * as Blas from "@shardgrad/blas";
import type { KernelChoice, KernelSet } from "@shardgrad/core";
import { builtInKernels, heap, provideKernels, resolveKernels } from "@shardgrad/core/engine";
import type * as Native from "@shardgrad/native";
import { JobError } from "../errors.ts";
import { findPackage } from "./find-package.ts";
import { relaxedFuses } from "./fused-multiply-add.ts";

/** The choice. Can be sent to other threads. */
export interface RunKernels {
  set: KernelSet;
  /** Where the package is, and which machine code it found, which is the set itself or beneath a BLAS. `code` is the package's own. */
  native?: { packageUrl: string; code: unknown; description: string };
  /** Why "auto" uses no machine code although the package is installed. */
  noNative?: string;
  /** Where the package is, which library it found, and its description. Absent unless the set is "blas". */
  blas?: { packageUrl: string; library: string; description: string };
  /** Why "auto" uses no BLAS although the package is installed and there is no machine code. */
  noBlas?: string;
}

/** What a choice needs from the outside. */
interface Sources {
  native(): Promise<RunKernels["native"]>;
  blas(): Promise<RunKernels["blas"]>;
  platform: NodeJS.Platform;
}

const importNative = (url: string): Promise<typeof Native> => import(url);
const importBlas = (url: string): Promise<typeof Blas> => import(url);

/** Each is undefined if its package is not installed, and throws if it is, but finds nothing to use. */
const sourcesFor = (jobUrl: string): Sources => ({
  async native() {
    const packageUrl = findPackage("@shardgrad/native", jobUrl);
    if (packageUrl === undefined) return undefined;
    const { code, description } = (await importNative(packageUrl)).findNative();
    return { packageUrl, code, description };
  },
  async blas() {
    const packageUrl = findPackage("@shardgrad/blas", jobUrl);
    if (packageUrl === undefined) return undefined;
    const { path, description } = (await importBlas(packageUrl)).findBlas();
    return { packageUrl, library: path, description };
  },
  platform: process.platform,
});

/** What a source has, or why it has nothing; neither if its package is not installed. */
async function look<T>(
  source: () => Promise<T | undefined>,
): Promise<{ found?: T; reason?: string; error?: unknown }> {
  try {
    const found = await source();
    return found === undefined ? {} : { found };
  } catch (error) {
    const reason = (error as Error).message.replace(/^(native|blas): /, "").split("\n")[0]!;
    return { reason, error };
  }
}

/** As `resolveKernels`, which speaks of `useKernels`. */
function resolveFor(operation: string, choice: KernelChoice): KernelSet {
  try {
    return resolveKernels(choice);
  } catch (error) {
    const reason = (error as Error).message.replace(/^useKernels: /, "");
    throw new JobError(`${operation}: kernels: ${reason}`, { cause: error });
  }
}

/** As `chooseKernels`, from given sources. */
export async function chooseFrom(
  operation: string,
  choice: KernelChoice,
  { native, blas, platform }: Sources,
): Promise<RunKernels> {
  if (choice !== "auto" && choice !== "native" && choice !== "blas")
    return { set: resolveFor(operation, choice) };
  const refuse = (name: "native" | "blas", { reason, error }: { reason?: string; error?: unknown }) => {
    const why =
      reason === undefined
        ? `@shardgrad/${name} is not installed; npm install @shardgrad/${name}`
        : `there is none to use: ${reason}`;
    return new JobError(`${operation}: kernels is "${name}", but ${why}`, { cause: error });
  };
  const code = await look(native);
  if (choice === "native" && !code.found) throw refuse("native", code);
  const kernels: Omit<RunKernels, "set"> = {
    ...(code.found && { native: code.found }),
    ...(choice === "auto" && code.reason !== undefined && { noNative: code.reason }),
  };
  // On a Mac, the system's own BLAS (Accelerate) uses units of the processor that nobody else can.
  const wantsBlas = choice === "blas" || (choice === "auto" && (!code.found || platform === "darwin"));
  const library = wantsBlas ? await look(blas) : {};
  if (library.found) return { set: "blas", ...kernels, blas: library.found };
  if (choice === "blas") throw refuse("blas", library);
  if (code.found) return { set: "native", ...kernels };
  return {
    set: builtInKernels(),
    ...kernels,
    ...(library.reason !== undefined && { noBlas: library.reason }),
  };
}

/**
 * Chooses the kernels of a run.
 *
 * @param operation what errors begin with
 * @throws JobError if the requested ones are not available
 */
export async function chooseKernels(
  operation: string,
  choice: KernelChoice,
  jobUrl: string,
): Promise<RunKernels> {
  return await chooseFrom(operation, choice, sourcesFor(jobUrl));
}

/** All that could be chosen as seen from a job: each with its kernels, or the reason why there are none. */
export async function availableKernels(
  jobUrl: string,
): Promise<Record<"native" | "blas", RunKernels | { reason: string; isInstalled: boolean }>> {
  const sources = sourcesFor(jobUrl);
  const [native, blas] = [await look(sources.native), await look(sources.blas)];
  const missing = (name: string, reason: string | undefined) => ({
    reason: reason ?? `@shardgrad/${name} is not installed`,
    isInstalled: reason !== undefined,
  });
  const beneath = native.found && { native: native.found };
  return {
    native: beneath ? { set: "native", ...beneath } : missing("native", native.reason),
    blas: blas.found ? { set: "blas", ...beneath, blas: blas.found } : missing("blas", blas.reason),
  };
}

/**
 * What decides a run's bits besides its job, for checkpoints: the kernels, the instructions of machine code, the BLAS
 * with its version and its processor-specific kernels, and whether relaxed SIMD fuses, which computes what these lack.
 */
export function describeKernels({ set, native, blas }: RunKernels): Record<string, string> {
  const builtIn = set === "native" || set === "blas" ? builtInKernels() : set;
  return {
    kernels: `${set} kernels`,
    ...(native && { native: `machine code for ${native.description}` }),
    ...(blas && { blas: blas.description }),
    ...(builtIn === "wasm-relaxed" && { simd: `multiply-add ${relaxedFuses() ? "fused" : "in two steps"}` }),
  };
}

/** What computes, and why nothing better does, as events and reports tell it. */
export interface ToldKernels {
  kernels: KernelSet;
  /** Whether WebAssembly takes 64-bit addresses, as the process has more than 4 GiB of shared memory. */
  memory64?: true;
  native?: string;
  noNative?: string;
  blas?: string;
  noBlas?: string;
}

export function tellKernels({ set, native, noNative, blas, noBlas }: RunKernels): ToldKernels {
  return {
    kernels: set,
    ...(heap().isWide && !native && set !== "reference" && { memory64: true }),
    ...(native && { native: native.description }),
    ...(noNative !== undefined && { noNative }),
    ...(blas && { blas: blas.description }),
    ...(noBlas !== undefined && { noBlas }),
  };
}

/** Prepares the choice for `useKernels` on this thread, with the same code and library that the coordinator found. */
export async function loadKernels({ native, blas }: RunKernels): Promise<void> {
  if (native) {
    const { findNative } = await importNative(native.packageUrl);
    provideKernels("native", findNative({ code: native.code as Native.NativeCode }).kernels);
  }
  if (blas) {
    const { findBlas } = await importBlas(blas.packageUrl);
    provideKernels("blas", findBlas({ library: blas.library }).kernels);
  }
}
