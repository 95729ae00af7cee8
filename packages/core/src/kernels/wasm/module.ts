// A WebAssembly module from definitions of kernels. Each kernel is exported by its name, with the arguments of the table
// of kernels; `setScratch` and `scratchBytes` as well. See README.md in ../language.
import type { Definition, ParameterType } from "../language/definition.ts";
import type { Routine, Statement, Target } from "../language/values.ts";
import { Bytes } from "./bytes.ts";
import type { Arrival } from "./emit-routine.ts";
import { emitRoutine } from "./emit-routine.ts";
import type { WasmType } from "./instructions.ts";
import { op, valueCodes } from "./instructions.ts";
import type { Build } from "./site.ts";
import { wasmTypeOf } from "./site.ts";

/** What the kernels of a build are recorded for. */
export function wasmTarget({ relaxed, wide }: Build): Target {
  return {
    lanes: 4,
    registers: 15,
    fuses: relaxed,
    masks: false,
    clears: true,
    unroll: { vectors: 4, operations: 48 },
    tile: { rows: 4, vectors: 2 },
    packs: wide ? "all" : "a",
  };
}

/** A build for a memory of up to 4 GiB that threads share. */
export function build32(relaxed: boolean): Build {
  return { relaxed, wide: false, shared: true, maximumPages: 65536 };
}

/** A build for a memory of up to 16 GiB that threads share. Its instances import one of their own as well, `near`. */
export function build64(relaxed: boolean): Build {
  return { relaxed, wide: true, shared: true, maximumPages: 262144 };
}

interface Function {
  readonly type: number;
  readonly body: Bytes;
  readonly name?: string;
}

const numberOf: Record<Exclude<ParameterType, "ptr">, WasmType> = { i32: "i32", f32: "f32", f64: "f64" };

class ModuleEmitter {
  readonly #build: Build;
  readonly #types: { key: string; parameters: readonly WasmType[]; result: boolean }[] = [];
  readonly #functions: Function[] = [];
  readonly #indices = new Map<Routine, number>();

  constructor(build: Build) {
    this.#build = build;
  }

  #typeOf(parameters: readonly WasmType[], result: boolean): number {
    const key = `${parameters} ${result}`;
    const known = this.#types.findIndex((type) => type.key === key);
    return known >= 0 ? known : this.#types.push({ key, parameters, result }) - 1;
  }

  /** The index of a routine, which is emitted if it is new; those that it calls come first. */
  #indexOf(routine: Routine): number {
    const known = this.#indices.get(routine);
    if (known !== undefined) return known;
    this.#emitCalled(routine.body);
    const type = this.#typeOf(
      routine.parameters.map((parameter) => wasmTypeOf(parameter.type, this.#build)),
      routine.result !== undefined,
    );
    const body = emitRoutine(routine, this.#build, (called) => this.#indexOf(called));
    const same = this.#functions.findIndex(
      (other) => other.type === type && !other.name && other.body.equals(body),
    );
    const index = same >= 0 ? same : this.#functions.push({ type, body }) - 1;
    this.#indices.set(routine, index);
    return index;
  }

  #emitCalled(statements: readonly Statement[]): void {
    for (const statement of statements) {
      if (statement.is === "call") this.#indexOf(statement.routine);
      if (statement.is === "loop") this.#emitCalled(statement.body);
      if (statement.is !== "if") continue;
      this.#emitCalled(statement.yes);
      this.#emitCalled(statement.no);
    }
  }

  addKernel({ name, parameters }: Definition, routine: Routine): void {
    this.#emitCalled(routine.body);
    const arrivalOf = (type: ParameterType): Arrival => {
      if (type === "f32" || type === "f64") return `${type} to lanes`;
      return type === "ptr" && this.#build.wide ? "f64 to address" : "as it is";
    };
    const typeOf = (type: ParameterType): WasmType => {
      if (type !== "ptr") return numberOf[type];
      return this.#build.wide ? "f64" : "i32";
    };
    const body = emitRoutine(
      routine,
      this.#build,
      (called) => this.#indexOf(called),
      parameters.map(arrivalOf),
    );
    const type = this.#typeOf(parameters.map(typeOf), routine.result !== undefined);
    this.#functions.push({ type, body, name });
  }

  /** `setScratch` and `scratchBytes`, as wasm.ts expects them. */
  addScratch(bytes: number): void {
    const body = new Bytes();
    body.unsigned(0);
    // A buffer that is too short would be overrun.
    body.byte(op.get, 1, op.i32Const);
    body.signed(bytes);
    body.byte(op.i32LessThan, op.if, op.noValue, op.unreachable, op.end);
    body.byte(op.get, 0, op.globalSet, 0, op.end);
    this.#functions.push({ type: this.#typeOf(["i32", "i32"], false), body, name: "setScratch" });
    const answer = new Bytes();
    answer.unsigned(0);
    answer.byte(op.i32Const);
    answer.signed(bytes);
    answer.byte(op.end);
    this.#functions.push({ type: this.#typeOf([], true), body: answer, name: "scratchBytes" });
  }

  finish(): Uint8Array<ArrayBuffer> {
    const whole = new Bytes();
    whole.byte(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
    const section = <T>(id: number, items: readonly T[], write: (to: Bytes, item: T) => void) => {
      const contents = new Bytes();
      contents.unsigned(items.length);
      for (const item of items) write(contents, item);
      whole.byte(id);
      whole.sized(contents);
    };
    section(1, this.#types, (to, { parameters, result }) => {
      to.byte(0x60);
      to.unsigned(parameters.length);
      to.byte(...parameters.map((type) => valueCodes[type]));
      to.byte(...(result ? [1, valueCodes.i32] : [0]));
    });
    section(2, this.#memories(), (to, { name, flags, maximum }) => {
      to.text("env");
      to.text(name);
      to.byte(2, flags);
      to.unsigned(1);
      if (maximum !== undefined) to.unsigned(maximum);
    });
    section(3, this.#functions, (to, { type }) => to.unsigned(type));
    // The address of the scratch memory: mutable, at first 0.
    section(6, [valueCodes.i32], (to, type) => to.byte(type, 1, op.i32Const, 0, op.end));
    const exported = [...this.#functions.entries()].filter(([, { name }]) => name !== undefined);
    section(7, exported, (to, [index, { name }]) => {
      to.text(name!);
      to.byte(0);
      to.unsigned(index);
    });
    section(10, this.#functions, (to, { body }) => to.sized(body));
    return whole.toArray();
  }

  #memories(): { name: string; flags: number; maximum?: number }[] {
    const { wide, shared, maximumPages } = this.#build;
    const heap = { name: "memory", flags: (shared ? 3 : 1) + (wide ? 4 : 0), maximum: maximumPages };
    return wide ? [{ name: "near", flags: 0 }, heap] : [heap];
  }
}

/** Makes a module of kernels. */
export function emitModule(definitions: readonly Definition[], build: Build): Uint8Array<ArrayBuffer> {
  const target = wasmTarget(build);
  const emitter = new ModuleEmitter(build);
  for (const definition of definitions) emitter.addKernel(definition, definition.record(target));
  emitter.addScratch(Math.max(0, ...definitions.map((definition) => definition.scratchBytes(target))));
  return emitter.finish();
}
