// The assembler: integer instructions from integers.ts, vector instructions from vectors.ts, and here what lies between
// them and what mask registers do. testing/listings holds what GNU as makes of every form, and the tests compare.
import type { EvexOptions } from "./encoder.ts";
import type { Form, Mask2, Mask3 } from "./forms.ts";
import { masks } from "./forms.ts";
import type { Mem, Reg, Width } from "./operands.ts";
import { isReg } from "./operands.ts";
import { VectorAsm } from "./vectors.ts";

export class Asm extends VectorAsm {
  // Between vector and integer registers

  #moveInteger(name: string, element: 4 | 8, d: number | Reg | Mem, s: number | Reg | Mem): void {
    const isStore = typeof d !== "number";
    const reg = (isStore ? s : d) as number;
    const rm = (isStore ? d : s) as Reg | Mem;
    const form: Form = {
      map: 1,
      prefix: 1,
      opcode: isStore ? 0x7e : 0x6e,
      element,
      reads: element,
      widths: [element],
    };
    // 64 bits of memory have an instruction without W.
    if (element === 4) this.vector(name, form, 4, reg, 0, rm);
    else if (isReg(rm)) this.vector(name, { ...form, vexW: 1 }, 8, reg, 0, rm);
    else if (isStore) this.vector(name, { ...form, opcode: 0xd6 }, 8, reg, 0, rm);
    else this.vector(name, { ...form, prefix: 2, opcode: 0x7e }, 8, reg, 0, rm);
  }
  /** 32 bits between a vector register, whose other bits become 0, and an integer register or memory. */
  vmovd(d: number | Reg | Mem, s: number | Reg | Mem): void {
    this.#moveInteger("vmovd", 4, d, s);
  }
  /** 64 bits. */
  vmovq(d: number | Reg | Mem, s: number | Reg | Mem): void {
    this.#moveInteger("vmovq", 8, d, s);
  }
  /** 32 bits of an integer register in every lane. AVX-512. */
  vpbroadcastdFrom(width: Width, d: number, s: Reg, o?: EvexOptions): void {
    this.vector(
      "vpbroadcastd",
      { map: 2, prefix: 1, opcode: 0x7c, element: 4, only: "evex" },
      width,
      d,
      0,
      s,
      o,
    );
  }
  /** A float64 to an integer of 64 bits, towards 0. */
  vcvttsd2si(d: Reg, s: number | Mem): void {
    this.vector(
      "vcvttsd2si",
      { map: 1, prefix: 3, opcode: 0x2c, element: 8, vexW: 1, reads: 8, widths: [8] },
      8,
      d.n,
      0,
      s,
    );
  }
  /** A float32 to an integer of 64 bits, towards 0. */
  vcvttss2si(d: Reg, s: number | Mem): void {
    const form: Form = { map: 1, prefix: 2, opcode: 0x2c, element: 8, vexW: 1, reads: 4, widths: [4] };
    this.vector("vcvttss2si", form, 4, d.n, 0, s);
  }
  /** An integer of 64 bits to a float64; the upper lane comes from `a`. */
  vcvtsi2sd(d: number, a: number, s: Reg | Mem): void {
    this.vector(
      "vcvtsi2sd",
      { map: 1, prefix: 3, opcode: 0x2a, element: 8, vexW: 1, reads: 8, widths: [8] },
      8,
      d,
      a,
      s,
    );
  }
  /** An integer of 64 bits to a float32; the upper lanes come from `a`. */
  vcvtsi2ss(d: number, a: number, s: Reg | Mem): void {
    this.vector(
      "vcvtsi2ss",
      { map: 1, prefix: 2, opcode: 0x2a, element: 8, vexW: 1, reads: 8, widths: [8] },
      8,
      d,
      a,
      s,
    );
  }
  /** The sign bits of the lanes. */
  vmovmskps(width: 16 | 32, d: Reg, s: number): void {
    this.vector("vmovmskps", { map: 1, prefix: 0, opcode: 0x50, element: 4, only: "vex" }, width, d.n, 0, s);
  }

  // Mask registers

  /** 16 bits to or from a mask register. */
  kmovw(d: number | Reg | Mem, s: number | Reg | Mem): void {
    const op = (opcode: number, reg: number, rm: number | Reg | Mem) =>
      this.vex(16, { map: 1, prefix: 0, opcode }, reg, 0, rm);
    if (typeof d === "number") op(typeof s !== "number" && isReg(s) ? 0x92 : 0x90, d, s);
    else if (isReg(d)) op(0x93, d.n, s);
    else op(0x91, s as number, d);
  }
  k3(name: Mask3, d: number, a: number, b: number): void {
    this.vex(32, { map: 1, prefix: 0, opcode: masks[name].opcode }, d, a, b);
  }
  k2(name: Mask2, a: number, b: number): void {
    this.vex(16, { map: 1, prefix: 0, opcode: masks[name].opcode }, a, 0, b);
  }
  /** The upper bits of 16 move down, zeros after them. */
  kshiftrw(d: number, s: number, by: number): void {
    this.vex(16, { map: 3, prefix: 1, opcode: 0x30, vexW: 1 }, d, 0, s, 1);
    this.byte(by);
  }

  vzeroupper(): void {
    this.byte(0xc5, 0xf8, 0x77);
  }
}
