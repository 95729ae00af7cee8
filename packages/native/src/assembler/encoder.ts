// Bytes of machine code: a buffer, labels and what refers to them, and the prefixes and operand bytes of which x86-64
// instructions consist. Knows no instruction: integers.ts and asm.ts do.
import type { Form } from "./forms.ts";
import { bytesRead } from "./forms.ts";
import type { Label } from "./labels.ts";
import { newLabel, unbound } from "./labels.ts";
import type { Mem, Reg, Width } from "./operands.ts";
import { isReg } from "./operands.ts";

const scales: readonly number[] = [1, 2, 4, 8];
const vectorLength: Record<Width, number> = { 4: 0, 8: 0, 16: 0, 32: 1, 64: 2 };

/** Instructions of 1 to 9 bytes that do nothing. */
const nops = [
  [0x90],
  [0x66, 0x90],
  [0x0f, 0x1f, 0],
  [0x0f, 0x1f, 0x40, 0],
  [0x0f, 0x1f, 0x44, 0, 0],
  [0x66, 0x0f, 0x1f, 0x44, 0, 0],
  [0x0f, 0x1f, 0x80, 0, 0, 0, 0],
  [0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0],
  [0x66, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0],
] as const;

/** What EVEX can say beyond VEX. */
export interface EvexOptions {
  /** The mask register; lanes that it lacks stay as they are. 0 for none. */
  k?: number;
  /** With `k`: the lanes that it lacks become 0. */
  z?: boolean;
  /** The operand in memory is one element, in every lane. */
  bcast?: boolean;
}

/** Four bytes that will hold a distance to a label, counted from their end plus `extra`. */
interface Fixup {
  at: number;
  label: Label;
  extra: number;
}

/** Bits 3 and up of the registers in an operand: an index and a base, of which EVEX lets a vector use both. */
function highBits(rm: Reg | Mem | number): [x: number, b: number] {
  if (typeof rm === "number") return [(rm >> 4) & 1, (rm >> 3) & 1];
  if (isReg(rm)) return [0, rm.n >> 3];
  return "label" in rm ? [0, 0] : [(rm.index?.n ?? 0) >> 3, rm.base.n >> 3];
}

const isHigh = (operand: number | Reg | Mem) => typeof operand === "number" && operand > 15;

export class Encoder {
  #bytes = new Uint8Array(1024);
  #at = 0;
  #fixups: Fixup[] = [];

  /** The offset of the next byte. */
  get at(): number {
    return this.#at;
  }

  byte(...bytes: readonly number[]): void {
    if (this.#at + bytes.length > this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#bytes.length);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    for (const byte of bytes) this.#bytes[this.#at++] = byte;
  }

  int32(v: number): void {
    this.byte(v & 255, (v >> 8) & 255, (v >> 16) & 255, (v >> 24) & 255);
  }

  int64(v: bigint): void {
    this.int32(Number(BigInt.asIntN(32, v)));
    this.int32(Number(BigInt.asIntN(32, v >> 32n)));
  }

  /** Fills up to a multiple of `to` with instructions that do nothing. */
  align(to: number): void {
    while (this.#at % to) this.nop(Math.min(nops.length, to - (this.#at % to)));
  }

  /** One instruction of 1 to 9 bytes that does nothing. */
  nop(bytes: number): void {
    this.byte(...nops[bytes - 1]!);
  }

  bind(label: Label): Label {
    label.at = this.#at;
    return label;
  }

  here(): Label {
    return this.bind(newLabel());
  }

  /** The code, with the distances to all labels. */
  finish(): Uint8Array {
    const view = new DataView(this.#bytes.buffer);
    for (const { at, label, extra } of this.#fixups) {
      if (label.at === unbound)
        throw new Error(`assembler: the label that offset ${at} refers to was never bound`);
      view.setInt32(at, label.at - (at + 4 + extra), true);
    }
    return this.#bytes.slice(0, this.#at);
  }

  /** Four bytes for the distance to a label. `extra` bytes of the instruction stand behind them. */
  protected distance(label: Label, extra = 0): void {
    this.#fixups.push({ at: this.#at, label, extra });
    this.int32(0);
  }

  /** ModRM, SIB and displacement. `unit` is what an 8-bit displacement counts in, `extra` the bytes behind. */
  protected modrm(reg: number, rm: Reg | Mem | number, unit = 1, extra = 0): void {
    const r = (reg & 7) << 3;
    if (typeof rm === "number") this.byte(0xc0 | r | (rm & 7));
    else if (isReg(rm)) this.byte(0xc0 | r | (rm.n & 7));
    else if ("label" in rm) {
      this.byte(r | 5);
      this.distance(rm.label, extra - rm.disp);
    } else this.#memory(r, rm, unit);
  }

  #memory(
    r: number,
    { base: { n }, index, scale, disp }: Exclude<Mem, { label: Label }>,
    unit: number,
  ): void {
    const base = n & 7;
    const isShort = disp % unit === 0 && disp / unit >= -128 && disp / unit <= 127;
    const mod = disp === 0 && base !== 5 ? 0 : isShort ? 1 : 2;
    if (index?.n === 4) throw new Error("assembler: rsp cannot be an index; put it into the base");
    if (index || base === 4) {
      const sib = index ? (scales.indexOf(scale) << 6) | ((index.n & 7) << 3) : 0x20;
      this.byte((mod << 6) | r | 4, sib | base);
    } else this.byte((mod << 6) | r | base);
    if (mod === 1) this.byte((disp / unit) & 255);
    if (mod === 2) this.int32(disp);
  }

  /** The prefix of an integer instruction. `isNeeded` where a register of 8 bits is meant that has no other name. */
  protected rex(w: 0 | 1, reg: number, rm: Reg | Mem, isNeeded = false): void {
    const [x, b] = highBits(rm);
    const rex = 0x40 | (w << 3) | ((reg >> 3) << 2) | (x << 1) | b;
    if (rex !== 0x40 || isNeeded) this.byte(rex);
  }

  /** An instruction on vectors, under VEX if that can say it, which is shorter, else under EVEX. */
  protected vector(
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

  /** An instruction under VEX: `extra` bytes of an immediate follow. */
  protected vex(
    width: Width,
    { map, prefix, opcode, vexW }: Pick<Form, "map" | "prefix" | "opcode" | "vexW">,
    reg: number,
    v: number,
    rm: Reg | Mem | number,
    extra = 0,
  ): void {
    const [x, b] = highBits(rm);
    const r = reg < 8 ? 0x80 : 0;
    const rest = ((~v & 15) << 3) | (vectorLength[width] << 2) | prefix;
    if (map === 1 && !vexW && !x && !b) this.byte(0xc5, r | rest);
    else this.byte(0xc4, r | (x ? 0 : 0x40) | (b ? 0 : 0x20) | map, (vexW ? 0x80 : 0) | rest);
    this.byte(opcode);
    this.modrm(reg, rm, 1, extra);
  }

  /** An instruction under EVEX. */
  #evex(
    form: Form,
    width: Width,
    reg: number,
    v: number,
    rm: Reg | Mem | number,
    { k = 0, z = false, bcast = false }: EvexOptions,
    extra: number,
  ): void {
    const { map, element } = form;
    const reads = bytesRead(form, width);
    // The integer form of a logic operation has the prefix 66.
    const { opcode, prefix } = form.evex ? { opcode: form.evex.opcode, prefix: 1 } : form;
    const [x, b] = highBits(rm);
    const w = element === 8 ? 0x80 : 0;
    this.byte(
      0x62,
      (reg & 8 ? 0 : 0x80) | (x ? 0 : 0x40) | (b ? 0 : 0x20) | (reg & 16 ? 0 : 0x10) | map,
      w | ((~v & 15) << 3) | 4 | prefix,
      (z ? 0x80 : 0) | (vectorLength[width] << 5) | (bcast ? 0x10 : 0) | (v & 16 ? 0 : 8) | k,
      opcode,
    );
    // A short displacement counts in as many bytes as are read.
    this.modrm(reg, rm, bcast ? element : reads, extra);
  }
}
