// The integer instructions. Operands have 64 bits where nothing else is said.
import { Encoder } from "./encoder.ts";
import type { Label } from "./labels.ts";
import type { Condition, Mem, Reg } from "./operands.ts";
import { isReg } from "./operands.ts";

const isByte = (v: number) => v >= -128 && v <= 127;

export class IntegerAsm extends Encoder {
  /** Opcode and operands, of which `reg` is a register or the opcode's extension. */
  #op(w: 0 | 1, opcode: number | readonly number[], reg: number, rm: Reg | Mem, extra = 0): void {
    this.rex(w, reg, rm);
    if (typeof opcode === "number") this.byte(opcode);
    else this.byte(...opcode);
    this.modrm(reg, rm, 1, extra);
  }

  /** A register that takes a register or memory, or memory that takes a register: the opcode of the store, and of the load. */
  #either(w: 0 | 1, store: number, load: number, d: Reg | Mem, s: Reg | Mem): void {
    if (isReg(s)) this.#op(w, store, s.n, d);
    else this.#op(w, load, (d as Reg).n, s);
  }

  /** In one byte if it fits, else in four. */
  #number(v: number): void {
    if (isByte(v)) this.byte(v & 255);
    else this.int32(v);
  }

  #alu(op: number, d: Reg | Mem, s: Reg | Mem | number): void {
    if (typeof s !== "number") this.#either(1, (op << 3) | 1, (op << 3) | 3, d, s);
    else if (isByte(s)) this.#op(1, 0x83, op, d, 1);
    else if (isReg(d) && d.n === 0) this.byte(0x48, (op << 3) | 5);
    else this.#op(1, 0x81, op, d, 4);
    if (typeof s === "number") this.#number(s);
  }

  add(d: Reg | Mem, s: Reg | Mem | number): void {
    this.#alu(0, d, s);
  }
  or(d: Reg | Mem, s: Reg | Mem | number): void {
    this.#alu(1, d, s);
  }
  and(d: Reg | Mem, s: Reg | Mem | number): void {
    this.#alu(4, d, s);
  }
  sub(d: Reg | Mem, s: Reg | Mem | number): void {
    this.#alu(5, d, s);
  }
  xor(d: Reg | Mem, s: Reg | Mem | number): void {
    this.#alu(6, d, s);
  }
  cmp(d: Reg | Mem, s: Reg | Mem | number): void {
    this.#alu(7, d, s);
  }

  mov(d: Reg | Mem, s: Reg | Mem): void {
    this.#either(1, 0x89, 0x8b, d, s);
  }
  /** 32 bits: the upper half of a register becomes 0. */
  mov32(d: Reg | Mem, s: Reg | Mem): void {
    this.#either(0, 0x89, 0x8b, d, s);
  }
  /** A number of 32 bits, with its sign. */
  movi(d: Reg | Mem, v: number): void {
    this.#op(1, 0xc7, 0, d, 4);
    this.int32(v);
  }
  /** 32 bits into a register, whose upper half becomes 0, or into memory. */
  movi32(d: Reg | Mem, v: number): void {
    if (isReg(d)) {
      this.rex(0, 0, d);
      this.byte(0xb8 | (d.n & 7));
    } else this.#op(0, 0xc7, 0, d, 4);
    this.int32(v);
  }
  movabs(d: Reg, v: bigint): void {
    this.rex(1, 0, d);
    this.byte(0xb8 | (d.n & 7));
    this.int64(v);
  }
  /** The low byte of a register into memory. */
  mov8(d: Mem, s: Reg): void {
    this.rex(0, s.n, d, s.n >= 4);
    this.byte(0x88);
    this.modrm(s.n, d);
  }
  /** A byte; the others become 0. */
  movzx8(d: Reg, s: Reg | Mem): void {
    this.rex(0, d.n, s, isReg(s) && s.n >= 4);
    this.byte(0x0f, 0xb6);
    this.modrm(d.n, s);
  }
  /** 32 bits, with their sign. */
  movsxd(d: Reg, s: Reg | Mem): void {
    this.#op(1, 0x63, d.n, s);
  }
  lea(d: Reg, m: Mem): void {
    this.#op(1, 0x8d, d.n, m);
  }

  /** d = d·s, or s·by. */
  imul(d: Reg, s: Reg | Mem, by?: number): void {
    if (by === undefined) this.#op(1, [0x0f, 0xaf], d.n, s);
    else {
      this.#op(1, isByte(by) ? 0x6b : 0x69, d.n, s, isByte(by) ? 1 : 4);
      this.#number(by);
    }
  }
  /** rax and rdx = rdx:rax divided by s, and the remainder; unsigned. */
  div(s: Reg | Mem): void {
    this.#op(1, 0xf7, 6, s);
  }
  neg(d: Reg | Mem): void {
    this.#op(1, 0xf7, 3, d);
  }
  inc(d: Reg | Mem): void {
    this.#op(1, 0xff, 0, d);
  }
  dec(d: Reg | Mem): void {
    this.#op(1, 0xff, 1, d);
  }

  #shift(extension: number, d: Reg, by: number): void {
    this.#op(1, by === 1 ? 0xd1 : 0xc1, extension, d);
    if (by !== 1) this.byte(by);
  }
  shl(d: Reg, by: number): void {
    this.#shift(4, d, by);
  }
  shr(d: Reg, by: number): void {
    this.#shift(5, d, by);
  }
  sar(d: Reg, by: number): void {
    this.#shift(7, d, by);
  }
  /** d = s << by, without flags. BMI2, as every processor with AVX2 has it. */
  shlx(d: Reg, s: Reg | Mem, by: Reg): void {
    this.vex(16, { map: 2, prefix: 1, opcode: 0xf7, vexW: 1 }, d.n, by.n, s);
  }
  /** d = the lowest `count` bits of s (all of them from 64 on). BMI2. */
  bzhi(d: Reg, s: Reg | Mem, count: Reg): void {
    this.vex(16, { map: 2, prefix: 0, opcode: 0xf5, vexW: 1 }, d.n, count.n, s);
  }

  test(a: Reg, b: Reg): void {
    this.#op(1, 0x85, b.n, a);
  }
  cmov(c: Condition, d: Reg, s: Reg | Mem): void {
    this.#op(1, [0x0f, 0x40 | c], d.n, s);
  }
  /** Sets the lowest byte to 1 or 0, and leaves the others. */
  setcc(c: Condition, d: Reg): void {
    this.rex(0, 0, d, d.n >= 4);
    this.byte(0x0f, 0x90 | c);
    this.modrm(0, d);
  }

  push(r: Reg): void {
    this.rex(0, 0, r);
    this.byte(0x50 | (r.n & 7));
  }
  pop(r: Reg): void {
    this.rex(0, 0, r);
    this.byte(0x58 | (r.n & 7));
  }
  ret(): void {
    this.byte(0xc3);
  }
  jmp(l: Label): void {
    this.byte(0xe9);
    this.distance(l);
  }
  j(c: Condition, l: Label): void {
    this.byte(0x0f, 0x80 | c);
    this.distance(l);
  }
  call(t: Label | Reg | Mem): void {
    if ("at" in t) {
      this.byte(0xe8);
      this.distance(t);
    } else this.#op(0, 0xff, 2, t);
  }
  /** To an address in a register or in memory. */
  jmpTo(t: Reg | Mem): void {
    this.#op(0, 0xff, 4, t);
  }

  prefetcht0(m: Mem): void {
    this.#op(0, [0x0f, 0x18], 1, m);
  }
  cpuid(): void {
    this.byte(0x0f, 0xa2);
  }
  xgetbv(): void {
    this.byte(0x0f, 0x01, 0xd0);
  }
}
