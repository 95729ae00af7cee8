// One routine as machine code: its control flow and its calls. Integers are in integers.ts, lanes in lanes.ts, their memory in
// lane-memory.ts.
import type { Routine, Statement, Value, Variable } from "@shardgrad/core/kernels";
import type { Label } from "../assembler/labels.ts";
import { newLabel } from "../assembler/labels.ts";
import type { Asm } from "./asm.ts";
import { immediateLimit, link, reaches, sp, zero } from "./asm.ts";
import { foldLanes, transposeLanes } from "./folds.ts";
import type { Constants } from "./frame.ts";
import { Frame, otherScratch, parameters, scratch } from "./frame.ts";
import { opposite } from "./instructions.ts";
import { Integers } from "./integers.ts";
import { LaneMemory } from "./lane-memory.ts";
import { LaneOperands } from "./lane-operands.ts";
import { Lanes } from "./lanes.ts";
import { isConstant } from "./needs.ts";

/** Moves the stack pointer. */
export function moveStack(a: Asm, by: number): void {
  const low = by % immediateLimit;
  if (by !== low) a.addImmediate(sp, sp, by - low);
  if (low !== 0) a.addImmediate(sp, sp, low);
}

/**
 * Emits a routine. It takes its parameters in a row of 8 bytes each at x0 (behind those of a kernel: the address of the
 * scratch memory), returns in x16, keeps all other registers of integers but x17 and the link, and none of lanes.
 */
export function emitRoutine(
  a: Asm,
  routine: Routine,
  constants: Constants,
  labelOf: (routine: Routine) => Label,
): void {
  new RoutineEmitter(a, routine, constants, labelOf).emit();
}

class RoutineEmitter {
  readonly #a: Asm;
  readonly #routine: Routine;
  readonly #frame: Frame;
  readonly #integers: Integers;
  readonly #operands: LaneOperands;
  readonly #lanes: Lanes;
  readonly #memory: LaneMemory;
  readonly #labelOf: (routine: Routine) => Label;

  constructor(a: Asm, routine: Routine, constants: Constants, labelOf: (routine: Routine) => Label) {
    this.#a = a;
    this.#routine = routine;
    this.#labelOf = labelOf;
    this.#frame = new Frame(routine);
    this.#integers = new Integers(a, this.#frame, routine.parameters.length);
    this.#operands = new LaneOperands(a, this.#frame, constants);
    this.#lanes = new Lanes(a, this.#frame, this.#operands, this.#integers);
    this.#memory = new LaneMemory(a, this.#frame, this.#operands, this.#integers);
  }

  emit(): void {
    const [a, frame] = [this.#a, this.#frame];
    a.align(16);
    a.bind(this.#labelOf(this.#routine));
    const hasCalls = frame.analysis.calls.length > 0;
    const saved = [...(hasCalls ? [link] : []), ...frame.saved];
    // The stack pointer stays on 16 bytes.
    const inPairs = saved.flatMap((register, i) =>
      i % 2 ? [] : [[register, saved[i + 1] ?? zero] as const],
    );
    for (const [first, second] of inPairs) a.pair("stp.x", first, second);
    moveStack(a, -frame.bytes);
    if (hasCalls) a.transfer("str.x", parameters, sp, frame.ownParameters);
    this.#takeParameters();
    for (const [value, register] of frame.residents) this.#operands.load(register, value);
    this.#statements(this.#routine.body);
    if (this.#routine.result)
      this.#integers.move({ in: "register", register: scratch }, this.#routine.result);
    moveStack(a, frame.bytes);
    for (const [first, second] of inPairs.toReversed()) a.pair("ldp.x", first, second);
    a.return();
  }

  #takeParameters(): void {
    const [a, frame] = [this.#a, this.#frame];
    for (const [i, parameter] of this.#routine.parameters.entries()) {
      if (!frame.analysis.lives.has(parameter)) continue;
      if (parameter.type === "v" || parameter.type === "d") {
        a.addImmediate(otherScratch, parameters, 8 * i);
        a.splat(parameter.type === "v" ? "ld1r.4s" : "ld1r.2d", frame.vector(parameter), otherScratch);
      } else {
        const place = frame.integer(parameter);
        if (place.in === "register") a.transfer("ldr.x", place.register, parameters, 8 * i);
      }
    }
  }

  #statements(statements: readonly Statement[]): void {
    for (const [i, statement] of statements.entries()) this.#statement(statement, statements[i + 1]);
  }

  #statement(statement: Statement, next: Statement | undefined): void {
    const a = this.#a;
    switch (statement.is) {
      case "value":
        this.#value(statement.value, next);
        return;
      case "set":
        this.#set(statement.variable, statement.value);
        return;
      case "store":
        this.#memory.store(statement);
        return;
      case "clear":
        throw new Error(
          `arm64: ${this.#routine.name} clears memory by one operation, of which the target has none`,
        );
      case "prefetch": {
        const { base, offset } = this.#integers.address(statement.place, "ldr.x");
        a.prefetch(base, offset);
        return;
      }
      case "transpose": {
        const rows = statement.variables.map((variable) => this.#frame.vector(variable));
        const temporaries = this.#frame.temporaries(statement);
        transposeLanes(a, rows as [number, number, number, number], temporaries as [number, number]);
        return;
      }
      case "call":
        this.#call(statement);
        return;
      case "if":
        this.#if(statement.flag, statement.yes, statement.no);
        return;
      case "loop": {
        a.align(16);
        const start = a.here();
        for (const [i, inner] of statement.body.entries()) {
          this.#integers.again = statement.again;
          this.#statement(inner, statement.body[i + 1]);
        }
        a.jumpIf(this.#integers.conditionOf(statement.again), start);
      }
    }
  }

  #value(value: Value, next: Statement | undefined): void {
    const { analysis } = this.#frame;
    if (!analysis.isUsed(value) || analysis.rootOf(value) !== value) return;
    const into = analysis.intoOf(value);
    if (value.type === "v" || value.type === "d" || value.type === "mask")
      this.#lanesOf(value, this.#frame.vector(into ?? value));
    else this.#integers.compute(value, into, next);
  }

  #lanesOf(value: Value, to: number): void {
    const { making, args } = value;
    switch (making.by) {
      case "operation":
        this.#lanes.operate(value, to);
        return;
      case "fold": {
        const temporaries = [...this.#frame.temporaries(value)];
        const own = temporaries.splice(0, 3) as [number, number, number];
        const parts = args.map((part) => this.#operands.register(part, temporaries));
        foldLanes(this.#a, making.fold, parts, to, own);
        return;
      }
      case "read":
        this.#lanes.copy(to, this.#frame.vector(making.variable));
        return;
      case "load":
        this.#memory.load(value, to);
        return;
      default:
        throw new Error(`arm64: cannot make lanes by ${making.by}`);
    }
  }

  #set(variable: Variable, value: Value): void {
    if (this.#frame.analysis.intoOf(value) === variable) return;
    if (variable.type !== "v" && variable.type !== "d" && variable.type !== "mask") {
      this.#integers.move(this.#frame.integer(variable), value);
      return;
    }
    const to = this.#frame.vector(variable);
    const resident = this.#frame.residents.get(value);
    if (resident !== undefined) this.#lanes.copy(to, resident);
    else if (isConstant(value)) this.#operands.load(to, value);
    else this.#lanes.copy(to, this.#frame.vector(value));
  }

  #call(statement: Extract<Statement, { is: "call" }>): void {
    const [a, frame] = [this.#a, this.#frame];
    const held = frame.heldOver(frame.analysis.positionOf(statement));
    for (const { register, at } of held) this.#onStack("str.q", register, at);
    for (const [i, arg] of statement.args.entries()) {
      if (arg.making.by === "constant" && arg.type === "v") {
        a.number(scratch, arg.making.bits >>> 0);
        a.transfer("str.w", scratch, sp, 8 * i);
      } else if (arg.type === "v" || arg.type === "d")
        a.transfer(arg.type === "v" ? "str.s" : "str.d", frame.vector(arg), sp, 8 * i);
      else this.#integers.move({ in: "stack", at: 8 * i }, arg);
    }
    a.addImmediate(parameters, sp, 0);
    a.call(this.#labelOf(statement.routine));
    a.transfer("ldr.x", parameters, sp, frame.ownParameters);
    for (const { register, at } of held) this.#onStack("ldr.q", register, at);
  }

  /** Saves a vector, or gets it back. */
  #onStack(name: "str.q" | "ldr.q", register: number, at: number): void {
    if (reaches(name, at)) this.#a.transfer(name, register, sp, at);
    else {
      this.#a.addImmediate(otherScratch, sp, at);
      this.#a.transfer(name, register, otherScratch);
    }
  }

  #if(flag: Value, yes: readonly Statement[], no: readonly Statement[]): void {
    const a = this.#a;
    const [otherwise, end] = [newLabel(), newLabel()];
    a.jumpIf(opposite(this.#integers.conditionOf(flag)), otherwise);
    this.#statements(yes);
    if (no.length > 0) {
      a.jump(end);
      a.bind(otherwise);
      this.#statements(no);
      a.bind(end);
    } else a.bind(otherwise);
  }
}
