// Chooses a run's kernels: once on the coordinator, then every worker loads the same. The machine's BLAS comes from
// @shardgrad/blas. That package is optional, so this looks where users install it, and imports it only then.
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type * as Blas from "@shardgrad/blas";
import type { KernelChoice, KernelSet } from "@shardgrad/core";
import { builtInKernels, provideKernels, resolveKernels } from "@shardgrad/core/engine";
import { JobError } from "../errors.ts";
import { relaxedFuses } from "./fused-multiply-add.ts";

/** The choice. Can be sent to other threads. */
export interface RunKernels {
  set: KernelSet;
  /** Where the package is, which library it found, and its description. Absent unless the set is "blas". */
  blas?: { packageUrl: string; library: string; description: string };
  /** Why "auto" uses no BLAS although the package is installed. */
  noBlas?: string;
}

/** The URL of @shardgrad/blas as seen from here, from the job, or from the working directory. */
function findPackage(jobUrl: string): string | undefined {
  const places = [import.meta.url, jobUrl, pathToFileURL(join(process.cwd(), "job")).href];
  for (const place of places.filter((url) => url.startsWith("file:"))) {
    try {
      return pathToFileURL(createRequire(place).resolve("@shardgrad/blas")).href;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "MODULE_NOT_FOUND") throw error;
    }
  }
  return undefined;
}

const importPackage = (url: string): Promise<typeof Blas> => import(url);

/** Undefined if the package is not installed; throws if it is, but finds no usable library. */
async function findBlas(jobUrl: string): Promise<RunKernels["blas"]> {
  const packageUrl = findPackage(jobUrl);
  if (packageUrl === undefined) return undefined;
  const { path, description } = (await importPackage(packageUrl)).findBlas();
  return { packageUrl, library: path, description };
}

/**
 * Chooses the kernels of a run.
 *
 * @throws JobError if the requested BLAS is not available
 */
export async function chooseKernels(choice: KernelChoice, jobUrl: string): Promise<RunKernels> {
  if (choice !== "auto" && choice !== "blas") return { set: resolveKernels(choice) };
  const refuse = (reason: string, cause?: unknown) =>
    new JobError(`train: kernels is "blas", but ${reason}`, { cause });
  try {
    const blas = await findBlas(jobUrl);
    if (blas) return { set: "blas", blas };
  } catch (error) {
    const reason = (error as Error).message.replace(/^blas: /, "").split("\n")[0]!;
    if (choice === "blas") throw refuse(`there is none to use: ${reason}`, error);
    return { set: builtInKernels(), noBlas: reason };
  }
  if (choice === "blas") throw refuse("@shardgrad/blas is not installed; npm install @shardgrad/blas");
  return { set: builtInKernels() };
}

/**
 * What decides a run's bits besides its job, for checkpoints: the kernels, the BLAS with its version and its
 * processor-specific kernels, and whether relaxed SIMD fuses. That computes everything else beside a BLAS.
 */
export function describeKernels({ set, blas }: RunKernels): Record<string, string> {
  const wasm = set === "blas" ? builtInKernels() : set;
  return {
    kernels: `${set} kernels`,
    ...(blas && { blas: blas.description }),
    ...(wasm === "wasm-relaxed" && { simd: `multiply-add ${relaxedFuses() ? "fused" : "in two steps"}` }),
  };
}

/** Prepares the choice for `useKernels` on this thread, with the same library that the coordinator found. */
export async function loadKernels({ blas }: RunKernels): Promise<void> {
  if (!blas) return;
  const { packageUrl, library } = blas;
  const { findBlas } = await importPackage(packageUrl);
  provideKernels("blas", findBlas({ library }).kernels);
}
