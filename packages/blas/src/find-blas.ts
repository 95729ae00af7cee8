// Finds a library by path or by its usual names, verifies it, and wraps it as kernels for core. Selects nothing.
import type { KernelsOver } from "@shardgrad/core/engine";
import { linearKernels, moveKernels } from "@shardgrad/core/engine";
import { BlasError } from "./errors.ts";
import type { CblasGemm } from "./gemm.ts";
import { blasGemm } from "./gemm.ts";
import type { Identity } from "./libraries.ts";
import { identify, usualPaths } from "./libraries.ts";
import type { NativeLibrary } from "./native.ts";
import { addressOf, loadLibrary } from "./native.ts";
import { selfCheck } from "./self-check.ts";

/** Where to look. */
export interface BlasOptions {
  /** Path or name of the library; default `SHARDGRAD_BLAS`, or else the usual names. */
  library?: string;
}

/** A BLAS that is loaded and has passed the self-check. A known library runs on the calling thread alone. */
export interface Blas {
  /** `"BLAS"` for an unknown library, whose number of threads is not controlled. */
  readonly name: Identity["name"];
  /** As the library reports it, such as `"0.3.21"`. */
  readonly version: string | undefined;
  /** The processor for which the library has chosen its kernels, such as `"Haswell"`, if it reports it. */
  readonly core: string | undefined;
  /** The path or name by which it was loaded. */
  readonly path: string;
  /** A short description: `"OpenBLAS 0.3.21 (Haswell)"`. */
  readonly description: string;
  /** For `provideKernels` of `@shardgrad/core/engine`; `useBlas` calls it for you. */
  readonly kernels: KernelsOver;
}

/** What the search needs from the machine. */
export interface Machine {
  env: Record<string, string | undefined>;
  platform: NodeJS.Platform;
  load(path: string): NativeLibrary;
}

/**
 * cblas_sgemm or cblas_dgemm of a library.
 *
 * @param isWide whether it takes 64-bit sizes
 */
export function bindGemm(library: NativeLibrary, dtype: "float32" | "float64", isWide: boolean): CblasGemm {
  const [name, factor] = dtype === "float32" ? ["cblas_sgemm", "float"] : ["cblas_dgemm", "double"];
  const size = isWide ? "int64_t" : "int";
  // Addresses as integers: a call allocates only the three numbers.
  const matrix = `uintptr_t, ${size}`;
  const types = `int, int, int, ${size}, ${size}, ${size}, ${factor}, ${matrix}, ${matrix}, ${factor}, ${matrix}`;
  const call = library.find(`void ${name}(${types})`);
  if (!call) throw refusal(library.path, `has no ${name}`);
  return call;
}

/** `OpenBLAS 0.3.21 (Haswell, set by OPENBLAS_CORETYPE)`. */
function describe({ name, version, core }: Identity, path: string, env: Machine["env"]): string {
  if (name === "BLAS") return `BLAS (${path})`;
  const wanted = name === "OpenBLAS" ? env.OPENBLAS_CORETYPE : undefined;
  const isObeyed = wanted?.toLowerCase() === core?.toLowerCase();
  const pinned = wanted && (isObeyed ? "set by OPENBLAS_CORETYPE" : `OPENBLAS_CORETYPE is ${wanted}`);
  const kernels = [core, pinned].filter(Boolean).join(", ");
  return [name, version, kernels && `(${kernels})`].filter(Boolean).join(" ");
}

/** Sets a library to one thread, and checks its results. */
function prove(library: NativeLibrary, env: Machine["env"]): Blas {
  const identity = identify(library);
  const calls = {
    float32: bindGemm(library, "float32", identity.isWide),
    float64: bindGemm(library, "float64", identity.isWide),
  };
  const wrong = selfCheck("float32", calls.float32) ?? selfCheck("float64", calls.float64);
  if (wrong) throw refusal(library.path, `computes wrongly: ${wrong}`);
  const kernels: KernelsOver = (heap, otherwise) => {
    const base = addressOf(heap.uint8);
    const gemmOf = (dtype: "float32" | "float64", width: number) => {
      const { gemm } = otherwise(linearKernels, dtype);
      const { copy } = otherwise(moveKernels, dtype);
      return blasGemm(calls[dtype], base, width, { gemm, copy });
    };
    return { float32: { gemm: gemmOf("float32", 4) }, float64: { gemm: gemmOf("float64", 8) } };
  };
  const { name, version, core } = identity;
  const { path } = library;
  return { name, version, core, path, description: describe(identity, path, env), kernels };
}

function refusal(path: string, reason: string, cause?: unknown): BlasError {
  return new BlasError(
    `blas: ${path} ${reason}; name another library (SHARDGRAD_BLAS), or none to have one found`,
    { cause },
  );
}

/** As `findBlas`, on a given machine. */
export function searchBlas({ library: named }: BlasOptions, { env, platform, load }: Machine): Blas {
  const setting = env.SHARDGRAD_BLAS || undefined;
  if (setting?.toLowerCase() === "off") throw new BlasError("blas: switched off by SHARDGRAD_BLAS=off");
  const only = named ?? setting;
  let refused: unknown;
  for (const path of only === undefined ? usualPaths(platform) : [only]) {
    let library: NativeLibrary;
    try {
      library = load(path);
    } catch (error) {
      if (only === undefined) continue; // Apparently not installed.
      const reason = (error as Error).message.replace("Failed to load shared library: ", "").split("\n")[0];
      throw refusal(path, `cannot be loaded: ${reason}`, error);
    }
    try {
      return prove(library, env);
    } catch (error) {
      if (!(error instanceof BlasError)) throw error;
      refused ??= error;
    }
  }
  throw (
    refused ??
    new BlasError(
      "blas: found no OpenBLAS, MKL, BLIS or Accelerate; install one (on Debian: apt install libopenblas0), or set SHARDGRAD_BLAS to the path of a library",
    )
  );
}

/**
 * Finds a BLAS, loads it, sets it to one thread, and checks its products. Does not select kernels: `useBlas` does.
 *
 * @throws BlasError if there is none, if the named one does not work, or with `SHARDGRAD_BLAS=off`
 */
export function findBlas(options: BlasOptions = {}): Blas {
  return searchBlas(options, { env: process.env, platform: process.platform, load: loadLibrary });
}
