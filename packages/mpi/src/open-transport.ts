// Connects this process with the others of its launch, once; another thread then takes the connection over.
import { existsSync, fstatSync } from "node:fs";
import type { Launch, TransportPackage } from "@shardgrad/parallel/engine";
import type { Calls } from "./calls.ts";
import { bindCalls, check, numberOf } from "./calls.ts";
import { MpiError } from "./errors.ts";
import type { Mpi } from "./find-mpi.ts";
import { findMpi } from "./find-mpi.ts";
import { MpiTransport } from "./mpi-transport.ts";
import { addressOf, keepTraps } from "./native.ts";

/** A library, and its functions as this thread calls them. */
interface Connected {
  mpi: Mpi;
  calls: Calls;
}

/** Of this thread, which may open it again and again: koffi keeps 3 KB for each function that it binds. */
let connected: Connected | undefined;

/**
 * MPICH's and Intel's launchers, and Slurm's pmi2, give a process a socket to speak to them, which Node.js passes on to no
 * process that it starts. The library itself would then end the process with a stack of lines.
 *
 * @throws MpiError if it is not there
 */
function requireSocket({ PMI_FD }: NodeJS.ProcessEnv): void {
  if (PMI_FD === undefined) return;
  try {
    if (fstatSync(Number(PMI_FD)).isSocket()) return;
  } catch {
    // A number that is no open file.
  }
  throw new MpiError(
    `mpi: the launcher's socket (PMI_FD is ${PMI_FD}) is not open in this process: npx passes none on; start node_modules/.bin/shardgrad instead of npx shardgrad`,
  );
}

/** More than the engine's longest messages (512 KiB) and what a library puts before them. */
const atOnce = "528384";

/**
 * The libraries ask before a long message whether it may leave: a round trip for each, in which the line carries less. Over
 * TCP, the engine's leave at once. Variables that are set win; mpirun --mca sets the same ones.
 */
function tuneForTcp(env: NodeJS.ProcessEnv): void {
  env.OMPI_MCA_btl_tcp_eager_limit ??= atOnce;
  // UCX has one limit for all networks. Those that write into another machine's memory are better off with its own.
  if (!existsSync("/sys/class/infiniband")) env.UCX_RNDV_THRESH ??= atOnce;
}

/** Starts MPI, unless another thread has. From then on, its errors are returned and do not end the process. */
function connect(): Connected {
  const mpi = findMpi();
  const { abi, name } = mpi;
  const calls = bindCalls(mpi);
  if (numberOf(calls.initialized, "looking for a connection", calls) === 0) {
    requireSocket(process.env);
    tuneForTcp(process.env);
    numberOf((provided) => calls.initThread(0, 0, abi.serialized, provided), `starting ${name}`, calls);
    check(calls.setErrorHandler(abi.world, abi.errorsReturn), `starting ${name}`, calls);
  }
  return { mpi, calls };
}

/** What keeps this connection from being used, if anything does. */
function fault({ mpi, calls }: Connected, launch: Launch): MpiError | undefined {
  const { abi, name, library } = mpi;
  const level = numberOf(calls.queryThread, `asking ${name} for threads`, calls);
  if (level < abi.serialized)
    return new MpiError(
      `mpi: ${name} (${library.path}) was built without threads: it gives level ${level}, expected ${abi.serialized} (MPI_THREAD_SERIALIZED); install another build`,
    );
  const machine = numberOf((rank) => calls.rank(abi.world, rank), "asking for the rank", calls);
  const machines = numberOf((size) => calls.size(abi.world, size), "asking for the size", calls);
  if (machine !== launch.machine || machines !== launch.machines)
    return new MpiError(
      `mpi: the launcher says machine ${launch.machine} of ${launch.machines}, the library (${name}, ${library.path}) ${machine} of ${machines}: they are of different MPIs; set SHARDGRAD_MPI to the path of the launcher's libmpi, or use the mpirun of ${name}`,
    );
  return undefined;
}

/**
 * Connects this process with the others of its launch, or takes over the connection that another thread of it has made.
 *
 * @throws MpiError if there is no library, or another one than the launcher's
 */
export const openTransport: TransportPackage["openTransport"] = (heap, launch) => {
  connected ??= keepTraps(connect);
  const { mpi, calls } = connected;
  if (numberOf(calls.finalized, "looking for a connection", calls) !== 0)
    throw new MpiError(
      "mpi: the connection of this process was closed; start another process for another run",
    );
  const wrong = fault(connected, launch);
  if (wrong) {
    // Else the launcher complains about a process that ended without it, below the line that says why.
    calls.finalize();
    throw wrong;
  }
  return new MpiTransport(mpi, calls, addressOf(new Uint8Array(heap)), launch);
};
