// What instructions take: integer registers, places in memory, condition codes. Vector registers (0 to 31) and mask
// registers (0 to 7) are plain numbers.
import type { Label } from "./labels.ts";

/** An integer register, by its number. */
export interface Reg {
  readonly n: number;
}

export const rax: Reg = { n: 0 };
export const rcx: Reg = { n: 1 };
export const rdx: Reg = { n: 2 };
export const rbx: Reg = { n: 3 };
export const rsp: Reg = { n: 4 };
export const rbp: Reg = { n: 5 };
export const rsi: Reg = { n: 6 };
export const rdi: Reg = { n: 7 };
export const r8: Reg = { n: 8 };
export const r9: Reg = { n: 9 };
export const r10: Reg = { n: 10 };
export const r11: Reg = { n: 11 };
export const r12: Reg = { n: 12 };
export const r13: Reg = { n: 13 };
export const r14: Reg = { n: 14 };
export const r15: Reg = { n: 15 };

export type Scale = 1 | 2 | 4 | 8;

/** A place in memory: base + index·scale + disp, or disp bytes behind a label, relative to the instruction pointer. */
export type Mem =
  | { readonly base: Reg; readonly index: Reg | undefined; readonly scale: Scale; readonly disp: number }
  | { readonly label: Label; readonly disp: number };

/** A place in memory by registers. `rsp` cannot be the index. */
export const mem = (base: Reg, disp = 0, index?: Reg, scale: Scale = 1): Mem => ({
  base,
  index,
  scale,
  disp,
});

/** A place in the code. */
export const at = (label: Label, disp = 0): Mem => ({ label, disp });

/** Bytes of a vector operand: 4 and 8 are one float32 or float64, then xmm, ymm, zmm. */
export type Width = 4 | 8 | 16 | 32 | 64;

/** Condition codes of `j`, `cmov` and `setcc`; `b` to `a` compare unsigned numbers, `l` to `g` signed ones. */
export const cc = {
  o: 0,
  no: 1,
  b: 2,
  ae: 3,
  e: 4,
  ne: 5,
  be: 6,
  a: 7,
  s: 8,
  ns: 9,
  p: 10,
  np: 11,
  l: 12,
  ge: 13,
  le: 14,
  g: 15,
} as const;

export type Condition = (typeof cc)[keyof typeof cc];

export const isReg = (x: object): x is Reg => "n" in x;
