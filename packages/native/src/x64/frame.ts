// Where the values of one routine are: registers, slots on the stack, its parameters in memory, constants beside the code.
import type { Routine, Value, Variable } from "@shardgrad/core/kernels";
import type { Asm } from "../assembler/asm.ts";
import type { Label, Mem, Reg } from "../assembler/operands.ts";
import {
  at,
  mem,
  newLabel,
  r8,
  r9,
  r10,
  r11,
  r12,
  r13,
  r14,
  r15,
  rax,
  rbp,
  rbx,
  rcx,
  rdi,
  rdx,
  rsi,
  rsp,
} from "../assembler/operands.ts";
import type { Analysis, Life } from "./analyse.ts";
import { analyse } from "./analyse.ts";
import type { Machine } from "./machine.ts";
import { needsOf } from "./needs.ts";
import type { Claim } from "./registers.ts";
import { allocate } from "./registers.ts";

/** For integers. rax and rdx are scratch, rdi points to the parameters, rsp to the frame. */
const integerRegisters: readonly Reg[] = [rcx, rsi, r8, r9, r10, r11, rbx, rbp, r12, r13, r14, r15];
export const scratch = rax;
export const otherScratch = rdx;
export const parameters = rdi;

/** k0 masks nothing. */
const firstMask = 1;

const isInt = ({ type }: Value | Variable) => type === "i32" || type === "ptr" || type === "near";
const isMask = ({ type }: Value | Variable) => type === "mask" || type === "tail";

/** Constants of 4 or 8 bytes, repeated over a vector where the machine cannot do that while it reads. */
export class Constants {
  readonly #labels = new Map<string, { label: Label; words: readonly number[] }>();
  readonly #machine: Machine;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** The place of 32-bit words, repeated. */
  of(...words: readonly number[]): Mem {
    const key = words.map((word) => word >>> 0).join(" ");
    let entry = this.#labels.get(key);
    if (!entry) {
      entry = { label: newLabel(), words };
      this.#labels.set(key, entry);
    }
    return at(entry.label);
  }

  /** Writes them behind the code. */
  place(a: Asm): void {
    a.align(64);
    for (const { label, words } of this.#labels.values()) {
      a.bind(label);
      for (let i = 0; i < this.#machine.width / 4; i++) a.int32(words[i % words.length]! | 0);
    }
  }
}

/** A register that is saved around a call, and where. */
interface Saved {
  readonly register: number;
  readonly slot: Mem;
}

/** What is saved around one call: registers of lanes, and of masks. */
interface Held {
  readonly vectors: readonly Saved[];
  readonly masks: readonly Saved[];
}

export class Frame {
  readonly analysis: Analysis;
  /** The integer registers that the routine changes. */
  readonly saved: readonly Reg[];
  /** Bytes below the saved registers: arguments of calls, the address of the parameters, slots. */
  readonly bytes: number;
  readonly #integers: Map<Value | Variable, number>;
  readonly #vectors: Map<unknown, number>;
  readonly #masks: Map<unknown, number>;
  readonly #slots = new Map<Value | Variable, Mem>();
  readonly #temporaries = new Map<unknown, readonly number[]>();
  readonly #outgoing: number;
  readonly #held: readonly Held[];

  constructor(routine: Routine, machine: Machine, outgoing: number) {
    const analysis = analyse(routine, (of) => needsOf(of, machine));
    this.analysis = analysis;
    this.#outgoing = outgoing;
    const all = [...analysis.lives].map(([of, life]) => ({ of, life }));
    const [integers, masks, vectors] = [[], [], []] as [
      Claim<Value | Variable>[],
      Claim<unknown>[],
      Claim<unknown>[],
    ];
    for (const claim of all) {
      if (isInt(claim.of)) integers.push(claim);
      else if (isMask(claim.of) && machine.maskRegisters > 0) masks.push(claim);
      else vectors.push(claim);
    }
    for (const lives of analysis.temporaries.values())
      for (const life of lives) vectors.push({ of: life, life });
    const ints = allocate(integers, integerRegisters.length);
    this.#integers = ints.registers;
    this.#vectors = fitting(routine, "vector", vectors, machine.vectorRegisters);
    this.#masks = fitting(routine, "mask", masks, machine.maskRegisters);
    for (const [of, lives] of analysis.temporaries)
      this.#temporaries.set(
        of,
        lives.map((life) => this.#vectors.get(life)!),
      );
    let slots = 0;
    for (const what of ints.left) {
      const parameter = "parameter" in what && what.parameter;
      this.#slots.set(
        what,
        parameter
          ? mem(parameters, 8 * routine.parameters.indexOf(what))
          : mem(rsp, outgoing + 16 + 8 * slots++),
      );
    }
    // A call keeps no lanes and no masks: what lives longer is saved around it.
    const below = outgoing + 16 + 8 * slots;
    const over = (call: number, claims: readonly Claim<unknown>[]) =>
      claims.filter(({ life }) => isOver(call, life)).map(({ of }) => of);
    const place = (registers: readonly number[], from: number, bytes: number): Saved[] =>
      registers.map((register, i) => ({ register, slot: mem(rsp, from + bytes * i) }));
    let held = 0;
    this.#held = analysis.calls.map((call) => {
      const lanes = place(
        over(call, vectors).map((of) => this.#vectors.get(of)!),
        below,
        machine.width,
      );
      const ofMasks = over(call, masks).map((of) => this.#masks.get(of)! + firstMask);
      const behind = machine.width * lanes.length;
      held = Math.max(held, behind + 8 * ofMasks.length);
      return { vectors: lanes, masks: place(ofMasks, below + behind, 8) };
    });
    this.bytes = below + held;
    this.saved = [...new Set(this.#integers.values())].map((i) => integerRegisters[i]!);
  }

  /** Where a routine's own parameters' address is kept during calls. */
  get ownParameters(): Mem {
    return mem(rsp, this.#outgoing);
  }

  /** The register or memory of an integer. */
  integer(of: Value | Variable): Reg | Mem {
    const root = "variable" in of ? of : this.analysis.rootOf(of);
    const register = this.#integers.get(root);
    if (register !== undefined) return integerRegisters[register]!;
    const slot = this.#slots.get(root);
    if (slot) return slot;
    throw new Error(`an integer has no place (${JSON.stringify(root)})`);
  }

  /** Memory that keeps nothing. */
  get spare(): Mem {
    return mem(rsp, this.#outgoing + 8);
  }

  /** What to save around the call at a position. */
  heldOver(position: number): Held {
    return this.#held[this.analysis.calls.indexOf(position)]!;
  }

  vector(of: Value | Variable): number {
    return this.#registerOf(this.#vectors, of);
  }

  mask(of: Value | Variable): number {
    return this.#registerOf(this.#masks, of) + firstMask;
  }

  temporaries(of: unknown): readonly number[] {
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
