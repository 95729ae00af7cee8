// Kernels as one block of machine code that runs wherever it lies.
import type { Definition, Routine } from "@shardgrad/core/kernels";
import { CalledRoutines } from "../allocation/calls.ts";
import { Asm } from "../assembler/asm.ts";
import type { Label } from "../assembler/labels.ts";
import type { Reg } from "../assembler/operands.ts";
import { mem, rax, rcx, rdi, rsi, rsp } from "../assembler/operands.ts";
import { Constants } from "./frame.ts";
import type { Convention, Machine } from "./machine.ts";
import { emitRoutine } from "./routine.ts";

/** Machine code, and where in it the kernels begin, by the convention of the caller. */
export interface Library {
  readonly code: Uint8Array;
  readonly entries: Readonly<Record<Convention, ReadonlyMap<string, number>>>;
}

/**
 * Compiles kernels. The code depends on no address. An entry takes the address of its arguments: a row of float64, in which counts, addresses and
 * numbers are exact; behind them the address of the thread's scratch memory. A result is written over the first.
 *
 * @throws Error if a kernel needs more registers than the machine has
 */
export function compileLibrary(definitions: readonly Definition[], machine: Machine): Library {
  const a = new Asm();
  const constants = new Constants(machine);
  const routines = new CalledRoutines();
  const entries = { sysv: new Map<string, number>(), win64: new Map<string, number>() };
  for (const definition of definitions) {
    const routine = definition.record(machine.target);
    for (const convention of ["sysv", "win64"] as const)
      entries[convention].set(
        definition.name,
        emitEntry(a, definition, routine, convention, routines.labelOf(routine)),
      );
    routines.emit((next) => emitRoutine(a, next, machine, constants, routines.labelOf));
  }
  constants.place(a);
  return { code: a.finish(), entries };
}

/** Registers of lanes that Windows wants back. */
const windowsKeeps = [6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/** Converts the arguments, calls the routine, and keeps what the convention wants kept. */
function emitEntry(
  a: Asm,
  { parameters }: Definition,
  routine: Routine,
  convention: Convention,
  label: Label,
): number {
  const isWindows = convention === "win64";
  const given: Reg = isWindows ? rcx : rdi;
  const saved = isWindows ? 16 * windowsKeeps.length : 0;
  // The row of parameters, the scratch memory, and the address of the arguments.
  const row = 8 * (parameters.length + 2);
  a.align(32);
  const entry = a.at;
  if (isWindows) {
    a.push(rsi);
    a.push(rdi);
  }
  a.sub(rsp, row + saved);
  if (isWindows)
    for (const [i, register] of windowsKeeps.entries()) a.vmovups(16, mem(rsp, row + 16 * i), register);
  a.mov(mem(rsp, row - 8), given);
  for (const [i, type] of [...parameters, "near" as const].entries()) {
    const [from, to] = [mem(given, 8 * i), mem(rsp, 8 * i)];
    if (type === "f32") {
      a.vmovsd(0, from);
      a.op3("vcvtsd2ss", 8, 0, 0, 0);
      a.vmovss(to, 0);
    } else if (type === "f64") {
      a.mov(rax, from);
      a.mov(to, rax);
    } else {
      a.vcvttsd2si(rax, from);
      a.mov(to, rax);
    }
  }
  a.mov(rdi, rsp);
  a.call(label);
  if (routine.result) {
    a.mov(rcx, mem(rsp, row - 8));
    a.vcvtsi2sd(0, 0, rax);
    a.vmovsd(mem(rcx, 0), 0);
  }
  a.vzeroupper();
  if (isWindows)
    for (const [i, register] of windowsKeeps.entries()) a.vmovups(16, register, mem(rsp, row + 16 * i));
  a.add(rsp, row + saved);
  if (isWindows) {
    a.pop(rdi);
    a.pop(rsi);
  }
  a.ret();
  return entry;
}
