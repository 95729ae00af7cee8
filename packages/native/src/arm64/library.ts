// Kernels as one block of machine code that runs wherever it lies.
import type { Definition, Routine } from "@shardgrad/core/kernels";
import { CalledRoutines } from "../allocation/calls.ts";
import type { Label } from "../assembler/labels.ts";
import { Asm, link, sp, zero } from "./asm.ts";
import { Constants, parameters as given, otherScratch, scratch } from "./frame.ts";
import { neon } from "./machine.ts";
import { emitRoutine, moveStack } from "./routine.ts";

/** Machine code, and where in it the kernels begin. */
export interface Arm64Library {
  readonly code: Uint8Array;
  readonly entries: ReadonlyMap<string, number>;
}

/**
 * Compiles kernels. The code depends on no address. An entry takes the address of its arguments: a row of float64, in which
 * counts, addresses and numbers are exact; behind them the address of the thread's scratch memory. A result is written over
 * the first.
 *
 * @throws Error if a kernel needs more registers than the machine has
 */
export function compileArm64(definitions: readonly Definition[]): Arm64Library {
  const a = new Asm();
  const constants = new Constants();
  const routines = new CalledRoutines();
  const entries = new Map<string, number>();
  for (const definition of definitions) {
    const routine = definition.record(neon);
    entries.set(definition.name, emitEntry(a, definition, routine, routines.labelOf(routine)));
    routines.emit((next) => emitRoutine(a, next, constants, routines.labelOf));
  }
  constants.place(a);
  return { code: a.finish(), entries };
}

/** Registers of which a caller wants the lower 64 bits back, in pairs. */
const kept = [
  [8, 9],
  [10, 11],
  [12, 13],
  [14, 15],
] as const;

/** Converts the arguments, calls the routine, and keeps what the system's convention (AAPCS64) wants kept. */
function emitEntry(a: Asm, { parameters }: Definition, routine: Routine, label: Label): number {
  // The row of parameters, the scratch memory, and the address of the arguments.
  const words = parameters.length + 2;
  const row = 8 * (words + (words % 2));
  a.align(16);
  const entry = a.at;
  a.pair("stp.x", link, zero);
  for (const [first, second] of kept) a.pair("stp.d", first, second);
  moveStack(a, -row);
  a.transfer("str.x", given, sp, row - 8);
  for (const [i, type] of [...parameters, "near" as const].entries()) {
    a.transfer("ldr.d", 0, given, 8 * i);
    if (type === "f64") a.transfer("str.d", 0, sp, 8 * i);
    else if (type === "f32") {
      a.two("fcvt.s.d", 0, 0);
      a.transfer("str.s", 0, sp, 8 * i);
    } else {
      a.two("fcvtzs.x.d", scratch, 0);
      a.transfer("str.x", scratch, sp, 8 * i);
    }
  }
  a.addImmediate(given, sp, 0);
  a.call(label);
  if (routine.result) {
    a.transfer("ldr.x", otherScratch, sp, row - 8);
    a.two("scvtf.d.x", 0, scratch);
    a.transfer("str.d", 0, otherScratch);
  }
  moveStack(a, row);
  for (const [first, second] of kept.toReversed()) a.pair("ldp.d", first, second);
  a.pair("ldp.x", link, zero);
  a.return();
  return entry;
}
