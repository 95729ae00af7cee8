// Records a kernel: each method notes an operation and returns its value. TypeScript is the macro language: a function
// that takes a recorder is inlined, a `for` loop unrolls, an array of variables is a register tile. What is recorded
// knows lanes, pointers and loops, and no machine. See README.md in this folder.
// Longer than 350 lines: one class, a method for each operation.
import type {
  FoldName,
  LoadKind,
  Making,
  Operation,
  Place,
  Routine,
  Statement,
  StoreKind,
  Target,
  Value,
  ValueType,
  Variable,
} from "./values.ts";
import { operations } from "./values.ts";

/** What methods take: a value, a variable that is read now, or a number. */
export type Operand = Value | Variable | number;
/** Where a load or store goes: an address, or one made by `at`. */
export type PlaceOperand = Value | Variable | Place;

const bits = new DataView(new ArrayBuffer(4));

/** The float32 nearest to a number, as its bits. */
export function bitsOf(x: number): number {
  bits.setFloat32(0, x);
  return bits.getUint32(0);
}

/** The float32 that has these bits. */
export function fromBits(word: number): number {
  bits.setUint32(0, word >>> 0);
  return bits.getFloat32(0);
}

const isVariable = (x: Value | Variable | Place): x is Variable => "variable" in x;
const isPlace = (x: Value | Variable | Place): x is Place => "base" in x;
const isInt = (type: ValueType) => type === "i32" || type === "ptr" || type === "near";

/** Virtual lanes of every reduction. */
export const foldLanes = 16;

/** Records one routine. */
export class Recorder {
  readonly target: Target;
  /** float32 lanes of a `v`. */
  readonly lanes: number;
  readonly #name: string;
  readonly #variables: Variable[] = [];
  readonly #parameters: readonly Variable[];
  readonly #constants = new Map<string, Value>();
  readonly #body: Statement[] = [];
  #statements = this.#body;
  #result: Value | undefined;
  #count = 0;

  constructor(name: string, parameters: readonly ValueType[], target: Target) {
    this.#name = name;
    this.target = target;
    this.lanes = target.lanes;
    this.#parameters = parameters.map((type) => this.#newVariable(type, true));
  }

  get parameters(): readonly Variable[] {
    return this.#parameters;
  }

  /** What was recorded. */
  finish(): Routine {
    const routine = {
      name: this.#name,
      parameters: this.#parameters,
      variables: this.#variables,
      body: this.#body,
    };
    return this.#result ? { ...routine, result: this.#result } : routine;
  }

  // Values and variables

  /** A float32 in every lane. */
  k(x: number): Value {
    return this.kBits(bitsOf(x));
  }

  /** 32 bits in every lane. */
  kBits(word: number): Value {
    return this.#constant("v", fromBits(word), word >>> 0);
  }

  /** A float64 in every lane of a `d`. */
  kWide(x: number): Value {
    return this.#constant("d", x, 0);
  }

  /** An integer. */
  int(x: number, type: "i32" | "ptr" | "near" = "i32"): Value {
    return this.#constant(type, x, 0);
  }

  /** A new variable. */
  variable(type: ValueType, initial?: Operand): Variable {
    const variable = this.#newVariable(type, false);
    if (initial !== undefined) this.set(variable, initial);
    return variable;
  }

  set(variable: Variable, to: Operand): void {
    const value = this.#take(to, variable.type);
    if (value.type !== variable.type) this.#refuse("set", [value], variable.type);
    this.#statements.push({ is: "set", variable, value });
  }

  /** variable += by */
  increase(variable: Variable, by: Operand): void {
    this.set(variable, this.add(variable, by));
  }

  /** What a variable holds now. */
  read(x: Value | Variable): Value {
    if (!isVariable(x)) return x;
    return this.#note(x.type, { by: "read", variable: x }, []);
  }

  // Arithmetic on integers, on `v` and on `d`: the type of the operands decides

  add(a: Operand, b: Operand): Value {
    return this.#arithmetic("add", a, b);
  }
  sub(a: Operand, b: Operand): Value {
    return this.#arithmetic("sub", a, b);
  }
  mul(a: Operand, b: Operand): Value {
    return this.#arithmetic("mul", a, b);
  }
  div(a: Operand, b: Operand): Value {
    return this.#arithmetic("div", a, b);
  }
  lt(a: Operand, b: Operand): Value {
    return this.#arithmetic("lt", a, b);
  }
  le(a: Operand, b: Operand): Value {
    return this.#arithmetic("le", a, b);
  }
  gt(a: Operand, b: Operand): Value {
    return this.#arithmetic("gt", a, b);
  }
  ge(a: Operand, b: Operand): Value {
    return this.#arithmetic("ge", a, b);
  }
  eq(a: Operand, b: Operand): Value {
    return this.#arithmetic("eq", a, b);
  }
  ne(a: Operand, b: Operand): Value {
    return this.#arithmetic("ne", a, b);
  }
  /** Bits of integers or of `v`; of masks, too. */
  and(a: Operand, b: Operand): Value {
    return this.#arithmetic("and", a, b);
  }
  or(a: Operand, b: Operand): Value {
    return this.#arithmetic("or", a, b);
  }
  xor(a: Operand, b: Operand): Value {
    return this.#arithmetic("xor", a, b);
  }
  /** Shifts left by a constant. */
  shl(a: Operand, by: number): Value {
    return this.#shift("shl", a, by);
  }
  /** Shifts right by a constant, and fills with zeros. */
  shr(a: Operand, by: number): Value {
    return this.#shift("shr", a, by);
  }

  /** Any operation by name, where no shorter method exists. */
  do(operation: Operation, ...operands: readonly Operand[]): Value {
    const signature = operations[operation];
    if (operands.length !== signature[0].length)
      throw new Error(
        `${this.#name}: ${operation} got ${operands.length} operands, expected ${signature[0].length}`,
      );
    return this.#operate(operation, operands, 0);
  }

  /** a·b + c, rounded twice everywhere. */
  mulAdd(a: Operand, b: Operand, c: Operand): Value {
    return this.add(this.mul(a, b), c);
  }

  /** a·b + c, rounded once where the target fuses. */
  madd(a: Operand, b: Operand, c: Operand): Value {
    return this.do("v.madd", a, b, c);
  }

  sqrt(a: Operand): Value {
    const x = this.#take(a, "v");
    return this.do(x.type === "d" ? "d.sqrt" : "v.sqrt", x);
  }

  /** The first where the flag or mask is set, else the second. */
  select(chooser: Value | Variable, yes: Operand, no: Operand): Value {
    const by = this.read(chooser);
    if (by.type === "mask") return this.do("v.select", yes, no, by);
    const of = [yes, no].find((x) => typeof x !== "number") as Value | Variable;
    return this.do("int.pick", this.#take(yes, of.type), this.#take(no, of.type), by);
  }

  min(a: Value | Variable, b: Operand): Value {
    const [x, y] = this.#pair(a, b);
    return x.type === "v" ? this.do("v.min", x, y) : this.select(this.lt(x, y), x, y);
  }

  max(a: Value | Variable, b: Operand): Value {
    const [x, y] = this.#pair(a, b);
    return x.type === "v" ? this.do("v.max", x, y) : this.select(this.gt(x, y), x, y);
  }

  /** `yes` where the mask is set, else `no()`, which is skipped where no lane needs it. */
  mostly(mask: Value, yes: Value, no: () => Value): Value {
    const result = this.variable("v", yes);
    this.if(this.eq(this.do("mask.all", mask), 0), () => this.set(result, this.select(mask, yes, no())));
    return this.read(result);
  }

  /** Combines 16 lanes, which lie in 16 / `lanes` values (of `d`: twice as many), in one fixed order. */
  fold(fold: FoldName, parts: readonly (Value | Variable)[]): Value {
    const values = parts.map((part) => this.read(part));
    const type = fold === "addWide" ? "d" : "v";
    const count = (type === "d" ? 2 : 1) * (foldLanes / this.lanes);
    if (values.length !== count || values.some((value) => value.type !== type))
      throw new Error(`${this.#name}: fold got ${values.length} values, expected ${count} of type ${type}`);
    return this.#note(fold === "addUp" ? "d" : type, { by: "fold", fold }, values);
  }

  // Memory

  /** The thread's scratch memory. Only a kernel asks; it hands the address on to its routines. */
  scratch(): Value {
    return this.#note("near", { by: "scratch" }, []);
  }

  /** An address with an index: base + index·scale + offset. */
  at(base: Value | Variable, offset = 0, index?: Value | Variable, scale: Place["scale"] = 1): Place {
    const place = { base: this.read(base), offset, scale };
    return index === undefined ? place : { ...place, index: this.read(index) };
  }

  /** All lanes. */
  load(from: PlaceOperand, offset = 0): Value {
    return this.#load("v", "v", from, offset);
  }
  /** One float, in every lane. */
  splat(from: PlaceOperand, offset = 0): Value {
    return this.#load("splat", "v", from, offset);
  }
  /** One float; the other lanes are 0. */
  loadFirst(from: PlaceOperand, offset = 0): Value {
    return this.#load("first", "v", from, offset);
  }
  /** The lanes of a tail; the others are 0. */
  loadPart(tail: Value | Variable, from: PlaceOperand, offset = 0): Value {
    return this.#load("part", "v", from, offset, this.read(tail));
  }
  loadInt(from: PlaceOperand, offset = 0): Value {
    return this.#load("i32", "i32", from, offset);
  }
  loadByte(from: PlaceOperand, offset = 0): Value {
    return this.#load("u8", "i32", from, offset);
  }
  /** A byte for each lane, as int32. */
  loadBytes(from: PlaceOperand, offset = 0): Value {
    return this.#load("bytes", "v", from, offset);
  }
  loadWide(from: PlaceOperand, offset = 0): Value {
    return this.#load("d", "d", from, offset);
  }
  /** One float64, in every lane. */
  splatWide(from: PlaceOperand, offset = 0): Value {
    return this.#load("splatWide", "d", from, offset);
  }

  store(to: PlaceOperand, value: Operand, offset = 0): void {
    this.#store("v", to, this.#take(value, "v"), offset);
  }
  /** The first lane. */
  storeFirst(to: PlaceOperand, value: Operand, offset = 0): void {
    this.#store("first", to, this.#take(value, "v"), offset);
  }
  /** The lanes of a tail. */
  storePart(tail: Value | Variable, to: PlaceOperand, value: Operand, offset = 0): void {
    this.#store("part", to, this.#take(value, "v"), offset, this.read(tail));
  }
  storeInt(to: PlaceOperand, value: Operand, offset = 0): void {
    this.#store("i32", to, this.#take(value, "i32"), offset);
  }
  /** The low byte. */
  storeByte(to: PlaceOperand, value: Operand, offset = 0): void {
    this.#store("u8", to, this.#take(value, "i32"), offset);
  }
  storeWide(to: PlaceOperand, value: Operand, offset = 0): void {
    this.#store("d", to, this.#take(value, "d"), offset);
  }
  /** The first lane. */
  storeFirstWide(to: PlaceOperand, value: Operand, offset = 0): void {
    this.#store("firstWide", to, this.#take(value, "d"), offset);
  }
  prefetch(place: PlaceOperand, offset = 0): void {
    this.#statements.push({ is: "prefetch", place: this.#place(place, offset) });
  }

  /** Exchanges rows and columns of `lanes` variables. */
  transpose(variables: readonly Variable[]): void {
    if (variables.length !== this.lanes)
      throw new Error(`${this.#name}: transpose got ${variables.length} variables, expected ${this.lanes}`);
    this.#statements.push({ is: "transpose", variables });
  }

  // Control

  if(flag: Value | Variable, yes: () => void, no?: () => void): void {
    const value = this.read(flag);
    this.#statements.push({ is: "if", flag: value, yes: this.#block(yes), no: no ? this.#block(no) : [] });
  }

  /** Runs the body, and again while the flag that it returns is not 0. */
  loop(body: () => Value): void {
    let again!: Value;
    const statements = this.#block(() => {
      again = this.read(body());
    });
    this.#statements.push({ is: "loop", body: statements, again });
  }

  /** Runs the body while the condition holds. The condition is recorded twice: before the loop, and at its end. */
  while(condition: () => Value, body: () => void): void {
    this.if(condition(), () =>
      this.loop(() => {
        body();
        return condition();
      }),
    );
  }

  call(routine: Routine, ...operands: readonly Operand[]): void {
    const { parameters } = routine;
    if (operands.length !== parameters.length)
      throw new Error(
        `${this.#name}: ${routine.name} got ${operands.length} arguments, expected ${parameters.length}`,
      );
    const args = operands.map((operand, i) => this.#take(operand, parameters[i]!.type));
    const wrong = args.findIndex((value, i) => value.type !== parameters[i]!.type);
    if (wrong >= 0) this.#refuse(`call of ${routine.name}`, [args[wrong]!], parameters[wrong]!.type);
    this.#statements.push({ is: "call", routine, args });
  }

  /** Sets the number that the routine returns. The last thing that it does. */
  return(result: Operand): void {
    this.#result = this.#take(result, "i32");
  }

  #newVariable(type: ValueType, parameter: boolean): Variable {
    const variable = { variable: this.#variables.length, type, parameter };
    this.#variables.push(variable);
    return variable;
  }

  #constant(type: ValueType, number: number, word: number): Value {
    const key = `${type} ${type === "v" ? word : Object.is(number, -0) ? "-0" : number}`;
    let value = this.#constants.get(key);
    if (!value) {
      value = { number: this.#count++, type, making: { by: "constant", number, bits: word }, args: [] };
      this.#constants.set(key, value);
    }
    return value;
  }

  #note(type: ValueType, making: Making, args: readonly Value[]): Value {
    const value = { number: this.#count++, type, making, args };
    this.#statements.push({ is: "value", value });
    return value;
  }

  #take(x: Operand, type: ValueType): Value {
    if (typeof x !== "number") return this.read(x);
    if (type === "v") return this.k(x);
    return type === "d" ? this.kWide(x) : this.#constant(type, x, 0);
  }

  #pair(a: Operand, b: Operand): [Value, Value] {
    const type = [a, b].find((x) => typeof x !== "number")!;
    const of = (type as Value | Variable).type;
    return [this.#take(a, of), this.#take(b, of)];
  }

  #arithmetic(name: string, a: Operand, b: Operand): Value {
    const [x, y] = this.#pair(a, b);
    return this.#operate(`${isInt(x.type) ? "int" : x.type}.${name}` as Operation, [x, y], 0);
  }

  #shift(name: "shl" | "shr", a: Operand, by: number): Value {
    const x = this.#take(a, "i32");
    return this.#operate(`${isInt(x.type) ? "int" : x.type}.${name}` as Operation, [x], by);
  }

  /** Shifts right by a constant, and keeps the sign of the lanes. */
  sar(a: Value | Variable, by: number): Value {
    return this.#operate("v.sar", [a], by);
  }

  #operate(operation: Operation, operands: readonly Operand[], immediate: number): Value {
    const signature = operations[operation] as (typeof operations)[Operation] | undefined;
    if (!signature) throw new Error(`${this.#name}: there is no operation ${operation}`);
    const int = operands.find((x) => typeof x !== "number" && isInt(x.type)) as Value | undefined;
    const typeOf = (type: ValueType | "int") => (type === "int" ? (int?.type ?? "i32") : type);
    const args = operands.map((x, i) => this.#take(x, typeOf(signature[0][i]!)));
    const wrong = args.findIndex((value, i) => value.type !== typeOf(signature[0][i]!));
    if (wrong >= 0) this.#refuse(operation, args, typeOf(signature[0][wrong]!));
    return this.#note(typeOf(signature[1]), { by: "operation", operation, immediate }, args);
  }

  #place(x: PlaceOperand, offset: number): Place {
    if (isPlace(x)) return offset === 0 ? x : { ...x, offset: x.offset + offset };
    return this.at(x, offset);
  }

  #load(kind: LoadKind, type: ValueType, from: PlaceOperand, offset: number, tail?: Value): Value {
    return this.#note(type, { by: "load", kind, place: this.#place(from, offset) }, tail ? [tail] : []);
  }

  #store(kind: StoreKind, to: PlaceOperand, value: Value, offset: number, tail?: Value): void {
    const store = { is: "store", kind, place: this.#place(to, offset), value } as const;
    this.#statements.push(tail ? { ...store, tail } : store);
  }

  #block(body: () => void): Statement[] {
    const outer = this.#statements;
    this.#statements = [];
    body();
    const inner = this.#statements;
    this.#statements = outer;
    return inner;
  }

  #refuse(what: string, got: readonly Value[], expected: ValueType): never {
    throw new Error(
      `${this.#name}: ${what} got ${got.map(({ type }) => type).join(", ")}, expected ${expected}`,
    );
  }
}
