// Finds the MPI library that fits the launcher, by path or by its usual names. Calls nothing in it but its version.
import { MpiError } from "./errors.ts";
import type { Identity } from "./libraries.ts";
import { identify, likelyFamilies, usualPaths } from "./libraries.ts";
import type { NativeLibrary } from "./native.ts";
import { loadLibrary } from "./native.ts";

/** A library that is loaded, and known. */
export interface Mpi extends Identity {
  readonly library: NativeLibrary;
}

/** What the search needs from the machine. */
export interface Machine {
  env: Record<string, string | undefined>;
  platform: NodeJS.Platform;
  load(path: string): NativeLibrary;
}

function refusal(path: string, reason: string, cause?: unknown): MpiError {
  const advice = "set SHARDGRAD_MPI to the path of the launcher's libmpi, or unset it to have one found";
  return new MpiError(`mpi: ${path} ${reason}; ${advice}`, { cause });
}

/** Knows the library, or throws. */
function prove(library: NativeLibrary): Mpi {
  if (library.symbol("MPI_Init_thread") === undefined)
    throw refusal(library.path, "has no MPI_Init_thread, so it is no MPI");
  const identity = identify(library);
  if (!identity)
    throw refusal(library.path, "has an ABI that is none of Open MPI's, MPICH's and that of MPI 5.0");
  return { ...identity, library };
}

/** As `findMpi`, on a given machine. */
export function searchMpi({ env, platform, load }: Machine): Mpi {
  if (platform === "win32") throw new MpiError("mpi: there is none for Windows here; use Linux, or WSL");
  const named = env.SHARDGRAD_MPI || undefined;
  const families = likelyFamilies(env);
  const paths = named === undefined ? usualPaths(families, platform) : [named];
  let refused: unknown;
  for (const path of paths) {
    let library: NativeLibrary;
    try {
      library = load(path);
    } catch (error) {
      if (named === undefined) continue; // Apparently not installed.
      throw refusal(path, `cannot be loaded: ${(error as Error).message.split("\n")[0]}`, error);
    }
    try {
      return prove(library);
    } catch (error) {
      if (!(error instanceof MpiError)) throw error;
      refused ??= error;
    }
  }
  if (refused) throw refused;
  throw new MpiError(
    `mpi: found no library that fits the launcher (${paths.join(", ")}); install that of your mpirun (on Debian: apt install openmpi-bin), or set SHARDGRAD_MPI to the path of its libmpi`,
  );
}

/**
 * Finds an MPI library, and loads it.
 *
 * @throws MpiError if there is none, or the named one is none
 */
export function findMpi(): Mpi {
  return searchMpi({ env: process.env, platform: process.platform, load: loadLibrary });
}
