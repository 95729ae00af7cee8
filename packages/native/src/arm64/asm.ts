// The assembler: instructions by their names in instructions.ts. Registers are numbers: vectors 0 to 31, integers 0 to 30;
// 31 is the stack pointer where an address is meant, else 0. testing/listings holds what GNU as makes of every form, and
// the tests compare.
import type { Label } from "../assembler/labels.ts";
import type { Condition, LaneMove, Move, Pair, Shift, Splat, Three, Two } from "./instructions.ts";
import { conditions, laneMoves, moves, opposite, pairs, shifts, splats, three, two } from "./instructions.ts";
import { Words } from "./words.ts";

/** The stack pointer, and the register that is 0. */
export const sp = 31;
export const zero = 31;
/** Where a call leaves the address to return to. */
export const link = 30;

/** Numbers within an instruction have 12 bits. */
export const immediateLimit = 4096;

/** Whether an addition takes a number: one of 12 bits, or of the 12 above these, and a sign. */
export const isImmediate = (x: number): boolean =>
  Math.abs(x) < immediateLimit || (x % immediateLimit === 0 && Math.abs(x) < immediateLimit ** 2);

/** Whether a load or store reaches so many bytes from its register: upwards in its own size, or near by in bytes. */
export const reaches = (name: Move, offset: number): boolean => reachesWith(moves[name].bytes, offset);

const reachesWith = (bytes: number, offset: number) =>
  isScaled(offset, bytes) || (offset >= -256 && offset < 256);

const isScaled = (offset: number, bytes: number) =>
  offset >= 0 && offset % bytes === 0 && offset / bytes < immediateLimit;

export class Asm extends Words {
  three(name: Three, d: number, n: number, m: number): void {
    this.word(three[name] | (m << 16) | (n << 5) | d);
  }
  two(name: Two, d: number, n: number): void {
    this.word(two[name] | (n << 5) | d);
  }
  shift(name: Shift, d: number, n: number, by: number): void {
    const { word, bits, isRight } = shifts[name];
    this.word(word | ((isRight ? 2 * bits - by : bits + by) << 16) | (n << 5) | d);
  }
  /** A vector. */
  copy(d: number, n: number): void {
    this.three("orr.16b", d, n, n);
  }
  /** A vector of zeros. */
  clear(d: number): void {
    this.word(0x6f00e400 | d);
  }
  /** The upper half of n, then the lower half of m. */
  halves(d: number, n: number, m: number): void {
    this.word(0x6e004000 | (m << 16) | (n << 5) | d);
  }

  // Integers

  /** n + m·2^by */
  addShifted(d: number, n: number, m: number, by: number): void {
    this.word(0x8b000000 | (m << 16) | (by << 10) | (n << 5) | d);
  }
  /** n + imm or n - imm, of 12 bits, or of the 12 bits above these. `d` and `n` may be the stack pointer. */
  addImmediate(d: number, n: number, imm: number): void {
    const size = Math.abs(imm);
    const isHigh = size >= immediateLimit;
    if (!isImmediate(imm)) throw new Error(`assembler: add has no form for ${imm}`);
    this.word(
      (imm < 0 ? 0xd1000000 : 0x91000000) |
        (isHigh ? (1 << 22) | ((size / immediateLimit) << 10) : size << 10) |
        (n << 5) |
        d,
    );
  }
  /** Compares with a number of 12 bits and a sign. */
  compareImmediate(n: number, imm: number): void {
    this.word((imm < 0 ? 0xb100001f : 0xf100001f) | (Math.abs(imm) << 10) | (n << 5));
  }
  compare(n: number, m: number): void {
    this.word(0xeb00001f | (m << 16) | (n << 5));
  }
  shiftLeft(d: number, n: number, by: number): void {
    this.word(0xd3400000 | (((64 - by) % 64) << 16) | ((63 - by) << 10) | (n << 5) | d);
  }
  /** Fills with zeros. */
  shiftRight(d: number, n: number, by: number): void {
    this.word(0xd340fc00 | (by << 16) | (n << 5) | d);
  }
  /** The lower 32 bits, filled with zeros. */
  shiftWordRight(d: number, n: number, by: number): void {
    this.word(0x53007c00 | (by << 16) | (n << 5) | d);
  }
  /** n if the condition holds, else m. */
  choose(d: number, n: number, m: number, condition: Condition): void {
    this.word(0x9a800000 | (m << 16) | (conditions[condition] << 12) | (n << 5) | d);
  }
  /** 1 if the condition holds, else 0. */
  truth(d: number, condition: Condition): void {
    this.word(0x9a9f07e0 | (conditions[opposite(condition)] << 12) | d);
  }
  move(d: number, n: number): void {
    this.three("orr.x", d, zero, n);
  }
  /** Sets all 64 bits: 16 of them to `imm` (or its complement), the others to 0 (or 1). */
  movePart(d: number, imm: number, part: number, isComplement: boolean): void {
    this.word((isComplement ? 0x92800000 : 0xd2800000) | (part << 21) | (imm << 5) | d);
  }
  /** Sets 16 bits, and keeps the others. */
  keepPart(d: number, imm: number, part: number): void {
    this.word(0xf2800000 | (part << 21) | (imm << 5) | d);
  }
  /** Any integer, in one to four instructions. */
  number(d: number, value: number): void {
    const bits = BigInt.asUintN(64, BigInt(value));
    const parts = [0, 1, 2, 3].map((part) => Number((bits >> BigInt(16 * part)) & 0xffffn));
    const isComplement = value < 0;
    const rest = isComplement ? 0xffff : 0;
    const [first = 0, ...others] = [0, 1, 2, 3].filter((part) => parts[part] !== rest);
    this.movePart(d, isComplement ? parts[first]! ^ 0xffff : parts[first]!, first, isComplement);
    for (const part of others) this.keepPart(d, parts[part]!, part);
  }

  // Memory

  /** A load or store at n + offset, which it must reach. */
  transfer(name: Move, t: number, n: number, offset = 0): void {
    this.#memory(moves[name].word, moves[name].bytes, t, n, offset);
  }
  /** Asks the caches for a line. */
  prefetch(n: number, offset = 0): void {
    this.#memory(0xf9800000, 8, 0, n, offset);
  }
  #memory(word: number, bytes: number, t: number, n: number, offset: number): void {
    if (!reachesWith(bytes, offset)) throw new Error(`assembler: a load or store does not reach ${offset}`);
    if (isScaled(offset, bytes)) this.word(word | ((offset / bytes) << 10) | (n << 5) | t);
    else this.word((word & ~(1 << 24)) | ((offset & 511) << 12) | (n << 5) | t);
  }
  /** A load or store at n, which then moves on by up to 255 bytes. */
  thenMove(name: Move, t: number, n: number, by: number): void {
    this.word((moves[name].word & ~(1 << 24)) | (by << 12) | 0x400 | (n << 5) | t);
  }
  /** One number at n in every lane. */
  splat(name: Splat, t: number, n: number): void {
    this.word(splats[name] | (n << 5) | t);
  }
  /** A lane of float32 at n, which then moves on by 4. */
  lane(name: LaneMove, t: number, lane: number, n: number): void {
    this.word(laneMoves[name] | ((lane >> 1) << 30) | ((lane & 1) << 12) | (n << 5) | t);
  }
  /** A vector that lies in the code. */
  literal(t: number, label: Label): void {
    this.wordTo(0x9c000000 | t, label, 19, 5);
  }
  /** Pushes two registers, or pops them. */
  pair(name: Pair, first: number, second: number): void {
    const offset = name.startsWith("st") ? -2 : 2;
    this.word(pairs[name] | ((offset & 127) << 15) | (second << 10) | (sp << 5) | first);
  }

  // Control

  jump(label: Label): void {
    this.wordTo(0x14000000, label, 26, 0);
  }
  jumpIf(condition: Condition, label: Label): void {
    this.wordTo(0x54000000 | conditions[condition], label, 19, 5);
  }
  /** Jumps if a register is 0. */
  jumpIfZero(t: number, label: Label): void {
    this.wordTo(0xb4000000 | t, label, 19, 5);
  }
  jumpUnlessZero(t: number, label: Label): void {
    this.wordTo(0xb5000000 | t, label, 19, 5);
  }
  call(label: Label): void {
    this.wordTo(0x94000000, label, 26, 0);
  }
  callAt(n: number): void {
    this.word(0xd63f0000 | (n << 5));
  }
  return(): void {
    this.word(0xd65f03c0);
  }
}
