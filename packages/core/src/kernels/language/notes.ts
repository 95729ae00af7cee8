// What a recorder has noted of one routine: its variables, its constants, and its statements in order. Checks the types
// of what operations get. recorder.ts has the operations that one writes.
import { bitsOf, fromBits } from "./float-bits.ts";
import type {
  LoadKind,
  Making,
  Operation,
  Place,
  Routine,
  Statement,
  StoreKind,
  Value,
  ValueType,
  Variable,
} from "./values.ts";
import { operations } from "./values.ts";

/** What methods take: a value, a variable that is read now, or a number. */
export type Operand = Value | Variable | number;
/** Where a load or store goes: an address, or one made by `at`. */
export type PlaceOperand = Value | Variable | Place;

const isVariable = (x: Value | Variable | Place): x is Variable => "variable" in x;
const isPlace = (x: Value | Variable | Place): x is Place => "base" in x;
const isInt = (type: ValueType) => type === "i32" || type === "ptr" || type === "near";

/** Operations of statements, and of those inside of them. */
export function countOf(statements: readonly Statement[]): number {
  return statements.reduce((sum, statement) => {
    if (statement.is === "loop") return sum + countOf(statement.body);
    return sum + (statement.is === "if" ? countOf(statement.yes) + countOf(statement.no) : 1);
  }, 0);
}

export class Notes {
  readonly parameters: readonly Variable[];
  readonly #name: string;
  readonly #variables: Variable[] = [];
  readonly #constants = new Map<string, Value>();
  readonly #body: Statement[] = [];
  #statements = this.#body;
  #count = 0;

  constructor(name: string, parameters: readonly ValueType[]) {
    this.#name = name;
    this.parameters = parameters.map((type) => this.variable(type, true));
  }

  /** The routine that they are. */
  finish(result: Value | undefined): Routine {
    const routine = {
      name: this.#name,
      parameters: this.parameters,
      variables: this.#variables,
      body: this.#body,
    };
    return result ? { ...routine, result } : routine;
  }

  add(statement: Statement): void {
    this.#statements.push(statement);
  }

  /** A new variable, which has no value yet. */
  variable(type: ValueType, parameter: boolean): Variable {
    const variable = { variable: this.#variables.length, type, parameter };
    this.#variables.push(variable);
    return variable;
  }

  /** A value that needs no statement: one for each number and type. */
  constant(type: ValueType, number: number, word: number): Value {
    const key = `${type} ${type === "v" ? word : Object.is(number, -0) ? "-0" : number}`;
    let value = this.#constants.get(key);
    if (!value) {
      value = { number: this.#count++, type, making: { by: "constant", number, bits: word }, args: [] };
      this.#constants.set(key, value);
    }
    return value;
  }

  /** Notes how a value is made. */
  note(type: ValueType, making: Making, args: readonly Value[]): Value {
    const value = { number: this.#count++, type, making, args };
    this.#statements.push({ is: "value", value });
    return value;
  }

  /** What a variable holds now. */
  read(x: Value | Variable): Value {
    if (!isVariable(x)) return x;
    return this.note(x.type, { by: "read", variable: x }, []);
  }

  /** The value of an operand, which is of this type if it is a number. */
  take(x: Operand, type: ValueType): Value {
    if (typeof x !== "number") return this.read(x);
    if (type === "v") return this.constant("v", fromBits(bitsOf(x)), bitsOf(x));
    return this.constant(type, x, 0);
  }

  /** Two operands, of which at least one is no number: that decides the type of the other. */
  pair(a: Operand, b: Operand): [Value, Value] {
    const type = [a, b].find((x) => typeof x !== "number")!;
    const of = (type as Value | Variable).type;
    return [this.take(a, of), this.take(b, of)];
  }

  /** An operation of integers, `v`, `d` or masks: the type of the operands decides. */
  arithmetic(name: string, a: Operand, b: Operand): Value {
    const [x, y] = this.pair(a, b);
    return this.operate(`${isInt(x.type) ? "int" : x.type}.${name}` as Operation, [x, y], 0);
  }

  /** A shift by a constant. */
  shift(name: "shl" | "shr", a: Operand, by: number): Value {
    const x = this.take(a, "i32");
    return this.operate(`${isInt(x.type) ? "int" : x.type}.${name}` as Operation, [x], by);
  }

  /** Any operation; its table says which operands it takes. */
  operate(operation: Operation, operands: readonly Operand[], immediate: number): Value {
    const signature = operations[operation] as (typeof operations)[Operation] | undefined;
    if (!signature) throw new Error(`${this.#name}: there is no operation ${operation}`);
    const int = operands.find((x) => typeof x !== "number" && isInt(x.type)) as Value | undefined;
    const typeOf = (type: ValueType | "int") => (type === "int" ? (int?.type ?? "i32") : type);
    const args = operands.map((x, i) => this.take(x, typeOf(signature[0][i]!)));
    const wrong = args.findIndex((value, i) => value.type !== typeOf(signature[0][i]!));
    if (wrong >= 0) this.refuse(operation, args, typeOf(signature[0][wrong]!));
    return this.note(typeOf(signature[1]), { by: "operation", operation, immediate }, args);
  }

  place(x: PlaceOperand, offset: number): Place {
    if (isPlace(x)) return offset === 0 ? x : { ...x, offset: x.offset + offset };
    return { base: this.read(x), offset, scale: 1 };
  }

  load(kind: LoadKind, type: ValueType, from: PlaceOperand, offset: number, tail?: Value): Value {
    return this.note(type, { by: "load", kind, place: this.place(from, offset) }, tail ? [tail] : []);
  }

  store(kind: StoreKind, to: PlaceOperand, value: Value, offset: number, tail?: Value): void {
    const store = { is: "store", kind, place: this.place(to, offset), value } as const;
    this.#statements.push(tail ? { ...store, tail } : store);
  }

  /** What a body notes, as a block of its own. */
  block(body: () => void): Statement[] {
    const outer = this.#statements;
    this.#statements = [];
    body();
    const inner = this.#statements;
    this.#statements = outer;
    return inner;
  }

  /** @throws Error that names the routine */
  refuse(what: string, got: readonly Value[], expected: ValueType): never {
    throw new Error(
      `${this.#name}: ${what} got ${got.map(({ type }) => type).join(", ")}, expected ${expected}`,
    );
  }
}
