// A process that may make no executable memory in some of the usual ways: started by a test with the names of the ways
// that it gives up, it installs code, and prints what the code returns or why there is none.
import koffi from "koffi";
import { Asm } from "../src/assembler/asm.ts";
import { rax } from "../src/assembler/operands.ts";
import { installCode } from "../src/code/executable-memory.ts";

const c = koffi.load(null);
const prctl = c.func("int prctl(int, uintptr_t, uintptr_t, uintptr_t, uintptr_t)");
const demand = (result: number) => {
  if (result !== 0) throw new Error(`prctl: errno ${koffi.errno()}`);
};

/** As MemoryDenyWriteExecute of systemd: memory that was writable does not become executable. */
function denyWriteExecute(): void {
  const [PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN] = [65, 1];
  demand(prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0));
}

/** A seccomp filter that refuses memfd_create. */
function denyMemfd(): void {
  const [PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER] = [38, 22, 2];
  const memfdCreate = 319;
  const [load, ifEqual, give, allow, refuse] = [0x20, 0x15, 0x06, 0x7fff0000, 0x00050001];
  // struct sock_filter: code, two jumps, a number. The first word of what is judged is the call.
  const program = new DataView(new SharedArrayBuffer(4 * 8));
  const lines = [
    [load, 0, 0, 0],
    [ifEqual, 0, 1, memfdCreate],
    [give, 0, 0, refuse],
    [give, 0, 0, allow],
  ] as const;
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
  demand(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  const at = koffi.address(new Uint8Array(filter.buffer));
  demand(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, at as unknown as number, 0, 0));
}

const given = { "write-execute": denyWriteExecute, memfd: denyMemfd };
try {
  for (const name of process.argv.slice(2) as (keyof typeof given)[]) given[name]();
} catch (error) {
  console.log(`not possible here: ${(error as Error).message}`);
  process.exit();
}
const asm = new Asm();
asm.movi(rax, 42);
asm.ret();
try {
  const code = installCode(asm.finish());
  console.log(koffi.decode(BigInt(code), koffi.proto("int", []))());
} catch (error) {
  console.log(`${(error as Error).name}: ${(error as Error).message}`);
}
