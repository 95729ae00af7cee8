// One routine as machine code: its control flow, its integers, its memory. What happens to lanes is in lanes.ts.
import type { Place, Routine, Statement, Value, Variable } from "@shardgrad/core/kernels";
import { argumentBytes } from "../allocation/calls.ts";
import type { Asm } from "../assembler/asm.ts";
import type { Label } from "../assembler/labels.ts";
import { newLabel } from "../assembler/labels.ts";
import type { Condition } from "../assembler/operands.ts";
import { mem, rsp } from "../assembler/operands.ts";
import type { Constants } from "./frame.ts";
import { Frame, otherScratch, parameters, scratch } from "./frame.ts";
import type { Source } from "./integers.ts";
import { Integers, isReg } from "./integers.ts";
import { LaneOperands } from "./lane-operands.ts";
import { Lanes } from "./lanes.ts";
import type { Machine } from "./machine.ts";
import { Masks } from "./masks.ts";

/** Statements from which on a loop begins with a line of the cache. */
const longBody = 24;

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
  readonly #operands: LaneOperands;
  readonly #labelOf: (routine: Routine) => Label;
  readonly #integers: Integers;

  constructor(
    a: Asm,
    routine: Routine,
    machine: Machine,
    constants: Constants,
    labelOf: (routine: Routine) => Label,
  ) {
    this.#a = a;
    this.#routine = routine;
    this.#machine = machine;
    this.#labelOf = labelOf;
    this.#frame = new Frame(routine, machine, argumentBytes(routine));
    this.#operands = new LaneOperands(a, this.#frame, machine, constants);
    const masks = new Masks(a, this.#frame, machine, constants, this.#operands);
    this.#lanes = new Lanes(a, this.#frame, machine, constants, this.#operands, masks);
    this.#integers = new Integers(a, this.#frame, masks, routine.parameters.length);
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
      else if (parameter.type === "d")
        a.op2("vbroadcastsd", this.#machine.width, frame.vector(parameter), from);
      else {
        const to = frame.integer(parameter);
        if (isReg(to)) a.mov(to, from);
      }
    }
    this.#statements(this.#routine.body);
    if (this.#routine.result) this.#integers.move(scratch, this.#integers.source(this.#routine.result));
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
      case "clear":
        throw new Error(
          `x64: ${this.#routine.name} clears memory by one operation, of which the target has none`,
        );
      case "prefetch":
        this.#a.prefetcht0(this.#integers.place(statement.place));
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
        // Code is fetched by lines: a tile of a narrow product took 1.27 times as long where its loop began within one.
        const isLong = statement.body.length >= longBody;
        this.#a.align(isInnermost ? (isLong ? 64 : 32) : 16);
        const start = this.#a.here();
        for (const [i, inner] of statement.body.entries()) {
          this.#integers.again = statement.again;
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
    this.#integers.compute(value, into, next);
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
    const from = this.#integers.place(making.place);
    if (making.kind === "v" || making.kind === "d") a.vmovups(width, to, from);
    else if (making.kind === "splat") a.op2("vbroadcastss", width, to, from);
    else if (making.kind === "bytes") a.op2("vpmovzxbd", width, to, from);
    else if (making.kind === "splatWide") a.op2("vbroadcastsd", width, to, from);
    else if (making.kind === "first") a.vmovss(to, from);
    else if (maskRegisters > 0) a.vmovups(width, to, from, { k: this.#frame.mask(args[0]!), z: true });
    else a.vmaskmovps(width, to, this.#frame.vector(args[0]!), from);
  }

  #store(statement: Extract<Statement, { is: "store" }>): void {
    const { kind, place, value, tail } = statement;
    const [a, { width, maskRegisters }] = [this.#a, this.#machine];
    if (kind === "i32" || kind === "u8") {
      this.#storeInteger(kind, this.#integers.source(value), place);
      return;
    }
    let from: number;
    if (value.making.by === "constant") {
      from = this.#frame.temporaries(statement)[0]!;
      this.#operands.load(from, value);
    } else from = this.#frame.vector(value);
    const to = this.#integers.place(place);
    if (kind === "v" || kind === "d") a.vmovups(width, to, from);
    else if (kind === "first") a.vmovss(to, from);
    else if (kind === "firstWide") a.vmovsd(to, from);
    else if (maskRegisters > 0) a.vmovups(width, to, from, { k: this.#frame.mask(tail!) });
    else a.vmaskmovps(width, to, this.#frame.vector(tail!), from);
  }

  #storeInteger(kind: "i32" | "u8", source: Source, place: Place): void {
    const a = this.#a;
    if (kind === "i32" && typeof source === "number") {
      a.movi32(this.#integers.place(place), source);
      return;
    }
    let to = this.#integers.place(place);
    let register = source;
    if (!isReg(register)) {
      // The place may need both scratch registers; its address needs one.
      a.lea(scratch, to);
      to = mem(scratch);
      register = otherScratch;
      this.#integers.move(register, source);
    }
    if (kind === "u8") a.mov8(to, register);
    else a.mov32(to, register);
  }

  #set(variable: Variable, value: Value): void {
    const { analysis } = this.#frame;
    if (analysis.intoOf(value) === variable) return;
    if (variable.type === "v" || variable.type === "d") {
      const to = this.#frame.vector(variable);
      if (value.making.by === "constant") this.#operands.load(to, value);
      else this.#copyLanes(to, analysis.rootOf(value));
    } else if (variable.type === "mask" || variable.type === "tail") {
      const to = this.#machine.maskRegisters > 0 ? this.#frame.mask(variable) : this.#frame.vector(variable);
      this.#copyLanes(to, analysis.rootOf(value));
    } else this.#integers.move(this.#frame.integer(variable), this.#integers.source(value));
  }

  #call(statement: Extract<Statement, { is: "call" }>): void {
    const { routine, args } = statement;
    const [a, frame] = [this.#a, this.#frame];
    const held = frame.heldOver(frame.analysis.positionOf(statement));
    for (const { register, at } of held.vectors) a.vmovups(this.#machine.width, at, register);
    for (const { register, at } of held.masks) a.kmovw(at, register);
    for (const [i, arg] of args.entries()) {
      const to = mem(rsp, 8 * i);
      if (arg.making.by === "constant" && arg.type === "v") a.movi32(to, arg.making.bits | 0);
      else if (arg.type === "v") a.vmovss(to, frame.vector(arg));
      else if (arg.type === "d") a.vmovsd(to, frame.vector(arg));
      else this.#integers.move(to, this.#integers.source(arg));
    }
    a.mov(parameters, rsp);
    a.call(this.#labelOf(routine));
    a.mov(parameters, frame.ownParameters);
    for (const { register, at } of held.vectors) a.vmovups(this.#machine.width, register, at);
    for (const { register, at } of held.masks) a.kmovw(register, at);
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
    const condition = this.#integers.conditionOf(flag);
    this.#a.j(when ? condition : ((condition ^ 1) as Condition), to);
  }
}
