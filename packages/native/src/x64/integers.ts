// Integers of a routine: arithmetic, flags, addresses. They are in registers or in memory; rax and rdx are scratch.
import type { Place, Statement, Value, Variable } from "@shardgrad/core/kernels";
import type { Asm } from "../assembler/asm.ts";
import type { Condition, Mem, Reg } from "../assembler/operands.ts";
import { cc, isReg as isRegister, mem } from "../assembler/operands.ts";
import type { Frame } from "./frame.ts";
import { otherScratch, parameters, scratch } from "./frame.ts";
import type { Masks } from "./masks.ts";

/** A register, memory, or a number. */
export type Source = Reg | Mem | number;

const conditions: Partial<Record<string, Condition>> = {
  "int.lt": cc.l,
  "int.le": cc.le,
  "int.gt": cc.g,
  "int.ge": cc.ge,
  "int.eq": cc.e,
  "int.ne": cc.ne,
};

export const isReg = (x: Source): x is Reg => typeof x === "object" && isRegister(x);
const same = (x: Source, y: Source) => isReg(x) && isReg(y) && x.n === y.n;
const sameMemory = (x: Source, y: Source) =>
  typeof x === "object" &&
  typeof y === "object" &&
  "base" in x &&
  "base" in y &&
  x.base === y.base &&
  x.disp === y.disp;
const isPowerOf2 = (x: number) => x > 0 && Number.isInteger(Math.log2(x));

export class Integers {
  /** What the loop under way ends with. */
  again: Value | undefined;
  readonly #a: Asm;
  readonly #frame: Frame;
  readonly #masks: Masks;
  readonly #parameterCount: number;
  /** The comparison whose result is in the processor's flags, not in a register. */
  #flags: { readonly value: Value; readonly condition: Condition } | undefined;

  constructor(a: Asm, frame: Frame, masks: Masks, parameterCount: number) {
    this.#a = a;
    this.#frame = frame;
    this.#masks = masks;
    this.#parameterCount = parameterCount;
  }

  /** The condition under which a flag is set, from what the processor's flags hold now. */
  conditionOf(flag: Value): Condition {
    if (this.#flags?.value === flag) {
      const { condition } = this.#flags;
      this.#flags = undefined;
      return condition;
    }
    const source = this.source(flag);
    if (isReg(source)) this.#a.test(source, source);
    else if (typeof source === "number") {
      this.move(scratch, source);
      this.#a.test(scratch, scratch);
    } else this.#a.cmp(source, 0);
    return cc.ne;
  }

  /** Whether only the next instruction asks for a comparison, so that it stays in the processor's flags. */
  #staysInFlags(value: Value, next: Statement | undefined): boolean {
    if (this.#frame.analysis.usesOf(value) !== 1) return false;
    if (next === undefined) return this.again === value;
    if (next.is === "if") return next.flag === value;
    if (next.is !== "value") return false;
    const { making, args } = next.value;
    return making.by === "operation" && making.operation === "int.pick" && args[2] === value;
  }

  compute(value: Value, into: Variable | undefined, next: Statement | undefined): void {
    const { making, args } = value;
    const [a, frame] = [this.#a, this.#frame];
    const place = () => frame.integer(into ?? value);
    if (making.by === "read") {
      this.move(place(), frame.integer(making.variable));
      return;
    }
    if (making.by === "scratch") {
      this.move(place(), mem(parameters, 8 * this.#parameterCount));
      return;
    }
    if (making.by === "load") {
      const from = this.place(making.place);
      const to = place();
      const register = isReg(to) ? to : scratch;
      if (making.kind === "u8") a.movzx8(register, from);
      else a.movsxd(register, from);
      if (!isReg(to)) a.mov(to, register);
      return;
    }
    if (making.by !== "operation") throw new Error(`x64: cannot make an integer by ${making.by}`);
    const { operation, immediate } = making;
    const condition = conditions[operation];
    if (condition !== undefined) {
      this.#flag(value, this.#compare(args as [Value, Value], condition), place, next);
      return;
    }
    switch (operation) {
      case "mask.any":
      case "mask.all":
        this.#masks.toFlag(args[0]!, operation === "mask.all");
        this.#flag(value, operation === "mask.all" ? cc.e : cc.ne, place, next);
        return;
      case "int.pick":
        this.#pick(args as [Value, Value, Value], place());
        return;
      case "int.shl":
        this.#into(place(), this.source(args[0]!), (to) => a.shl(to, immediate));
        return;
      case "int.shr": {
        // An i32 has 32 bits, of which the highest is its sign; a shift by 0 keeps it.
        const above = args[0]!.type === "i32" && immediate > 0 ? 32 : 0;
        this.#into(place(), this.source(args[0]!), (to) => {
          if (above > 0) a.shl(to, above);
          a.shr(to, above + immediate);
        });
        return;
      }
      case "int.mul":
        this.#multiply(args as [Value, Value], place());
        return;
      case "int.div":
        this.#divide(args as [Value, Value], place());
        return;
      case "to.ptr":
      case "to.near":
      case "to.i32":
        this.move(place(), this.source(args[0]!));
        return;
      default:
        this.#binary(operation, args as [Value, Value], place());
    }
  }

  /** Keeps a comparison's result for the instruction that follows, or as a number. */
  #flag(value: Value, condition: Condition, place: () => Reg | Mem, next: Statement | undefined): void {
    if (this.#staysInFlags(value, next)) this.#flags = { value, condition };
    else {
      this.#a.setcc(condition, scratch);
      this.#a.movzx8(scratch, scratch);
      this.move(place(), scratch);
    }
  }

  #compare([x, y]: [Value, Value], condition: Condition): Condition {
    let [left, right] = [this.source(x), this.source(y)];
    if (typeof left === "number" || (!isReg(left) && !isReg(right) && typeof right !== "number")) {
      this.move(scratch, left);
      left = scratch;
    }
    if (typeof right === "number" && !fitsImmediate(right)) {
      this.move(otherScratch, right);
      right = otherScratch;
    }
    if (right === 0 && isReg(left)) this.#a.test(left, left);
    else this.#a.cmp(left, right);
    return condition;
  }

  #pick([yes, no, flag]: [Value, Value, Value], to: Reg | Mem): void {
    const a = this.#a;
    const condition = this.conditionOf(flag);
    const [first, second] = [this.source(yes), this.source(no)];
    // None of these changes the processor's flags.
    const target = isReg(to) && !same(to, first) ? to : scratch;
    this.move(target, second);
    if (typeof first === "number") {
      this.move(otherScratch, first);
      a.cmov(condition, target, otherScratch);
    } else a.cmov(condition, target, first);
    this.move(to, target);
  }

  /** Moves a source to a place and changes it there. */
  #into(to: Reg | Mem, source: Source, change: (register: Reg) => void): void {
    const register = isReg(to) ? to : scratch;
    this.move(register, source);
    change(register);
    this.move(to, register);
  }

  #binary(operation: string, [x, y]: [Value, Value], to: Reg | Mem): void {
    const a = this.#a;
    const name = operation.slice(4) as "add" | "sub" | "and" | "or" | "xor";
    let [left, right] = [this.source(x), this.source(y)];
    if (name !== "sub" && (typeof left === "number" || same(to, right))) [left, right] = [right, left];
    if (typeof right === "number" && !fitsImmediate(right)) {
      this.move(otherScratch, right);
      right = otherScratch;
    }
    if (this.#inOneInstruction(name, to, left, right)) return;
    const register = isReg(to) && !same(to, right) ? to : scratch;
    this.move(register, left);
    a[name](register, right);
    this.move(to, register);
  }

  /** In place, also in memory; or as an address, which leaves its operands alone. */
  #inOneInstruction(
    name: "add" | "sub" | "and" | "or" | "xor",
    to: Reg | Mem,
    left: Source,
    right: Source,
  ): boolean {
    const a = this.#a;
    if (sameMemory(to, left) && (isReg(right) || typeof right === "number")) {
      a[name](to, right);
      return true;
    }
    if (!isReg(to) || !isReg(left) || same(to, left)) return false;
    if (name === "add" && isReg(right)) a.lea(to, mem(left, 0, right));
    else if ((name === "add" || name === "sub") && typeof right === "number")
      a.lea(to, mem(left, name === "add" ? right : -right));
    else return false;
    return true;
  }

  #multiply([x, y]: [Value, Value], to: Reg | Mem): void {
    const a = this.#a;
    let [left, right] = [this.source(x), this.source(y)];
    if (typeof left === "number" || same(to, right)) [left, right] = [right, left];
    if (typeof right === "number") {
      const factor = right;
      this.#into(to, left, (register) => {
        if (isPowerOf2(factor)) a.shl(register, Math.log2(factor));
        else a.imul(register, register, factor);
      });
      return;
    }
    const other = right;
    this.#into(to, left, (register) => a.imul(register, other));
  }

  /** Unsigned, of positive numbers. */
  #divide([x, y]: [Value, Value], to: Reg | Mem): void {
    const a = this.#a;
    const [left, right] = [this.source(x), this.source(y)];
    if (typeof right === "number" && isPowerOf2(right)) {
      this.#into(to, left, (register) => a.shr(register, Math.log2(right)));
      return;
    }
    // A constant goes where the arguments of calls go: nothing is kept there.
    let divisor: Source = right;
    if (typeof divisor === "number") {
      divisor = this.#frame.spare;
      this.move(divisor, right);
    }
    this.move(scratch, left);
    a.xor(otherScratch, otherScratch);
    a.div(divisor);
    this.move(to, scratch);
  }

  source(value: Value): Source {
    return value.making.by === "constant" ? value.making.number : this.#frame.integer(value);
  }

  /** Moves an integer. Keeps the processor's flags. rax is lost from memory to memory. */
  move(to: Reg | Mem, from: Source): void {
    if (same(to, from) || sameMemory(to, from)) return;
    if (typeof from === "number") {
      if (fitsImmediate(from)) this.#a.movi(to, from);
      else {
        const register = isReg(to) ? to : scratch;
        this.#a.movabs(register, BigInt(from));
        if (!isReg(to)) this.#a.mov(to, register);
      }
    } else if (isReg(to) || isReg(from)) this.#a.mov(to, from);
    else {
      this.#a.mov(scratch, from);
      this.#a.mov(to, scratch);
    }
  }

  /** Where a load or store goes. What is not in a register comes to rax or rdx. */
  place({ base, index, offset, scale }: Place): Mem {
    const register = (value: Value, spare: Reg): Reg => {
      const source = this.source(value);
      if (isReg(source)) return source;
      this.move(spare, source);
      return spare;
    };
    const from = register(base, scratch);
    return index ? mem(from, offset, register(index, otherScratch), scale) : mem(from, offset);
  }
}

const fitsImmediate = (x: number) => x >= -(2 ** 31) && x < 2 ** 31;
