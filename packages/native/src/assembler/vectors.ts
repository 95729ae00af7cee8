// The vector instructions, by the tables in forms.ts. Widths are bytes.
import type { EvexOptions } from "./encoder.ts";
import type { Extract, Form, Move, Three, ThreeImmediate, Two, TwoImmediate } from "./forms.ts";
import { extracts, moves, three, threeImmediate, two, twoImmediate } from "./forms.ts";
import { IntegerAsm } from "./integers.ts";
import type { Mem, Width } from "./operands.ts";

export class VectorAsm extends IntegerAsm {
  /** An operation of three operands. The names with a K write a mask register. */
  op3(name: Three, width: Width, d: number, a: number, b: number | Mem, o?: EvexOptions): void {
    this.vector(name, three[name], width, d, a, b, o);
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
    this.vector(name, threeImmediate[name], width, d, a, b, o, 1);
    this.byte(imm);
  }
  /** An operation of two operands. `width` is that of the wider one. */
  op2(name: Two, width: Width, d: number, s: number | Mem, o?: EvexOptions): void {
    this.vector(name, two[name], width, d, 0, s, o);
  }
  op2i(name: TwoImmediate, width: Width, d: number, s: number | Mem, imm: number, o?: EvexOptions): void {
    const form: Form = twoImmediate[name];
    if (form.extension === undefined) this.vector(name, form, width, d, 0, s, o, 1);
    // VEX cannot shift what is in memory.
    else
      this.vector(
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
    this.vector(name, extracts[name], width, s, 0, d, o, 1);
    this.byte(imm);
  }

  #move(name: Move, width: Width, d: number | Mem, s: number | Mem, o?: EvexOptions): void {
    const load: Form = moves[name].load;
    const store = { ...load, opcode: moves[name].store };
    // Between two registers, VEX is shorter in the direction that has the higher one as its first operand.
    const isShorter = typeof s === "number" && typeof d === "number" && s > 7 && s < 16 && d < 8;
    const stores = typeof d !== "number" || (isShorter && !load.only && width < 64 && !o?.k);
    if (stores) this.vector(name, store, width, s as number, 0, d, o);
    else this.vector(name, load, width, d, 0, s, o);
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
    this.vector(name, form, element, (isStore ? s : d) as number, 0, isStore ? d : s);
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
    this.vector("vmaskmovps", form, width, (isStore ? s : d) as number, mask, isStore ? d : s);
  }
  /** b where the sign bit of the mask is set, else a. AVX. */
  vblendvps(width: Width, d: number, a: number, b: number | Mem, mask: number): void {
    this.vector(
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
}
