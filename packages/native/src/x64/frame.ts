// Where the values of one routine are: registers, slots on the stack, its parameters in memory, constants beside the code.
import type { Routine, Statement, Value, Variable } from "@shardgrad/core/kernels";
import type { Analysis } from "../allocation/analyse.ts";
import type { Saved } from "../allocation/layout.ts";
import { Layout } from "../allocation/layout.ts";
import type { Asm } from "../assembler/asm.ts";
import type { Label } from "../assembler/labels.ts";
import { newLabel } from "../assembler/labels.ts";
import type { Mem, Reg } from "../assembler/operands.ts";
import {
  at,
  mem,
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
import type { Machine } from "./machine.ts";
import { needsOf } from "./needs.ts";

/** For integers. rax and rdx are scratch, rdi points to the parameters, rsp to the frame. */
const integerRegisters: readonly Reg[] = [rcx, rsi, r8, r9, r10, r11, rbx, rbp, r12, r13, r14, r15];
export const scratch = rax;
export const otherScratch = rdx;
export const parameters = rdi;

/** k0 masks nothing. */
const firstMask = 1;

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

/** What is saved around one call: registers of lanes, and of masks. */
interface Held {
  readonly vectors: readonly Saved<Mem>[];
  readonly masks: readonly Saved<Mem>[];
}

const onStack = ({ register, at: offset }: Saved<number>): Saved<Mem> => ({ register, at: mem(rsp, offset) });

export class Frame {
  readonly #layout: Layout;

  constructor(routine: Routine, machine: Machine, outgoing: number) {
    const hasMasks = machine.maskRegisters > 0;
    this.#layout = new Layout(routine, outgoing, {
      integers: integerRegisters.length,
      vectors: machine.vectorRegisters,
      masks: machine.maskRegisters,
      vectorBytes: machine.width,
      kindOf(type) {
        if (type === "i32" || type === "ptr" || type === "near") return "integer";
        return hasMasks && (type === "mask" || type === "tail") ? "mask" : "vector";
      },
      needsOf: (of) => needsOf(of, machine),
      // A tail is a mask.
      isConversion: (operation) => operation.startsWith("to.") || operation === "mask.tail",
    });
  }

  get analysis(): Analysis {
    return this.#layout.analysis;
  }

  /** The integer registers that the routine changes. */
  get saved(): readonly Reg[] {
    return this.#layout.integersInUse.map((i) => integerRegisters[i]!);
  }

  /** Bytes below the saved registers: arguments of calls, the address of the parameters, slots. */
  get bytes(): number {
    return this.#layout.bytes;
  }

  /** Where a routine's own parameters' address is kept during calls. */
  get ownParameters(): Mem {
    return mem(rsp, this.#layout.ownParameters);
  }

  /** The register or memory of an integer. */
  integer(of: Value | Variable): Reg | Mem {
    const place = this.#layout.integer(of);
    if (place.in === "register") return integerRegisters[place.register]!;
    return place.in === "row" ? mem(parameters, place.at) : mem(rsp, place.at);
  }

  /** Memory that keeps nothing. */
  get spare(): Mem {
    return mem(rsp, this.#layout.spare);
  }

  /** What to save around the call at a position. */
  heldOver(position: number): Held {
    const { vectors, masks } = this.#layout.heldOver(position);
    const ofMasks = masks.map(({ register, at: offset }) => ({ register: register + firstMask, at: offset }));
    return { vectors: vectors.map(onStack), masks: ofMasks.map(onStack) };
  }

  vector(of: Value | Variable): number {
    return this.#layout.vector(of);
  }

  mask(of: Value | Variable): number {
    return this.#layout.mask(of) + firstMask;
  }

  temporaries(of: Value | Statement): readonly number[] {
    return this.#layout.temporaries(of);
  }
}
