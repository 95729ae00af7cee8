// One routine as machine code: its control flow, its integers, its memory. What happens to lanes is in lanes.ts.
import type { Place, Routine, Statement, Value, Variable } from "@shardgrad/core/kernels";
import type { Asm } from "../assembler/asm.ts";
import type { Condition, Label, Mem, Reg } from "../assembler/operands.ts";
import { cc, mem, newLabel, rsp } from "../assembler/operands.ts";
import type { Constants } from "./frame.ts";
import { Frame, otherScratch, parameters, scratch } from "./frame.ts";
import { Lanes } from "./lanes.ts";
import type { Machine } from "./machine.ts";

type Source = Reg | Mem | number;

const conditions: Partial<Record<string, Condition>> = {
  "int.lt": cc.l,
  "int.le": cc.le,
  "int.gt": cc.g,
  "int.ge": cc.ge,
  "int.eq": cc.e,
  "int.ne": cc.ne,
};

const isReg = (x: Source): x is Reg => typeof x === "object" && "n" in x;
const same = (x: Source, y: Source) => isReg(x) && isReg(y) && x.n === y.n;
const sameMemory = (x: Source, y: Source) =>
  typeof x === "object" && typeof y === "object" && "base" in x && "base" in y && x.base === y.base && x.disp === y.disp;
const isPowerOf2 = (x: number) => x > 0 && Number.isInteger(Math.log2(x));

/** Routines that this one calls. */
export function routinesOf(routine: Routine): Set<Routine> {
  const found = new Set<Routine>();
  const look = (statements: readonly Statement[]) => {
    for (const statement of statements) {
      if (statement.is === "call") found.add(statement.routine);
      else if (statement.is === "if") {
        look(statement.yes);
        look(statement.no);
      } else if (statement.is === "loop") look(statement.body);
    }
  };
  look(routine.body);
  return found;
}

/**
 * Emits a routine. It takes its parameters in a row of 8 bytes each at rdi (behind those of a kernel: the address of
 * the scratch memory), keeps all other registers of integers but rax and rdx, and none of lanes.
 */
export function emitRoutine(
  a: Asm,
  routine: Routine,
  machine: Machine,
  constants: Constants,
  labelOf: (routine: Routine) => Label,
): void {
  new RoutineEmitter(a, routine, machine, constants, labelOf).emit();
}

class RoutineEmitter {
  readonly #a: Asm;
  readonly #routine: Routine;
  readonly #machine: Machine;
  readonly #frame: Frame;
  readonly #lanes: Lanes;
  readonly #labelOf: (routine: Routine) => Label;
  /** The comparison whose result is in the flags, not in a register. */
  #flags: { readonly value: Value; readonly condition: Condition } | undefined;
  /** What the loop under way ends with. */
  #again: Value | undefined;

  constructor(a: Asm, routine: Routine, machine: Machine, constants: Constants, labelOf: (routine: Routine) => Label) {
    this.#a = a;
    this.#routine = routine;
    this.#machine = machine;
    this.#labelOf = labelOf;
    const outgoing = Math.max(0, ...[...routinesOf(routine)].map((called) => 8 * called.parameters.length));
    this.#frame = new Frame(routine, machine, outgoing);
    this.#lanes = new Lanes(a, this.#frame, machine, constants);
  }

  emit(): void {
    const [a, frame] = [this.#a, this.#frame];
    a.align(32);
    a.bind(this.#labelOf(this.#routine));
    for (const register of frame.saved) a.push(register);
    a.sub(rsp, frame.bytes);
    a.mov(frame.ownParameters, parameters);
    for (const [i, parameter] of this.#routine.parameters.entries()) {
      if (!frame.analysis.lives.has(parameter)) continue;
      const from = mem(parameters, 8 * i);
      if (parameter.type === "v") a.op2("vbroadcastss", this.#machine.width, frame.vector(parameter), from);
      else {
        const to = frame.integer(parameter);
        if (isReg(to)) a.mov(to, from);
      }
    }
    this.#statements(this.#routine.body);
    if (this.#routine.result) this.#move(scratch, this.#source(this.#routine.result));
    a.add(rsp, frame.bytes);
    for (const register of frame.saved.toReversed()) a.pop(register);
    a.ret();
  }

  #statements(statements: readonly Statement[]): void {
    for (const [i, statement] of statements.entries()) this.#statement(statement, statements[i + 1]);
  }

  #statement(statement: Statement, next: Statement | undefined): void {
    switch (statement.is) {
      case "value":
        this.#value(statement.value, next);
        return;
      case "set":
        this.#set(statement.variable, statement.value);
        return;
      case "store":
        this.#store(statement);
        return;
      case "prefetch":
        this.#a.prefetcht0(this.#place(statement.place));
        return;
      case "transpose":
        this.#lanes.transpose(statement.variables, this.#frame.temporaries(statement)[0]!);
        return;
      case "call":
        this.#call(statement);
        return;
      case "if":
        this.#if(statement.flag, statement.yes, statement.no);
        return;
      case "loop": {
        const isInnermost = !statement.body.some(({ is }) => is === "loop" || is === "if");
        this.#a.align(isInnermost ? 32 : 16);
        const start = this.#a.here();
        for (const [i, inner] of statement.body.entries()) {
          this.#again = statement.again;
          this.#statement(inner, statement.body[i + 1]);
        }
        this.#jump(statement.again, start, true);
      }
    }
  }

  #value(value: Value, next: Statement | undefined): void {
    const { analysis } = this.#frame;
    if (!analysis.isUsed(value) || analysis.rootOf(value) !== value) return;
    const into = analysis.intoOf(value);
    if (value.type === "v" || value.type === "d" || value.type === "mask" || value.type === "tail") {
      this.#lanesOf(value, into ?? value);
      return;
    }
    this.#integer(value, into, next);
  }

  #lanesOf(value: Value, place: Value | Variable): void {
    const { making } = value;
    const isMask = (value.type === "mask" || value.type === "tail") && this.#machine.maskRegisters > 0;
    const to = isMask ? this.#frame.mask(place) : this.#frame.vector(place);
    switch (making.by) {
      case "operation":
        this.#lanes.operate(value, to);
        return;
      case "fold":
        this.#lanes.fold(value, to);
        return;
      case "read":
        this.#copyLanes(to, making.variable);
        return;
      case "load":
        this.#load(value, to);
        return;
      default:
        throw new Error(`x64: cannot make lanes by ${making.by}`);
    }
  }

  #copyLanes(to: number, from: Value | Variable): void {
    const isMask = (from.type === "mask" || from.type === "tail") && this.#machine.maskRegisters > 0;
    const source = isMask ? this.#frame.mask(from) : this.#frame.vector(from);
    if (source === to) return;
    if (isMask) this.#a.kmovw(to, source);
    else this.#a.vmovups(this.#machine.width, to, source);
  }

  #load(value: Value, to: number): void {
    const { making, args } = value;
    if (making.by !== "load") throw new Error("x64: no load");
    const [a, { width, maskRegisters }] = [this.#a, this.#machine];
    const from = this.#place(making.place);
    if (making.kind === "v" || making.kind === "d") a.vmovups(width, to, from);
    else if (making.kind === "splat") a.op2("vbroadcastss", width, to, from);
    else if (making.kind === "first") a.vmovss(to, from);
    else if (maskRegisters > 0) a.vmovups(width, to, from, { k: this.#frame.mask(args[0]!), z: true });
    else a.vmaskmovps(width, to, this.#frame.vector(args[0]!), from);
  }

  #store(statement: Extract<Statement, { is: "store" }>): void {
    const { kind, place, value, tail } = statement;
    const [a, { width, maskRegisters }] = [this.#a, this.#machine];
    if (kind === "i32") {
      const source = this.#source(value);
      if (typeof source === "number") a.movi32(this.#place(place), source);
      else if (isReg(source)) a.mov32(this.#place(place), source);
      else {
        // The place may need both scratch registers.
        a.mov(parameters, source);
        a.mov32(this.#place(place), parameters);
        a.mov(parameters, this.#frame.ownParameters);
      }
      return;
    }
    let from: number;
    if (value.making.by === "constant") {
      from = this.#frame.temporaries(statement)[0]!;
      this.#lanes.loadConstant(from, value);
    } else from = this.#frame.vector(value);
    const to = this.#place(place);
    if (kind === "v" || kind === "d") a.vmovups(width, to, from);
    else if (kind === "first") a.vmovss(to, from);
    else if (maskRegisters > 0) a.vmovups(width, to, from, { k: this.#frame.mask(tail!) });
    else a.vmaskmovps(width, to, this.#frame.vector(tail!), from);
  }

  #set(variable: Variable, value: Value): void {
    const { analysis } = this.#frame;
    if (analysis.intoOf(value) === variable) return;
    if (variable.type === "v" || variable.type === "d") {
      const to = this.#frame.vector(variable);
      if (value.making.by === "constant") this.#lanes.loadConstant(to, value);
      else this.#copyLanes(to, analysis.rootOf(value));
    } else if (variable.type === "mask" || variable.type === "tail") {
      const to = this.#machine.maskRegisters > 0 ? this.#frame.mask(variable) : this.#frame.vector(variable);
      this.#copyLanes(to, analysis.rootOf(value));
    } else this.#move(this.#frame.integer(variable), this.#source(value));
  }

  #call(statement: Extract<Statement, { is: "call" }>): void {
    const { routine, args } = statement;
    const [a, frame] = [this.#a, this.#frame];
    const held = frame.heldOver(frame.analysis.positionOf(statement));
    for (const { register, slot } of held) a.vmovups(this.#machine.width, slot, register);
    for (const [i, arg] of args.entries()) {
      const to = mem(rsp, 8 * i);
      if (arg.type === "v") a.vmovss(to, frame.vector(arg));
      else this.#move(to, this.#source(arg));
    }
    a.mov(parameters, rsp);
    a.call(this.#labelOf(routine));
    a.mov(parameters, frame.ownParameters);
    for (const { register, slot } of held) a.vmovups(this.#machine.width, register, slot);
  }

  #if(flag: Value, yes: readonly Statement[], no: readonly Statement[]): void {
    const a = this.#a;
    const [otherwise, end] = [newLabel(), newLabel()];
    this.#jump(flag, otherwise, false);
    this.#statements(yes);
    if (no.length > 0) {
      a.jmp(end);
      a.bind(otherwise);
      this.#statements(no);
      a.bind(end);
    } else a.bind(otherwise);
  }

  /** Jumps if the flag is set, or if it is not. */
  #jump(flag: Value, to: Label, when: boolean): void {
    const condition = this.#conditionOf(flag);
    this.#a.j(when ? condition : ((condition ^ 1) as Condition), to);
  }

  /** The condition under which a flag is set, from what the processor's flags hold now. */
  #conditionOf(flag: Value): Condition {
    if (this.#flags?.value === flag) {
      const { condition } = this.#flags;
      this.#flags = undefined;
      return condition;
    }
    const source = this.#source(flag);
    if (isReg(source)) this.#a.test(source, source);
    else if (typeof source === "number") {
      this.#move(scratch, source);
      this.#a.test(scratch, scratch);
    } else this.#a.cmp(source, 0);
    return cc.ne;
  }

  /** Whether only the next instruction asks for a comparison, so that it stays in the processor's flags. */
  #staysInFlags(value: Value, next: Statement | undefined): boolean {
    if (this.#frame.analysis.usesOf(value) !== 1) return false;
    if (next === undefined) return this.#again === value;
    if (next.is === "if") return next.flag === value;
    if (next.is !== "value") return false;
    const { making, args } = next.value;
    return making.by === "operation" && making.operation === "int.pick" && args[2] === value;
  }

  #integer(value: Value, into: Variable | undefined, next: Statement | undefined): void {
    const { making, args } = value;
    const [a, frame] = [this.#a, this.#frame];
    const place = () => frame.integer(into ?? value);
    if (making.by === "read") return this.#move(place(), frame.integer(making.variable));
    if (making.by === "scratch")
      return this.#move(place(), mem(parameters, 8 * this.#routine.parameters.length));
    if (making.by === "load") {
      const from = this.#place(making.place);
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
        this.#lanes.maskToFlag(args[0]!, operation === "mask.all");
        this.#flag(value, operation === "mask.all" ? cc.e : cc.ne, place, next);
        return;
      case "int.pick":
        this.#pick(args as [Value, Value, Value], place());
        return;
      case "int.shl":
      case "int.shr":
        this.#into(place(), this.#source(args[0]!), (to) =>
          operation === "int.shl" ? a.shl(to, immediate) : a.shr(to, immediate),
        );
        return;
      case "int.mul":
        this.#multiply(args as [Value, Value], place());
        return;
      case "int.div":
        this.#divide(args as [Value, Value], place());
        return;
      case "to.ptr":
      case "to.near":
      case "to.i32":
        this.#move(place(), this.#source(args[0]!));
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
      this.#move(place(), scratch);
    }
  }

  #compare([x, y]: [Value, Value], condition: Condition): Condition {
    let [left, right] = [this.#source(x), this.#source(y)];
    if (typeof left === "number" || (!isReg(left) && !isReg(right) && typeof right !== "number")) {
      this.#move(scratch, left);
      left = scratch;
    }
    if (typeof right === "number" && !fitsImmediate(right)) {
      this.#move(otherScratch, right);
      right = otherScratch;
    }
    if (right === 0 && isReg(left)) this.#a.test(left, left);
    else this.#a.cmp(left, right);
    return condition;
  }

  #pick([yes, no, flag]: [Value, Value, Value], to: Reg | Mem): void {
    const a = this.#a;
    const condition = this.#conditionOf(flag);
    const [first, second] = [this.#source(yes), this.#source(no)];
    // None of these changes the processor's flags.
    const target = isReg(to) && !same(to, first) ? to : scratch;
    this.#move(target, second);
    if (typeof first === "number") {
      this.#move(otherScratch, first);
      a.cmov(condition, target, otherScratch);
    } else a.cmov(condition, target, first);
    this.#move(to, target);
  }

  /** Moves a source to a place and changes it there. */
  #into(to: Reg | Mem, source: Source, change: (register: Reg) => void): void {
    const register = isReg(to) ? to : scratch;
    this.#move(register, source);
    change(register);
    this.#move(to, register);
  }

  #binary(operation: string, [x, y]: [Value, Value], to: Reg | Mem): void {
    const a = this.#a;
    const name = operation.slice(4) as "add" | "sub" | "and" | "or" | "xor";
    let [left, right] = [this.#source(x), this.#source(y)];
    if (name !== "sub" && (typeof left === "number" || same(to, right))) [left, right] = [right, left];
    if (typeof right === "number" && !fitsImmediate(right)) {
      this.#move(otherScratch, right);
      right = otherScratch;
    }
    // In place, also in memory.
    if (sameMemory(to, left) && (isReg(right) || typeof right === "number")) return a[name](to, right);
    if (isReg(to) && isReg(left) && !same(to, left) && name === "add") {
      if (isReg(right)) return a.lea(to, mem(left, 0, right));
      if (typeof right === "number") return a.lea(to, mem(left, right));
    }
    if (isReg(to) && isReg(left) && !same(to, left) && name === "sub" && typeof right === "number")
      return a.lea(to, mem(left, -right));
    const register = isReg(to) && !same(to, right) ? to : scratch;
    this.#move(register, left);
    a[name](register, right);
    this.#move(to, register);
  }

  #multiply([x, y]: [Value, Value], to: Reg | Mem): void {
    const a = this.#a;
    let [left, right] = [this.#source(x), this.#source(y)];
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
    const [left, right] = [this.#source(x), this.#source(y)];
    if (typeof right === "number" && isPowerOf2(right)) {
      this.#into(to, left, (register) => a.shr(register, Math.log2(right)));
      return;
    }
    // A constant goes where the arguments of calls go: nothing is kept there.
    let divisor: Source = right;
    if (typeof divisor === "number") {
      divisor = this.#frame.spare;
      this.#move(divisor, right);
    }
    this.#move(scratch, left);
    a.xor(otherScratch, otherScratch);
    a.div(divisor);
    this.#move(to, scratch);
  }

  #source(value: Value): Source {
    return value.making.by === "constant" ? value.making.number : this.#frame.integer(value);
  }

  /** Moves an integer. Keeps the processor's flags. rax is lost from memory to memory. */
  #move(to: Reg | Mem, from: Source): void {
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
  #place({ base, index, offset, scale }: Place): Mem {
    const register = (value: Value, spare: Reg): Reg => {
      const source = this.#source(value);
      if (isReg(source)) return source;
      this.#move(spare, source);
      return spare;
    };
    const from = register(base, scratch);
    return index ? mem(from, offset, register(index, otherScratch), scale) : mem(from, offset);
  }
}

const fitsImmediate = (x: number) => x >= -(2 ** 31) && x < 2 ** 31;
