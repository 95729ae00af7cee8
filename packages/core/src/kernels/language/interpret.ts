// Runs recorded routines, operation by operation, for any number of lanes: the oracle of all backends. Knows no machine,
// and is slow.

import { bitsOf } from "./float-bits.ts";
import type { Held, Lanes, Wide } from "./interpret-operations.ts";
import { evaluate, foldPair, lanesOf, wideOf } from "./interpret-operations.ts";
import { foldLanes } from "./recorder.ts";
import type {
  FoldName,
  LoadKind,
  Place,
  Routine,
  Statement,
  StoreKind,
  Target,
  Value,
  Variable,
} from "./values.ts";

/** The memory that a routine works on. */
export interface InterpretedMemory {
  readonly heap: ArrayBufferLike;
  /** That of `near` addresses; may be the heap. */
  readonly near: ArrayBufferLike;
  /** Where the scratch memory begins in it. */
  readonly scratch: number;
}

class Frame {
  readonly #routine: Routine;
  readonly #target: Target;
  readonly #memory: InterpretedMemory;
  readonly #views: Record<"heap" | "near", DataView>;
  readonly #values = new Map<Value, Held>();
  readonly #variables = new Map<Variable, Held>();

  constructor(routine: Routine, target: Target, memory: InterpretedMemory) {
    this.#routine = routine;
    this.#target = target;
    this.#memory = memory;
    this.#views = { heap: new DataView(memory.heap), near: new DataView(memory.near) };
  }

  run(args: readonly Held[]): number | undefined {
    const { parameters, body, result } = this.#routine;
    for (const [i, parameter] of parameters.entries()) this.#variables.set(parameter, args[i]!);
    this.#statements(body);
    return result && (this.#get(result) as number);
  }

  #get(value: Value): Held {
    const { making, type } = value;
    if (making.by === "constant") {
      if (type === "v") return lanesOf(this.#target.lanes, () => making.bits);
      return type === "d" ? wideOf(this.#target.lanes / 2, () => making.number) : making.number;
    }
    const held = this.#values.get(value);
    if (held === undefined)
      throw new Error(`${this.#routine.name}: value ${value.number} is used before it is made`);
    return held;
  }

  #statements(statements: readonly Statement[]): void {
    for (const statement of statements) this.#statement(statement);
  }

  #statement(statement: Statement) {
    switch (statement.is) {
      case "value":
        this.#values.set(statement.value, this.#make(statement.value));
        return;
      case "set":
        this.#variables.set(statement.variable, this.#get(statement.value));
        return;
      case "store": {
        const tail = statement.tail && (this.#get(statement.tail) as number);
        return this.#store(statement.kind, statement.place, this.#get(statement.value), tail);
      }
      case "transpose":
        return this.#transpose(statement.variables);
      case "if":
        return this.#statements(this.#get(statement.flag) === 0 ? statement.no : statement.yes);
      case "loop":
        do this.#statements(statement.body);
        while (this.#get(statement.again) !== 0);
        return;
      case "call": {
        const frame = new Frame(statement.routine, this.#target, this.#memory);
        frame.run(statement.args.map((value) => this.#get(value)));
        return;
      }
      case "clear": {
        const { view, address } = this.#at(statement.place);
        new Uint8Array(view.buffer, address, this.#get(statement.bytes) as number).fill(0);
        return;
      }
      case "prefetch":
        return;
    }
  }

  #make({ making, args }: Value): Held {
    switch (making.by) {
      case "operation":
        return evaluate(
          making.operation,
          args.map((value) => this.#get(value)),
          { immediate: making.immediate, target: this.#target, isWord: args[0]?.type === "i32" },
        );
      case "read": {
        const held = this.#variables.get(making.variable);
        if (held === undefined) throw new Error(`${this.#routine.name}: a variable is read before it is set`);
        return held;
      }
      case "load":
        return this.#load(making.kind, making.place, args[0] && (this.#get(args[0]) as number));
      case "fold":
        return this.#fold(making.fold, args);
      case "scratch":
        return this.#memory.scratch;
      case "constant":
        throw new Error("a constant is no statement");
    }
  }

  #at({ base, index, scale, offset }: Place): { view: DataView; address: number } {
    const from = (this.#get(base) as number) + (index ? (this.#get(index) as number) * scale : 0);
    return { view: this.#views[base.type === "near" ? "near" : "heap"], address: from + offset };
  }

  #load(kind: LoadKind, place: Place, tail = 0): Held {
    const { view, address } = this.#at(place);
    const { lanes } = this.#target;
    const word = (i: number) => view.getInt32(address + 4 * i, true);
    switch (kind) {
      case "v":
        return lanesOf(lanes, word);
      case "splat":
        return lanesOf(lanes, () => word(0));
      case "first":
        return lanesOf(lanes, (i) => (i === 0 ? word(0) : 0));
      case "part":
        return lanesOf(lanes, (i) => (i < tail ? word(i) : 0));
      case "i32":
        return word(0);
      case "u8":
        return view.getUint8(address);
      case "d":
        return wideOf(lanes / 2, (i) => view.getFloat64(address + 8 * i, true));
      case "bytes":
        return lanesOf(lanes, (i) => view.getUint8(address + i));
      case "splatWide":
        return wideOf(lanes / 2, () => view.getFloat64(address, true));
    }
  }

  #store(kind: StoreKind, place: Place, value: Held, tail = 0): void {
    const { view, address } = this.#at(place);
    const words = (count: number) => {
      for (let i = 0; i < count; i++) view.setInt32(address + 4 * i, (value as Lanes).ints[i]!, true);
    };
    const wide = (count: number) => {
      for (let i = 0; i < count; i++) view.setFloat64(address + 8 * i, (value as Wide).floats[i]!, true);
    };
    const { lanes } = this.#target;
    if (kind === "i32") view.setInt32(address, value as number, true);
    else if (kind === "u8") view.setUint8(address, value as number);
    else if (kind === "d" || kind === "firstWide") wide(kind === "d" ? lanes / 2 : 1);
    else if (kind === "part") words(Math.max(0, Math.min(tail, lanes)));
    else words(kind === "v" ? lanes : 1);
  }

  #transpose(variables: readonly Variable[]): void {
    const rows = variables.map((variable) => this.#variables.get(variable) as Lanes);
    for (const [column, variable] of variables.entries())
      this.#variables.set(
        variable,
        lanesOf(this.#target.lanes, (row) => rows[row]!.ints[column]!),
      );
  }

  #fold(fold: FoldName, args: readonly Value[]): Held {
    const parts = args.map((value) => this.#get(value) as Lanes | Wide);
    let all = parts.flatMap((part) => [...part.floats]);
    for (let half = foldLanes / 2; half >= 1; half /= 2)
      all = Array.from({ length: half }, (_, i) => foldPair(fold, half, all[i]!, all[i + half]!));
    const { lanes } = this.#target;
    return fold === "addWide" || fold === "addUp"
      ? wideOf(lanes / 2, () => all[0]!)
      : lanesOf(lanes, () => bitsOf(all[0]!));
  }
}

/** Runs a kernel. Its arguments are numbers, as in the table of kernels; a `v` gets one in every lane. */
export function interpret(
  routine: Routine,
  args: readonly number[],
  memory: InterpretedMemory,
  target: Target,
): number | undefined {
  const held = routine.parameters.map(({ type }, i): Held => {
    if (type === "v") return lanesOf(target.lanes, () => bitsOf(args[i]!));
    return type === "d" ? wideOf(target.lanes / 2, () => args[i]!) : args[i]!;
  });
  return new Frame(routine, target, memory).run(held);
}
