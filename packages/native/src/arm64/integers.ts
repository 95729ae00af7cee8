// Integers of a routine: arithmetic, flags, addresses. They are in registers or in memory; x16 and x17 are scratch.
import type { Place, Statement, Value, Variable } from "@shardgrad/core/kernels";
import type { IntegerPlace } from "../allocation/layout.ts";
import type { Asm } from "./asm.ts";
import { immediateLimit, isImmediate, reaches, sp } from "./asm.ts";
import type { Frame } from "./frame.ts";
import { otherScratch, parameters, scratch } from "./frame.ts";
import type { Condition, Move, Three } from "./instructions.ts";
import { isConstant } from "./needs.ts";

const conditions: Readonly<Record<string, Condition>> = {
  "int.lt": "lt",
  "int.le": "le",
  "int.gt": "gt",
  "int.ge": "ge",
  "int.eq": "eq",
  "int.ne": "ne",
};

const arithmetic: Readonly<Record<string, Three>> = {
  "int.add": "add.x",
  "int.sub": "sub.x",
  "int.mul": "mul.x",
  "int.div": "udiv.x",
  "int.and": "and.x",
  "int.or": "orr.x",
  "int.xor": "eor.x",
};

const isPowerOf2 = (x: number) => x > 0 && Number.isInteger(Math.log2(x));

export class Integers {
  /** What the loop under way ends with. */
  again: Value | undefined;
  readonly #a: Asm;
  readonly #frame: Frame;
  readonly #parameterCount: number;
  /** The comparison whose result is in the processor's flags, not in a register. */
  #flags: { readonly value: Value; readonly condition: Condition } | undefined;

  constructor(a: Asm, frame: Frame, parameterCount: number) {
    this.#a = a;
    this.#frame = frame;
    this.#parameterCount = parameterCount;
  }

  /** The condition under which a flag is set, from what the processor's flags hold now. */
  conditionOf(flag: Value): Condition {
    if (this.#flags?.value === flag) {
      const { condition } = this.#flags;
      this.#flags = undefined;
      return condition;
    }
    this.#a.compareImmediate(this.register(flag, scratch), 0);
    return "ne";
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
    const { making } = value;
    const a = this.#a;
    const place = () => this.#frame.integer(into ?? value);
    if (making.by === "read") this.move(place(), making.variable);
    else if (making.by === "scratch")
      this.#into(place(), (to) => a.transfer("ldr.x", to, parameters, 8 * this.#parameterCount));
    else if (making.by === "load") {
      const name = making.kind === "u8" ? "ldrb.w" : "ldrsw.x";
      const { base, offset } = this.address(making.place, name);
      this.#into(place(), (to) => a.transfer(name, to, base, offset));
    } else if (making.by === "operation") {
      const condition = this.#test(value);
      if (condition === undefined) this.#operate(value, place());
      else if (this.#staysInFlags(value, next)) this.#flags = { value, condition };
      else this.#into(place(), (to) => a.truth(to, condition));
    } else throw new Error(`arm64: cannot make an integer by ${making.by}`);
  }

  /** Sets the processor's flags, if the operation's result is a flag; returns the condition under which that is 1. */
  #test(value: Value): Condition | undefined {
    const { making, args } = value;
    if (making.by !== "operation") return undefined;
    const a = this.#a;
    const { operation } = making;
    if (operation === "mask.any" || operation === "mask.all") {
      // The largest lane is 0 if none is set, the smallest if not all are.
      const [lane] = this.#frame.temporaries(value) as [number];
      a.two(operation === "mask.any" ? "umaxv.s.4s" : "uminv.s.4s", lane, this.#frame.vector(args[0]!));
      a.two("fmov.w.s", scratch, lane);
      a.compareImmediate(scratch, 0);
      return "ne";
    }
    const condition = conditions[operation];
    if (condition === undefined) return undefined;
    const [x, y] = args as [Value, Value];
    const left = this.register(x, scratch);
    if (y.making.by === "constant" && Math.abs(y.making.number) < immediateLimit)
      a.compareImmediate(left, y.making.number);
    else a.compare(left, this.register(y, otherScratch));
    return condition;
  }

  #operate(value: Value, to: IntegerPlace): void {
    const { making, args } = value;
    if (making.by !== "operation") return;
    const a = this.#a;
    const { operation, immediate } = making;
    const [x, y, flag] = args as [Value, Value, Value];
    switch (operation) {
      case "int.pick": {
        const condition = this.conditionOf(flag);
        // Neither of these changes the processor's flags.
        const [yes, no] = [this.register(x, scratch), this.register(y, otherScratch)];
        this.#into(to, (register) => a.choose(register, yes, no, condition));
        return;
      }
      case "int.shl":
        this.#into(to, (register) => a.shiftLeft(register, this.register(x, scratch), immediate));
        return;
      case "int.shr":
        this.#into(to, (register) => this.#shiftRight(register, x, immediate));
        return;
      default:
        if (arithmetic[operation]) this.#compute(operation, arithmetic[operation], [x, y], to);
        else if (operation.startsWith("to.") || operation.startsWith("tail.")) this.move(to, x);
        else throw new Error(`arm64: there is no ${operation}`);
    }
  }

  /** An `i32` has 32 bits, of which the highest is its sign; a shift by 0 keeps it. */
  #shiftRight(to: number, x: Value, by: number): void {
    const from = this.register(x, scratch);
    if (by === 0) this.#a.move(to, from);
    else if (x.type === "i32") this.#a.shiftWordRight(to, from, by);
    else this.#a.shiftRight(to, from, by);
  }

  #compute(operation: string, name: Three, [x, y]: [Value, Value], to: IntegerPlace): void {
    const a = this.#a;
    if (isConstant(x) && (operation === "int.add" || operation === "int.mul")) [x, y] = [y, x];
    const by = y.making.by === "constant" ? y.making.number : undefined;
    const left = this.register(x, scratch);
    if (by !== undefined && (operation === "int.add" || operation === "int.sub") && isImmediate(by))
      this.#into(to, (register) => a.addImmediate(register, left, operation === "int.add" ? by : -by));
    else if (by !== undefined && operation === "int.mul" && isPowerOf2(by))
      this.#into(to, (register) => a.shiftLeft(register, left, Math.log2(by)));
    else if (by !== undefined && operation === "int.div" && isPowerOf2(by))
      this.#into(to, (register) => a.shiftRight(register, left, Math.log2(by)));
    else {
      const right = this.register(y, otherScratch);
      this.#into(to, (register) => a.three(name, register, left, right));
    }
  }

  /** The register of an integer. What has none comes into `spare`. Keeps the processor's flags. */
  register(of: Value | Variable, spare: number): number {
    if (!("variable" in of) && of.making.by === "constant") {
      this.#a.number(spare, of.making.number);
      return spare;
    }
    const place = this.#frame.integer(of);
    if (place.in === "register") return place.register;
    this.#a.transfer("ldr.x", spare, place.in === "row" ? parameters : sp, place.at);
    return spare;
  }

  /** Computes into a register, and stores that if the place is memory. */
  #into(place: IntegerPlace, compute: (to: number) => void): void {
    if (place.in === "register") compute(place.register);
    else {
      compute(scratch);
      this.#a.transfer("str.x", scratch, place.in === "row" ? parameters : sp, place.at);
    }
  }

  /** Moves an integer. */
  move(to: IntegerPlace, from: Value | Variable): void {
    this.#into(to, (register) => {
      const source = this.register(from, register);
      if (source !== register) this.#a.move(register, source);
    });
  }

  /** Where a load or store goes, within its reach; x17 may have to hold it. */
  address({ base, index, offset, scale }: Place, name: Move): { base: number; offset: number } {
    let from = this.register(base, otherScratch);
    if (index) {
      this.#a.addShifted(otherScratch, from, this.register(index, scratch), Math.log2(scale));
      from = otherScratch;
    }
    if (reaches(name, offset)) return { base: from, offset };
    this.#add(otherScratch, from, offset);
    return { base: otherScratch, offset: 0 };
  }

  /** The address of a place in a register, which must not be changed. */
  pointer(place: Place): number {
    const { base } = this.address({ ...place, offset: 0 }, "ldr.x");
    if (place.offset === 0) return base;
    this.#add(otherScratch, base, place.offset);
    return otherScratch;
  }

  /** The address of a place in x17, to be changed. */
  movingPointer(place: Place): number {
    const from = this.pointer(place);
    if (from !== otherScratch) this.#a.move(otherScratch, from);
    return otherScratch;
  }

  /** Adds any number. */
  #add(to: number, from: number, by: number): void {
    if (isImmediate(by)) this.#a.addImmediate(to, from, by);
    else {
      this.#a.number(scratch, by);
      this.#a.three("add.x", to, from, scratch);
    }
  }
}
