// Where the values of one routine are: registers by their numbers, the routine's row of parameters, slots on the stack.
// Knows no machine but what `RegisterFile` tells.
import type { Routine, Statement, Value, ValueType, Variable } from "@shardgrad/core/kernels";
import type { Analysis, Life, Traits } from "./analyse.ts";
import { analyse } from "./analyse.ts";
import type { Claim } from "./registers.ts";
import { allocate } from "./registers.ts";

/** How many registers there are of each kind, and what goes into them. */
export interface RegisterFile extends Traits {
  readonly integers: number;
  readonly vectors: number;
  readonly masks: number;
  readonly vectorBytes: number;
  kindOf(type: ValueType): Kind;
}

type Kind = "integer" | "vector" | "mask";

/** Where an integer is: in a register, or in memory, at so many bytes of the row of parameters or of the stack. */
export type IntegerPlace =
  | { readonly in: "register"; readonly register: number }
  | { readonly in: "row" | "stack"; readonly at: number };

/** A register that is saved around a call, and where. */
export interface Saved<Place> {
  readonly register: number;
  readonly at: Place;
}

/** What is saved around one call. */
interface Held {
  readonly vectors: readonly Saved<number>[];
  readonly masks: readonly Saved<number>[];
}

/** Bytes of an integer. */
const word = 8;

export class Layout {
  readonly analysis: Analysis;
  /** The integer registers that the routine changes. */
  readonly integersInUse: readonly number[];
  /** How many registers of lanes hold something at some time: those from this one on never do. */
  readonly vectorsInUse: number;
  /** Bytes of the stack: arguments of calls, the address of the parameters, slots, what is saved around calls. */
  readonly bytes: number;
  readonly #integers: Map<Value | Variable, number>;
  readonly #vectors: Map<unknown, number>;
  readonly #masks: Map<unknown, number>;
  readonly #memory = new Map<Value | Variable, IntegerPlace>();
  readonly #temporaries = new Map<unknown, readonly number[]>();
  readonly #outgoing: number;
  readonly #held: readonly Held[];

  /** @param outgoing bytes of the arguments of calls */
  constructor(routine: Routine, outgoing: number, file: RegisterFile) {
    const analysis = analyse(routine, file);
    this.analysis = analysis;
    this.#outgoing = outgoing;
    const [integers, masks, vectors] = [[], [], []] as [
      Claim<Value | Variable>[],
      Claim<unknown>[],
      Claim<unknown>[],
    ];
    const claims = { integer: integers, mask: masks, vector: vectors };
    for (const [of, life] of analysis.lives) claims[file.kindOf(of.type)].push({ of, life });
    for (const lives of analysis.temporaries.values())
      for (const life of lives) vectors.push({ of: life, life });
    const ints = allocate(integers, file.integers);
    this.#integers = ints.registers;
    this.#vectors = fitting(routine, "vector", vectors, file.vectors);
    this.#masks = fitting(routine, "mask", masks, file.masks);
    this.integersInUse = [...new Set(this.#integers.values())];
    this.vectorsInUse = Math.max(-1, ...this.#vectors.values()) + 1;
    for (const [of, lives] of analysis.temporaries)
      this.#temporaries.set(
        of,
        lives.map((life) => this.#vectors.get(life)!),
      );
    let slots = outgoing + 2 * word;
    for (const what of ints.left) {
      const isParameter = "parameter" in what && what.parameter;
      const place = isParameter
        ? ({ in: "row", at: word * routine.parameters.indexOf(what) } as const)
        : ({ in: "stack", at: slots } as const);
      if (!isParameter) slots += word;
      this.#memory.set(what, place);
    }
    // A call keeps no lanes and no masks: what lives longer is saved around it.
    const registersOver = (call: number, all: readonly Claim<unknown>[], registers: Map<unknown, number>) =>
      all.filter(({ life }) => isOver(call, life)).map(({ of }) => registers.get(of)!);
    const place = (registers: readonly number[], from: number, bytes: number): Saved<number>[] =>
      registers.map((register, i) => ({ register, at: from + bytes * i }));
    let held = 0;
    this.#held = analysis.calls.map((call) => {
      const lanes = place(registersOver(call, vectors, this.#vectors), slots, file.vectorBytes);
      const behind = file.vectorBytes * lanes.length;
      const ofMasks = place(registersOver(call, masks, this.#masks), slots + behind, word);
      held = Math.max(held, behind + word * ofMasks.length);
      return { vectors: lanes, masks: ofMasks };
    });
    this.bytes = slots + held;
  }

  /** Where on the stack a routine's own parameters' address is kept during calls. */
  get ownParameters(): number {
    return this.#outgoing;
  }

  /** Where on the stack 8 bytes keep nothing. */
  get spare(): number {
    return this.#outgoing + word;
  }

  integer(of: Value | Variable): IntegerPlace {
    const root = "variable" in of ? of : this.analysis.rootOf(of);
    const register = this.#integers.get(root);
    if (register !== undefined) return { in: "register", register };
    const place = this.#memory.get(root);
    if (place) return place;
    throw new Error(`an integer has no place (${JSON.stringify(root)})`);
  }

  /** What to save around the call at a position. */
  heldOver(position: number): Held {
    return this.#held[this.analysis.calls.indexOf(position)]!;
  }

  vector(of: Value | Variable): number {
    return this.#registerOf(this.#vectors, of);
  }

  mask(of: Value | Variable): number {
    return this.#registerOf(this.#masks, of);
  }

  temporaries(of: Value | Statement): readonly number[] {
    return this.#temporaries.get(of) ?? [];
  }

  #registerOf(registers: Map<unknown, number>, of: Value | Variable): number {
    const root = "variable" in of ? of : this.analysis.rootOf(of);
    const register = registers.get(root);
    if (register === undefined) throw new Error(`lanes have no register (${JSON.stringify(root)})`);
    return register;
  }
}

const isOver = (call: number, { from, to }: Life) => from < call && call < to;

function fitting<T>(
  routine: Routine,
  kind: string,
  claims: readonly Claim<T>[],
  free: number,
): Map<T, number> {
  const { registers, left } = allocate(claims, free);
  if (left.length > 0)
    throw new Error(
      `${routine.name}: needs ${left.length} more ${kind} registers than the ${free} there are`,
    );
  return registers;
}
