// The functions of MPI that are used, and the one place where its error codes are read.
import { MpiError } from "./errors.ts";
import type { Mpi } from "./find-mpi.ts";

/** All return an error code, 0 for none. `H` is a handle, `P` an address: both are integers. */
const prototypes = {
  initThread: "int MPI_Init_thread(P argc, P argv, int required, int *provided)",
  initialized: "int MPI_Initialized(int *flag)",
  finalized: "int MPI_Finalized(int *flag)",
  queryThread: "int MPI_Query_thread(int *provided)",
  setErrorHandler: "int MPI_Comm_set_errhandler(H comm, H handler)",
  rank: "int MPI_Comm_rank(H comm, int *rank)",
  size: "int MPI_Comm_size(H comm, int *size)",
  send: "int MPI_Isend(P from, int bytes, H type, int to, int tag, H comm, P request)",
  receive: "int MPI_Irecv(P to, int bytes, H type, int from, int tag, H comm, P request)",
  gather: "int MPI_Iallgather(P from, int bytes, H type, P to, int each, H type2, H comm, P request)",
  test: "int MPI_Test(P request, P flag, P status)",
  errorString: "int MPI_Error_string(int code, uint8_t *text, int *length)",
  finalize: "int MPI_Finalize()",
};

/** These functions of one library, for the thread that binds them. */
export type Calls = Record<keyof typeof prototypes, (...args: unknown[]) => number>;

export function bindCalls({ library, abi }: Mpi): Calls {
  const typed = (prototype: string) =>
    prototype.replace(/\bH /g, `${abi.handle} `).replace(/\bP /g, "uintptr_t ");
  const bound = Object.entries(prototypes).map(([name, prototype]) => [name, library.bind(typed(prototype))]);
  return Object.fromEntries(bound);
}

/** The number that a function writes. */
export function numberOf(call: (out: Int32Array) => number, operation: string, calls: Calls): number {
  const out = new Int32Array(1);
  check(call(out), operation, calls);
  return out[0]!;
}

/** Throws if a code says that something went wrong. */
export function check(code: number, operation: string, calls: Calls): void {
  if (code !== 0) throw failure(code, operation, calls);
}

/** What went wrong, in the library's words. */
export function failure(code: number, operation: string, calls: Calls): MpiError {
  return new MpiError(`mpi: ${operation}: ${errorText(code, calls)}`);
}

/** MPICH's text is a stack of lines: its first line names the kind of error, its last one the cause. */
function errorText(code: number, calls: Calls): string {
  const text = new Uint8Array(512);
  const length = new Int32Array(1);
  if (calls.errorString(code, text, length) !== 0) return `error ${code}`;
  const lines = new TextDecoder().decode(text.subarray(0, length[0])).trim().split("\n");
  const kind = lines[0]!.replace(/, error stack:$/, "");
  return lines.length > 1 ? `${kind}: ${lines.at(-1)!.trim()}` : kind;
}
