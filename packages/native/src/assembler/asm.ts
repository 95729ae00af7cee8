// The assembler: integer instructions from integers.ts, vector instructions by the tables in forms.ts. Widths are bytes;
// each instruction takes VEX where that can say it, which is shorter, else EVEX. testing/listings holds what GNU as makes
// of every form, and the tests compare.
import type { EvexOptions } from "./encoder.ts";
import type { Extract, Form, Mask2, Mask3, Move, Three, ThreeImmediate, Two, TwoImmediate } from "./forms.ts";
import { extracts, masks, moves, three, threeImmediate, two, twoImmediate } from "./forms.ts";
import { IntegerAsm } from "./integers.ts";
import type { Mem, Reg, Width } from "./operands.ts";
import { isReg } from "./operands.ts";

const isHigh = (operand: number | Reg | Mem) => typeof operand === "number" && operand > 15;

export class Asm extends IntegerAsm {
  #vector(
    name: string,
    form: Form,
    width: Width,
    reg: number,
    v: number,
    rm: number | Reg | Mem,
    o: EvexOptions = {},
    extra = 0,
  ): void {
    const needsEvex = width === 64 || isHigh(reg) || isHigh(v) || isHigh(rm) || o.k || o.bcast;
    const isOfKind =
      form.takes === undefined || form.takes === (typeof rm === "number" ? "register" : "memory");
    const exists = isOfKind && (form.widths?.includes(width) ?? width >= 16);
    if (!exists || (needsEvex && form.only === "vex") || (o.bcast && (form.reads || form.whole)))
      throw new Error(`assembler: ${name} has no form of ${width} bytes for these operands`);
    if (needsEvex || form.only === "evex") this.#evex(form, width, reg, v, rm, o, extra);
    else this.vex(width, form, reg, v, rm, extra);
  }

  #evex(
    form: Form,
    width: Width,
    reg: number,
    v: number,
    rm: number | Reg | Mem,
    o: EvexOptions,
    extra: number,
  ): void {
    const { map, element, reads = form.half === "from" ? width / 2 : width } = form;
    const unit = o.bcast ? element : reads;
    // The integer form of a logic operation has the prefix 66.
    const { opcode, prefix } = form.evex ? { opcode: form.evex.opcode, prefix: 1 as const } : form;
    this.evex(width, { map, prefix, opcode, element }, reg, v, rm, unit, o, extra);
  }

  /** An operation of three operands. The names with a K write a mask register. */
  op3(name: Three, width: Width, d: number, a: number, b: number | Mem, o?: EvexOptions): void {
    this.#vector(name, three[name], width, d, a, b, o);
  }
  op3i(
    name: ThreeImmediate,
    width: Width,
    d: number,
    a: number,
    b: number | Mem,
    imm: number,
    o?: EvexOptions,
  ): void {
    this.#vector(name, threeImmediate[name], width, d, a, b, o, 1);
    this.byte(imm);
  }
  /** An operation of two operands. `width` is that of the wider one. */
  op2(name: Two, width: Width, d: number, s: number | Mem, o?: EvexOptions): void {
    this.#vector(name, two[name], width, d, 0, s, o);
  }
  op2i(name: TwoImmediate, width: Width, d: number, s: number | Mem, imm: number, o?: EvexOptions): void {
    const form: Form = twoImmediate[name];
    if (form.extension === undefined) this.#vector(name, form, width, d, 0, s, o, 1);
    // VEX cannot shift what is in memory.
    else
      this.#vector(
        name,
        typeof s === "number" ? form : { ...form, only: "evex" },
        width,
        form.extension,
        d,
        s,
        o,
        1,
      );
    this.byte(imm);
  }
  /** A part of `s`, whose width is given. */
  extract(name: Extract, width: 32 | 64, d: number | Mem, s: number, imm: number, o?: EvexOptions): void {
    this.#vector(name, extracts[name], width, s, 0, d, o, 1);
    this.byte(imm);
  }

  #move(name: Move, width: Width, d: number | Mem, s: number | Mem, o?: EvexOptions): void {
    const load: Form = moves[name].load;
    const store = { ...load, opcode: moves[name].store };
    // Between two registers, VEX is shorter in the direction that has the higher one as its first operand.
    const isShorter = typeof s === "number" && typeof d === "number" && s > 7 && s < 16 && d < 8;
    const stores = typeof d !== "number" || (isShorter && !load.only && width < 64 && !o?.k);
    if (stores) this.#vector(name, store, width, s as number, 0, d, o);
    else this.#vector(name, load, width, d, 0, s, o);
  }
  /** A load, or a store if the destination is in memory. */
  vmovups(width: Width, d: number | Mem, s: number | Mem, o?: EvexOptions): void {
    this.#move("vmovups", width, d, s, o);
  }
  /** As `vmovups`, of aligned memory. */
  vmovaps(width: Width, d: number | Mem, s: number | Mem, o?: EvexOptions): void {
    this.#move("vmovaps", width, d, s, o);
  }
  vmovdqa32(width: Width, d: number | Mem, s: number | Mem, o?: EvexOptions): void {
    this.#move("vmovdqa32", width, d, s, o);
  }
  vmovdqu32(width: Width, d: number | Mem, s: number | Mem, o?: EvexOptions): void {
    this.#move("vmovdqu32", width, d, s, o);
  }
  #scalar(name: string, prefix: 2 | 3, element: 4 | 8, d: number | Mem, s: number | Mem): void {
    const isStore = typeof d !== "number";
    const form: Form = {
      map: 1,
      prefix,
      opcode: isStore ? 0x11 : 0x10,
      element,
      reads: element,
      widths: [element],
    };
    this.#vector(name, form, element, (isStore ? s : d) as number, 0, isStore ? d : s);
  }
  /** One float32 from memory, with zeros above it, or to memory. */
  vmovss(d: number | Mem, s: number | Mem): void {
    this.#scalar("vmovss", 2, 4, d, s);
  }
  /** One float64 from memory, with zeros above it, or to memory. */
  vmovsd(d: number | Mem, s: number | Mem): void {
    this.#scalar("vmovsd", 3, 8, d, s);
  }
  /** Lanes whose mask has its sign bit set; the others read 0, or stay as they are in memory. AVX. */
  vmaskmovps(width: Width, d: number | Mem, mask: number, s: number | Mem): void {
    const isStore = typeof d !== "number";
    const form: Form = { map: 2, prefix: 1, opcode: isStore ? 0x2e : 0x2c, element: 4, only: "vex" };
    this.#vector("vmaskmovps", form, width, (isStore ? s : d) as number, mask, isStore ? d : s);
  }
  /** b where the sign bit of the mask is set, else a. AVX. */
  vblendvps(width: Width, d: number, a: number, b: number | Mem, mask: number): void {
    this.#vector(
      "vblendvps",
      { map: 3, prefix: 1, opcode: 0x4a, element: 4, only: "vex" },
      width,
      d,
      a,
      b,
      {},
      1,
    );
    this.byte(mask << 4);
  }

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
    if (element === 4) this.#vector(name, form, 4, reg, 0, rm);
    else if (isReg(rm)) this.#vector(name, { ...form, vexW: 1 }, 8, reg, 0, rm);
    else if (isStore) this.#vector(name, { ...form, opcode: 0xd6 }, 8, reg, 0, rm);
    else this.#vector(name, { ...form, prefix: 2, opcode: 0x7e }, 8, reg, 0, rm);
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
    this.#vector(
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
    this.#vector(
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
    this.#vector("vcvttss2si", form, 4, d.n, 0, s);
  }
  /** An integer of 64 bits to a float64; the upper lane comes from `a`. */
  vcvtsi2sd(d: number, a: number, s: Reg | Mem): void {
    this.#vector(
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
    this.#vector(
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
    this.#vector("vmovmskps", { map: 1, prefix: 0, opcode: 0x50, element: 4, only: "vex" }, width, d.n, 0, s);
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
