// Where the values of one routine are: registers, slots on the stack, its parameters in memory, constants beside the code.
import type { Routine, Statement, Value, Variable } from "@shardgrad/core/kernels";
import type { Analysis } from "../allocation/analyse.ts";
import { argumentBytes } from "../allocation/calls.ts";
import type { IntegerPlace, Saved } from "../allocation/layout.ts";
import { Layout } from "../allocation/layout.ts";
import type { Label } from "../assembler/labels.ts";
import { newLabel } from "../assembler/labels.ts";
import type { Asm } from "./asm.ts";
import { vectorBytes, vectorRegisters } from "./machine.ts";
import { isConstant, needsOf } from "./needs.ts";

/** Points to a routine's parameters. */
export const parameters = 0;
/** These keep nothing from one operation to the next: a number, and an address or a second number. */
export const scratch = 16;
export const otherScratch = 17;
/** For integers. x18 is the system's; x29 and x30 are the frame and the link. */
const integerRegisters = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15].concat([
  ...[19, 20, 21, 22, 23, 24, 25, 26, 27, 28],
]);

/** Vectors of constants behind the code. */
export class Constants {
  readonly #labels = new Map<string, { label: Label; words: readonly number[] }>();

  /** The place of 32-bit words, repeated. */
  of(...words: readonly number[]): Label {
    const all = [0, 1, 2, 3].map((i) => words[i % words.length]! >>> 0);
    const key = all.join(" ");
    let entry = this.#labels.get(key);
    if (!entry) {
      entry = { label: newLabel(), words: all };
      this.#labels.set(key, entry);
    }
    return entry.label;
  }

  /** Writes them behind the code. */
  place(a: Asm): void {
    a.align(vectorBytes);
    for (const { label, words } of this.#labels.values()) {
      a.bind(label);
      for (const word of words) a.word(word);
    }
  }
}

export class Frame {
  /** Bytes below the saved registers: arguments of calls, the address of the parameters, slots. */
  readonly bytes: number;
  /** Constants of loops that have a register for as long as the routine runs. */
  readonly residents: ReadonlyMap<Value, number>;
  readonly #layout: Layout;
  readonly #factors: ReadonlySet<Value>;

  constructor(routine: Routine) {
    this.#layout = new Layout(routine, argumentBytes(routine), {
      integers: integerRegisters.length,
      vectors: vectorRegisters,
      masks: 0,
      vectorBytes,
      // A tail is its count, a mask a vector.
      kindOf: (type) => (type === "v" || type === "d" || type === "mask" ? "vector" : "integer"),
      needsOf,
      isConversion: (operation) => operation.startsWith("to.") || operation.startsWith("tail."),
    });
    this.bytes = Math.ceil(this.#layout.bytes / 16) * 16;
    this.#factors = factorsIn(routine);
    this.residents = residentsOf(routine, this.#layout);
  }

  get analysis(): Analysis {
    return this.#layout.analysis;
  }

  /** The integer registers that the routine changes. */
  get saved(): readonly number[] {
    return this.#layout.integersInUse.map((i) => integerRegisters[i]!);
  }

  /** Where on the stack a routine's own parameters' address is kept during calls. */
  get ownParameters(): number {
    return this.#layout.ownParameters;
  }

  /** The register of an integer, or its memory. */
  integer(of: Value | Variable): IntegerPlace {
    const place = this.#layout.integer(of);
    return place.in === "register" ? { ...place, register: integerRegisters[place.register]! } : place;
  }

  /** The registers of lanes to save around the call at a position. */
  heldOver(position: number): readonly Saved<number>[] {
    return this.#layout.heldOver(position).vectors;
  }

  vector(of: Value | Variable): number {
    return this.#layout.vector(of);
  }

  temporaries(of: Value | Statement): readonly number[] {
    return this.#layout.temporaries(of);
  }

  /** Whether only the first lane of a value counts: it is loaded without being repeated, and `fmla` takes that lane. */
  isFactor(value: Value): boolean {
    return this.#factors.has(value);
  }
}

/** Runs over all statements, with the loops that they are in. */
function walk(
  statements: readonly Statement[],
  see: (statement: Statement, depth: number) => void,
  depth = 0,
): void {
  for (const statement of statements) {
    see(statement, depth);
    if (statement.is === "if") {
      walk(statement.yes, see, depth);
      walk(statement.no, see, depth);
    } else if (statement.is === "loop") walk(statement.body, see, depth + 1);
  }
}

/** Numbers from memory that are nothing but the first factor of multiply-adds. */
function factorsIn({ body }: Routine): Set<Value> {
  const factors = new Set<Value>();
  walk(body, (statement) => {
    if (statement.is !== "value") return;
    const { making } = statement.value;
    if (making.by === "load" && making.kind === "splat") factors.add(statement.value);
  });
  walk(body, (statement) => {
    if (statement.is === "value") {
      const { making, args } = statement.value;
      const isMadd = making.by === "operation" && making.operation === "v.madd";
      for (const [i, arg] of args.entries()) if (!isMadd || i > 0) factors.delete(arg);
    } else if (statement.is === "set" || statement.is === "store") factors.delete(statement.value);
    else if (statement.is === "call") for (const arg of statement.args) factors.delete(arg);
  });
  return factors;
}

/** Gives the constants of loops what registers are never used, the most used ones first. A call would keep none. */
function residentsOf({ body }: Routine, { analysis, vectorsInUse }: Layout): Map<Value, number> {
  const weights = new Map<Value, number>();
  if (analysis.calls.length > 0) return new Map();
  walk(body, (statement, depth) => {
    if (depth === 0) return;
    const used =
      statement.is === "value" && analysis.isUsed(statement.value)
        ? statement.value.args
        : statement.is === "set" || statement.is === "store"
          ? [statement.value]
          : [];
    for (const value of used)
      if (isConstant(value) && (value.type === "v" || value.type === "d"))
        weights.set(value, (weights.get(value) ?? 0) + 10 ** depth);
  });
  const byWeight = [...weights].sort(([, a], [, b]) => b - a).slice(0, vectorRegisters - vectorsInUse);
  return new Map(byWeight.map(([value], i) => [value, vectorsInUse + i]));
}
