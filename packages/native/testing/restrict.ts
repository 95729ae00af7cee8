// Takes from the process what hardened systems do not allow, before anything else runs: `node --import
// file:///…/restrict.ts?write-execute,memfd program`. Ends the process with code 77 where the system knows no such restriction.
import { isMainThread } from "node:worker_threads";
import koffi from "koffi";

const c = koffi.load(null);
const prctl = c.func("int prctl(int, uintptr_t, uintptr_t, uintptr_t, uintptr_t)");

/** As MemoryDenyWriteExecute of systemd: memory that was writable does not become executable. */
function denyWriteExecute(): boolean {
  const [PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN] = [65, 1];
  return prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) === 0;
}

/** Calls that a filter refuses: all of one kind, or those with a certain third argument. */
interface Refused {
  readonly call: number;
  readonly third?: number;
}

/** A seccomp filter. It holds for this thread and those that it starts. */
function refuse({ call, third }: Refused): boolean {
  const [PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER] = [38, 22, 2];
  const [load, ifEqual, give, allow, EPERM] = [0x20, 0x15, 0x06, 0x7fff0000, 0x00050001];
  // struct seccomp_data: the call at byte 0, its third argument at 32. Jumps count instructions to skip.
  const thirdToo =
    third === undefined
      ? []
      : ([
          [load, 0, 0, 32],
          [ifEqual, 0, 1, third],
        ] as const);
  // struct sock_filter: code, two jumps, a number.
  const lines = [
    [load, 0, 0, 0],
    [ifEqual, 0, 1 + thirdToo.length, call],
    ...thirdToo,
    [give, 0, 0, EPERM],
    [give, 0, 0, allow],
  ] as const;
  const program = new DataView(new SharedArrayBuffer(8 * lines.length));
  for (const [i, [code, yes, no, k]] of lines.entries()) {
    program.setUint16(8 * i, code, true);
    program.setUint8(8 * i + 2, yes);
    program.setUint8(8 * i + 3, no);
    program.setUint32(8 * i + 4, k, true);
  }
  // struct sock_fprog: how many lines, where.
  const filter = new DataView(new SharedArrayBuffer(16));
  filter.setUint16(0, lines.length, true);
  filter.setBigUint64(8, koffi.address(new Uint8Array(program.buffer)), true);
  const at = koffi.address(new Uint8Array(filter.buffer));
  return (
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) === 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, at, 0, 0) === 0
  );
}

/** Their numbers. */
const [MPROTECT, MEMFD_CREATE] = process.arch === "arm64" ? [226, 279] : [10, 319];
const READ_EXECUTE = 5;
const restrictions: Record<string, () => boolean> = {
  "write-execute": denyWriteExecute,
  memfd: () => refuse({ call: MEMFD_CREATE }),
  // V8 asks for memory that it can write and run, so that it goes on.
  "read-execute": () => refuse({ call: MPROTECT, third: READ_EXECUTE }),
};
const names = new URL(import.meta.url).search.slice(1).split(",").filter(Boolean);
// Threads inherit what their process may not do.
if (isMainThread && !names.every((name) => restrictions[name]!())) process.exit(77);
