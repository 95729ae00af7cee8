// The instruction sets that there is machine code for, and who compiles kernels for each.
import type { Definition, Target } from "@shardgrad/core/kernels";
import { compileArm64 } from "./arm64/library.ts";
import { neon, vectorRegisters } from "./arm64/machine.ts";
import { compileLibrary } from "./x64/library.ts";
import type { Machine, Convention as X64Convention, InstructionSet as X64Set } from "./x64/machine.ts";
import { machines } from "./x64/machine.ts";

/** Those of x86-64, and what every arm64 processor has. */
export type InstructionSet = X64Set | "neon";
/** How the system calls: those of x86-64, and that of Linux on arm64. */
export type Convention = X64Convention | "aapcs64";

/** Machine code, and where in it the kernels begin, by the convention of the caller. */
export interface Compiled {
  readonly code: Uint8Array;
  readonly entries: Readonly<Partial<Record<Convention, ReadonlyMap<string, number>>>>;
}

export interface Backend {
  readonly target: Target;
  readonly vectorRegisters: number;
  compile(definitions: readonly Definition[]): Compiled;
}

const onX64 = (machine: Machine): Backend => ({
  target: machine.target,
  vectorRegisters: machine.vectorRegisters,
  compile: (definitions) => compileLibrary(definitions, machine),
});

export const backends: Readonly<Record<InstructionSet, Backend>> = {
  avx2: onX64(machines.avx2),
  avx512: onX64(machines.avx512),
  neon: {
    target: neon,
    vectorRegisters,
    compile(definitions) {
      const { code, entries } = compileArm64(definitions);
      return { code, entries: { aapcs64: entries } };
    },
  },
};
