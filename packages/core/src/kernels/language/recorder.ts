// Records a kernel: each method notes an operation and returns its value. TypeScript is the macro language: a function
// that takes a recorder is inlined, a `for` loop unrolls, an array of variables is a register tile. What is recorded
// knows lanes, pointers and loops, and no machine. See README.md in this folder; notes.ts keeps what is recorded.
import { bitsOf, fromBits } from "./float-bits.ts";
import type { Operand, PlaceOperand } from "./notes.ts";
import { countOf, Notes } from "./notes.ts";
import type { FoldName, Operation, Place, Routine, Target, Value, ValueType, Variable } from "./values.ts";
import { operations } from "./values.ts";

/** Virtual lanes of every reduction. */
export const foldLanes = 16;

/** Records one routine. */
export class Recorder {
  readonly target: Target;
  /** float32 lanes of a `v`. */
  readonly lanes: number;
  readonly #name: string;
  readonly #notes: Notes;
  #result: Value | undefined;

  constructor(name: string, parameters: readonly ValueType[], target: Target) {
    this.#name = name;
    this.#notes = new Notes(name, parameters);
    this.target = target;
    this.lanes = target.lanes;
  }

  get parameters(): readonly Variable[] {
    return this.#notes.parameters;
  }

  /** What was recorded. */
  finish(): Routine {
    return this.#notes.finish(this.#result);
  }

  // Values and variables

  /** A float32 in every lane. */
  k(x: number): Value {
    return this.kBits(bitsOf(x));
  }

  /** 32 bits in every lane. */
  kBits(word: number): Value {
    return this.#notes.constant("v", fromBits(word), word >>> 0);
  }

  /** A float64 in every lane of a `d`. */
  kWide(x: number): Value {
    return this.#notes.constant("d", x, 0);
  }

  /** An integer. */
  int(x: number, type: "i32" | "ptr" | "near" = "i32"): Value {
    return this.#notes.constant(type, x, 0);
  }

  /** A new variable. */
  variable(type: ValueType, initial?: Operand): Variable {
    const variable = this.#notes.variable(type, false);
    if (initial !== undefined) this.set(variable, initial);
    return variable;
  }

  set(variable: Variable, to: Operand): void {
    const value = this.#notes.take(to, variable.type);
    if (value.type !== variable.type) this.#notes.refuse("set", [value], variable.type);
    this.#notes.add({ is: "set", variable, value });
  }

  /** variable += by */
  increase(variable: Variable, by: Operand): void {
    this.set(variable, this.add(variable, by));
  }

  /** What a variable holds now. */
  read(x: Value | Variable): Value {
    return this.#notes.read(x);
  }

  // Arithmetic on integers, on `v` and on `d`: the type of the operands decides

  add(a: Operand, b: Operand): Value {
    return this.#notes.arithmetic("add", a, b);
  }
  sub(a: Operand, b: Operand): Value {
    return this.#notes.arithmetic("sub", a, b);
  }
  mul(a: Operand, b: Operand): Value {
    return this.#notes.arithmetic("mul", a, b);
  }
  div(a: Operand, b: Operand): Value {
    return this.#notes.arithmetic("div", a, b);
  }
  lt(a: Operand, b: Operand): Value {
    return this.#notes.arithmetic("lt", a, b);
  }
  le(a: Operand, b: Operand): Value {
    return this.#notes.arithmetic("le", a, b);
  }
  gt(a: Operand, b: Operand): Value {
    return this.#notes.arithmetic("gt", a, b);
  }
  ge(a: Operand, b: Operand): Value {
    return this.#notes.arithmetic("ge", a, b);
  }
  eq(a: Operand, b: Operand): Value {
    return this.#notes.arithmetic("eq", a, b);
  }
  ne(a: Operand, b: Operand): Value {
    return this.#notes.arithmetic("ne", a, b);
  }
  /** Bits of integers or of `v`; of masks, too. */
  and(a: Operand, b: Operand): Value {
    return this.#notes.arithmetic("and", a, b);
  }
  or(a: Operand, b: Operand): Value {
    return this.#notes.arithmetic("or", a, b);
  }
  xor(a: Operand, b: Operand): Value {
    return this.#notes.arithmetic("xor", a, b);
  }
  /** Shifts left by a constant. */
  shl(a: Operand, by: number): Value {
    return this.#notes.shift("shl", a, by);
  }
  /** Shifts right by a constant, and fills with zeros. */
  shr(a: Operand, by: number): Value {
    return this.#notes.shift("shr", a, by);
  }

  /** Shifts right by a constant, and keeps the sign of the lanes. */
  sar(a: Value | Variable, by: number): Value {
    return this.#notes.operate("v.sar", [a], by);
  }

  /** Any operation by name, where no shorter method exists. */
  do(operation: Operation, ...operands: readonly Operand[]): Value {
    const signature = operations[operation];
    if (operands.length !== signature[0].length)
      throw new Error(
        `${this.#name}: ${operation} got ${operands.length} operands, expected ${signature[0].length}`,
      );
    return this.#notes.operate(operation, operands, 0);
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
    const x = this.#notes.take(a, "v");
    return this.do(x.type === "d" ? "d.sqrt" : "v.sqrt", x);
  }

  /** The first where the flag or mask is set, else the second. */
  select(chooser: Value | Variable, yes: Operand, no: Operand): Value {
    const by = this.read(chooser);
    if (by.type === "mask") return this.do("v.select", yes, no, by);
    const of = [yes, no].find((x) => typeof x !== "number") as Value | Variable;
    return this.do("int.pick", this.#notes.take(yes, of.type), this.#notes.take(no, of.type), by);
  }

  min(a: Value | Variable, b: Operand): Value {
    const [x, y] = this.#notes.pair(a, b);
    return x.type === "v" ? this.do("v.min", x, y) : this.select(this.lt(x, y), x, y);
  }

  max(a: Value | Variable, b: Operand): Value {
    const [x, y] = this.#notes.pair(a, b);
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
    return this.#notes.note(fold === "addUp" ? "d" : type, { by: "fold", fold }, values);
  }

  // Memory

  /** The thread's scratch memory. Only a kernel asks; it hands the address on to its routines. */
  scratch(): Value {
    return this.#notes.note("near", { by: "scratch" }, []);
  }

  /** An address with an index: base + index·scale + offset. */
  at(base: Value | Variable, offset = 0, index?: Value | Variable, scale: Place["scale"] = 1): Place {
    const place = { base: this.read(base), offset, scale };
    return index === undefined ? place : { ...place, index: this.read(index) };
  }

  /** All lanes. */
  load(from: PlaceOperand, offset = 0): Value {
    return this.#notes.load("v", "v", from, offset);
  }
  /** One float, in every lane. */
  splat(from: PlaceOperand, offset = 0): Value {
    return this.#notes.load("splat", "v", from, offset);
  }
  /** One float; the other lanes are 0. */
  loadFirst(from: PlaceOperand, offset = 0): Value {
    return this.#notes.load("first", "v", from, offset);
  }
  /** The lanes of a tail; the others are 0. */
  loadPart(tail: Value | Variable, from: PlaceOperand, offset = 0): Value {
    return this.#notes.load("part", "v", from, offset, this.read(tail));
  }
  loadInt(from: PlaceOperand, offset = 0): Value {
    return this.#notes.load("i32", "i32", from, offset);
  }
  loadByte(from: PlaceOperand, offset = 0): Value {
    return this.#notes.load("u8", "i32", from, offset);
  }
  /** A byte for each lane, as int32. */
  loadBytes(from: PlaceOperand, offset = 0): Value {
    return this.#notes.load("bytes", "v", from, offset);
  }
  loadWide(from: PlaceOperand, offset = 0): Value {
    return this.#notes.load("d", "d", from, offset);
  }
  /** One float64, in every lane. */
  splatWide(from: PlaceOperand, offset = 0): Value {
    return this.#notes.load("splatWide", "d", from, offset);
  }

  store(to: PlaceOperand, value: Operand, offset = 0): void {
    this.#notes.store("v", to, this.#notes.take(value, "v"), offset);
  }
  /** The first lane. */
  storeFirst(to: PlaceOperand, value: Operand, offset = 0): void {
    this.#notes.store("first", to, this.#notes.take(value, "v"), offset);
  }
  /** The lanes of a tail. */
  storePart(tail: Value | Variable, to: PlaceOperand, value: Operand, offset = 0): void {
    this.#notes.store("part", to, this.#notes.take(value, "v"), offset, this.read(tail));
  }
  storeInt(to: PlaceOperand, value: Operand, offset = 0): void {
    this.#notes.store("i32", to, this.#notes.take(value, "i32"), offset);
  }
  /** The low byte. */
  storeByte(to: PlaceOperand, value: Operand, offset = 0): void {
    this.#notes.store("u8", to, this.#notes.take(value, "i32"), offset);
  }
  storeWide(to: PlaceOperand, value: Operand, offset = 0): void {
    this.#notes.store("d", to, this.#notes.take(value, "d"), offset);
  }
  /** The first lane. */
  storeFirstWide(to: PlaceOperand, value: Operand, offset = 0): void {
    this.#notes.store("firstWide", to, this.#notes.take(value, "d"), offset);
  }
  /** Sets bytes to 0; for targets that can (`clears`). The count has the type of the address. */
  clear(place: PlaceOperand, bytes: Operand, offset = 0): void {
    const to = this.#notes.place(place, offset);
    this.#notes.add({ is: "clear", place: to, bytes: this.#notes.take(bytes, to.base.type) });
  }

  prefetch(place: PlaceOperand, offset = 0): void {
    this.#notes.add({ is: "prefetch", place: this.#notes.place(place, offset) });
  }

  /** Exchanges rows and columns of `lanes` variables. */
  transpose(variables: readonly Variable[]): void {
    if (variables.length !== this.lanes)
      throw new Error(`${this.#name}: transpose got ${variables.length} variables, expected ${this.lanes}`);
    this.#notes.add({ is: "transpose", variables });
  }

  // Control

  if(flag: Value | Variable, yes: () => void, no?: () => void): void {
    const value = this.read(flag);
    this.#notes.add({
      is: "if",
      flag: value,
      yes: this.#notes.block(yes),
      no: no ? this.#notes.block(no) : [],
    });
  }

  /** Runs the body, and again while the flag that it returns is not 0. */
  loop(body: () => Value): void {
    let again!: Value;
    const statements = this.#notes.block(() => {
      again = this.read(body());
    });
    this.#notes.add({ is: "loop", body: statements, again });
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

  /** How many operations a body records, of which none stays. */
  sizeOf(body: () => void): number {
    return countOf(this.#notes.block(body));
  }

  call(routine: Routine, ...operands: readonly Operand[]): void {
    const { parameters } = routine;
    if (operands.length !== parameters.length)
      throw new Error(
        `${this.#name}: ${routine.name} got ${operands.length} arguments, expected ${parameters.length}`,
      );
    const args = operands.map((operand, i) => this.#notes.take(operand, parameters[i]!.type));
    const wrong = args.findIndex((value, i) => value.type !== parameters[i]!.type);
    if (wrong >= 0) this.#notes.refuse(`call of ${routine.name}`, [args[wrong]!], parameters[wrong]!.type);
    this.#notes.add({ is: "call", routine, args });
  }

  /** Sets the number that the routine returns. The last thing that it does. */
  return(result: Operand): void {
    this.#result = this.#notes.take(result, "i32");
  }
}
