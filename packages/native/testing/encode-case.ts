// Instructions as text for GNU as, beside the calls that should make the same bytes; and the operands to write them with.
import { Asm } from "../src/assembler/asm.ts";
import { newLabel } from "../src/assembler/labels.ts";
import type { Mem, Reg, Scale } from "../src/assembler/operands.ts";
import { at, mem } from "../src/assembler/operands.ts";

export interface EncodeCase {
  readonly text: string;
  emit(asm: Asm): void;
}

/** A label that lies so many bytes behind the end of the instruction that refers to it. */
const labelDistance = 64;
const behind = newLabel();

/** The bytes that the assembler makes of a case. */
export function bytesOf({ emit }: EncodeCase): string {
  const asm = new Asm();
  emit(asm);
  behind.at = asm.at + labelDistance;
  return Buffer.from(asm.finish()).toString("hex");
}

/** Operands, with their names: each call gives other ones, always in the same order. */
export class Operands {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  next(below: number): number {
    this.#state = (Math.imul(this.#state, 1103515245) + 12345) >>> 0;
    return (this.#state >>> 8) % below;
  }

  of<T>(list: readonly T[]): T {
    return list[this.next(list.length)]!;
  }

  integer(): Reg {
    return { n: this.next(16) };
  }

  /** A place in memory. Short displacements of EVEX count in `unit` bytes. */
  place(unit = 1): { place: Mem; text: string } {
    if (this.next(8) === 0) return { place: at(behind), text: `[rip+${labelDistance}]` };
    const base = this.integer();
    const disp = this.of([
      0,
      0,
      unit,
      -unit,
      127 * unit,
      128 * unit,
      -128 * unit,
      -129 * unit,
      4,
      -4,
      1,
      100,
      65536,
    ]);
    const offset = disp === 0 ? "" : disp < 0 ? String(disp) : `+${disp}`;
    if (this.next(2) === 0) return { place: mem(base, disp), text: `[${r64(base)}${offset}]` };
    const index = { n: this.of([0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]) };
    const scale = this.of<Scale>([1, 2, 4, 8]);
    return { place: mem(base, disp, index, scale), text: `[${r64(base)}+${r64(index)}*${scale}${offset}]` };
  }
}

const names64 = ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"];
const names8 = ["al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil"];

export const r64 = ({ n }: Reg): string => names64[n] ?? `r${n}`;
export const r32 = ({ n }: Reg): string => names64[n]?.replace("r", "e") ?? `r${n}d`;
export const r8 = ({ n }: Reg): string => names8[n] ?? `r${n}b`;

const pointers: Record<number, string> = {
  4: "dword",
  8: "qword",
  16: "xmmword",
  32: "ymmword",
  64: "zmmword",
};
export const pointer = (bytes: number, text: string): string => `${pointers[bytes]} ptr ${text}`;
export const vectorName = (bytes: number, n: number): string =>
  `${bytes === 64 ? "z" : bytes === 32 ? "y" : "x"}mm${n}`;
