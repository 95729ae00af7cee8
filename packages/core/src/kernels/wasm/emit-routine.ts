// One recorded routine as the body of a WebAssembly function. The engine's compiler makes SSA of it and gives out
// registers, so nothing is optimised here but two things: a value that is used once, and does not move over a write, stays
// on the stack; and constants of lanes are set before the first loop.
import type { Routine, Statement, Value, Variable } from "../language/values.ts";
import { Bytes } from "./bytes.ts";
import { Code } from "./code.ts";
import { emitTranspose } from "./emit-folds.ts";
import { emitClear, emitStore } from "./emit-memory.ts";
import { emitValue } from "./emit-values.ts";
import type { WasmType } from "./instructions.ts";
import { lane, op, valueCodes } from "./instructions.ts";
import type { Build, Site } from "./site.ts";
import { emitLane, wasmTypeOf } from "./site.ts";
import { operandsOf, operandsOfStatement, usesOf } from "./uses.ts";

/** How the arguments of a function come, which may be other than what its variables are. */
export type Arrival = "as it is" | "f32 to lanes" | "f64 to lanes" | "f64 to address";

class RoutineEmitter implements Site {
  readonly code = new Code();
  readonly build: Build;
  readonly #routine: Routine;
  readonly #indexOf: (routine: Routine) => number;
  readonly #locals: WasmType[] = [];
  readonly #free: Record<WasmType, number[]> = { i32: [], i64: [], f32: [], f64: [], v128: [] };
  readonly #variables = new Map<Variable, number>();
  /** Values that lie in a local, with the block in which they got it. */
  readonly #held = new Map<Value, { local: number; block: number }>();
  readonly #left: Map<Value, number>;
  /** Values that are used once and not computed yet, in order. */
  readonly #waiting = new Set<Value>();
  #block = 0;
  #blocks = 0;

  constructor(routine: Routine, build: Build, indexOf: (routine: Routine) => number) {
    this.#routine = routine;
    this.build = build;
    this.#indexOf = indexOf;
    this.#left = new Map();
  }

  /** The body, with its locals in front. */
  emit(arrivals: readonly Arrival[]): Bytes {
    const { parameters, variables, body, result } = this.#routine;
    const { counts, kept } = usesOf(this.#routine);
    for (const [value, count] of counts) this.#left.set(value, count);
    for (const [i, parameter] of parameters.entries()) this.#receive(parameter, i, arrivals[i]!);
    for (const variable of variables)
      if (!variable.parameter)
        this.#variables.set(variable, this.take(wasmTypeOf(variable.type, this.build)));
    for (const value of kept) {
      emitValue(this, value);
      // No block has this number, so that they stay.
      this.#keepIn(value, -1);
    }
    this.#run(body);
    this.#settle(result ? [result] : []);
    if (result) this.put(result);
    this.code.byte(op.end);
    return this.#withLocals();
  }

  #withLocals(): Bytes {
    const runs: { type: WasmType; count: number }[] = [];
    for (const type of this.#locals) {
      const last = runs.at(-1);
      if (last?.type === type) last.count++;
      else runs.push({ type, count: 1 });
    }
    const whole = new Bytes();
    whole.unsigned(runs.length);
    for (const { type, count } of runs) {
      whole.unsigned(count);
      whole.byte(valueCodes[type]);
    }
    whole.append(this.code);
    return whole;
  }

  #receive(parameter: Variable, index: number, arrival: Arrival): void {
    if (arrival === "as it is") {
      this.#variables.set(parameter, index);
      return;
    }
    const local = this.take(wasmTypeOf(parameter.type, this.build));
    this.#variables.set(parameter, local);
    this.code.get(index);
    if (arrival === "f64 to address") this.code.byte(...op.i64TruncateF64);
    else emitLane(this.code, arrival === "f32 to lanes" ? lane.f32Splat : lane.f64Splat);
    this.code.set(local);
  }

  // Locals

  take(type: WasmType): number {
    return this.#free[type].pop() ?? this.#locals.push(type) - 1 + this.#routine.parameters.length;
  }

  give(type: WasmType, local: number): void {
    this.#free[type].push(local);
  }

  #localOf(variable: Variable): number {
    const local = this.#variables.get(variable);
    if (local === undefined) throw new Error(`wasm: ${this.#routine.name} has a variable of another routine`);
    return local;
  }

  #keepIn(value: Value, block: number): number {
    const local = this.take(wasmTypeOf(value.type, this.build));
    this.code.set(local);
    this.#held.set(value, { local, block });
    return local;
  }

  // Values

  put(value: Value) {
    const held = this.#held.get(value);
    if (held) {
      this.code.get(held.local);
      return this.release(value);
    }
    this.#compute(value);
  }

  /** Puts a value onto the stack that is in no local. */
  #compute(value: Value): void {
    const { making } = value;
    this.#waiting.delete(value);
    if (making.by === "read") this.code.get(this.#localOf(making.variable));
    else emitValue(this, value);
  }

  hold(value: Value): number {
    const held = this.#held.get(value);
    if (held) return held.local;
    if (value.making.by === "read") {
      this.#waiting.delete(value);
      return this.#localOf(value.making.variable);
    }
    this.#compute(value);
    return this.#keepIn(value, this.#block);
  }

  release(value: Value): void {
    const held = this.#held.get(value);
    const left = this.#left.get(value)! - 1;
    this.#left.set(value, left);
    if (!held || left > 0 || held.block !== this.#block) return;
    this.#held.delete(value);
    this.give(wasmTypeOf(value.type, this.build), held.local);
  }

  /** Computes what waits, but what these take up themselves: no value may move over a write or into a block. */
  #settle(taken: readonly Value[]): void {
    if (this.#waiting.size === 0) return;
    const waiting = new Set(this.#waiting);
    const drop = (value: Value): void => {
      if (waiting.delete(value)) for (const operand of operandsOf(value)) drop(operand);
    };
    for (const value of taken) drop(value);
    // Those that others of them take up are computed there.
    const inner = new Set([...waiting].flatMap((value) => operandsOf(value)));
    for (const value of waiting)
      if (!inner.has(value)) {
        this.#compute(value);
        this.#keepIn(value, this.#block);
      }
  }

  // Statements

  #run(statements: readonly Statement[]): void {
    for (const statement of statements) this.#statement(statement);
  }

  #inBlock(statements: readonly Statement[]): void {
    const outer = this.#block;
    this.#block = ++this.#blocks;
    this.#run(statements);
    this.#settle([]);
    this.#block = outer;
  }

  #statement(statement: Statement) {
    const { code } = this;
    if (statement.is === "value") return this.#value(statement.value);
    if (statement.is === "loop") return this.#loop(statement.body, statement.again);
    this.#settle(operandsOfStatement(statement));
    switch (statement.is) {
      case "set":
        this.put(statement.value);
        return this.code.set(this.#localOf(statement.variable));
      case "store":
        return emitStore(this, statement.kind, statement.place, statement.value, statement.tail);
      case "clear":
        return emitClear(this, statement.place, statement.bytes);
      case "transpose":
        return emitTranspose(
          this,
          statement.variables.map((variable) => this.#localOf(variable)),
        );
      case "call":
        for (const value of statement.args) this.put(value);
        code.byte(op.call);
        return code.unsigned(this.#indexOf(statement.routine));
      case "if":
        this.put(statement.flag);
        code.byte(op.if, op.noValue);
        this.#inBlock(statement.yes);
        if (statement.no.length > 0) {
          code.byte(op.else);
          this.#inBlock(statement.no);
        }
        return code.byte(op.end);
    }
  }

  #value(value: Value): void {
    const uses = this.#left.get(value) ?? 0;
    if (uses === 0) return;
    if (uses === 1) this.#waiting.add(value);
    else {
      this.#compute(value);
      this.#keepIn(value, this.#block);
    }
  }

  #loop(body: readonly Statement[], again: Value): void {
    const { code } = this;
    this.#settle([]);
    const outer = this.#block;
    this.#block = ++this.#blocks;
    code.byte(op.loop, op.noValue);
    this.#run(body);
    this.#settle([again]);
    this.put(again);
    code.byte(op.branchIf, 0, op.end);
    this.#block = outer;
  }
}

export function emitRoutine(
  routine: Routine,
  build: Build,
  indexOf: (routine: Routine) => number,
  arrivals: readonly Arrival[] = routine.parameters.map(() => "as it is"),
): Bytes {
  return new RoutineEmitter(routine, build, indexOf).emit(arrivals);
}
