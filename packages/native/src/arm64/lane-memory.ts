// Loads and stores of lanes. There are no masks: a tail is read and written lane by lane, by how many there are.
import type { Statement, Value } from "@shardgrad/core/kernels";
import { newLabel } from "../assembler/labels.ts";
import type { Asm } from "./asm.ts";
import type { Frame } from "./frame.ts";
import { scratch } from "./frame.ts";
import type { Integers } from "./integers.ts";
import type { LaneOperands } from "./lane-operands.ts";
import { isConstant } from "./needs.ts";

const loads = { v: "ldr.q", d: "ldr.q", first: "ldr.s", bytes: "ldr.s" } as const;
const stores = { v: "str.q", d: "str.q", first: "str.s", firstWide: "str.d" } as const;

/** Whether a tail is known to have one lane, and not all. */
const isPart = ({ making }: Value) => making.by === "operation" && making.operation === "tail.some";

export class LaneMemory {
  readonly #a: Asm;
  readonly #frame: Frame;
  readonly #operands: LaneOperands;
  readonly #integers: Integers;

  constructor(a: Asm, frame: Frame, operands: LaneOperands, integers: Integers) {
    this.#a = a;
    this.#frame = frame;
    this.#operands = operands;
    this.#integers = integers;
  }

  load(value: Value, to: number): void {
    const { making, args } = value;
    if (making.by !== "load") throw new Error("arm64: no load");
    const a = this.#a;
    const { kind, place } = making;
    if (kind === "part") {
      this.#part(args[0]!, {
        address: () => this.#integers.movingPointer(place),
        all: (from) => a.transfer("ldr.q", to, from),
        none: () => a.clear(to),
        first: (from) => a.thenMove("ldr.s", to, from, 4),
        lane: (i, from) => a.lane("ld1", to, i, from),
      });
      return;
    }
    if (kind === "i32" || kind === "u8") throw new Error("arm64: an integer is no lanes");
    if (kind === "splat" && this.#frame.isFactor(value)) {
      const { base, offset } = this.#integers.address(place, "ldr.s");
      a.transfer("ldr.s", to, base, offset);
    } else if (kind === "splat" || kind === "splatWide")
      a.splat(kind === "splat" ? "ld1r.4s" : "ld1r.2d", to, this.#integers.pointer(place));
    else {
      const { base, offset } = this.#integers.address(place, loads[kind]);
      a.transfer(loads[kind], to, base, offset);
      if (kind !== "bytes") return;
      a.shift("ushll.8h.8b", to, to, 0);
      a.shift("ushll.4s.4h", to, to, 0);
    }
  }

  store(statement: Extract<Statement, { is: "store" }>): void {
    const { kind, place, value, tail } = statement;
    const a = this.#a;
    if (kind === "i32" || kind === "u8") {
      const name = kind === "u8" ? "strb.w" : "str.w";
      const { base, offset } = this.#integers.address(place, name);
      a.transfer(name, this.#integers.register(value, scratch), base, offset);
      return;
    }
    const from = isConstant(value)
      ? this.#operands.register(value, [...this.#frame.temporaries(statement)])
      : this.#frame.vector(value);
    if (kind === "part") {
      this.#part(tail!, {
        address: () => this.#integers.movingPointer(place),
        all: (to) => a.transfer("str.q", from, to),
        none: () => undefined,
        first: (to) => a.thenMove("str.s", from, to, 4),
        lane: (i, to) => a.lane("st1", from, i, to),
      });
      return;
    }
    const { base, offset } = this.#integers.address(place, stores[kind]);
    a.transfer(stores[kind], from, base, offset);
  }

  /** Moves the lanes of a tail: all, or the first, then one after the other. */
  #part(
    tail: Value,
    move: {
      address(): number;
      all(at: number): void;
      none(): void;
      first(at: number): void;
      lane(i: number, at: number): void;
    },
  ): void {
    const a = this.#a;
    const at = move.address();
    const count = this.#integers.register(tail, scratch);
    const end = newLabel();
    if (!isPart(tail)) {
      const [fewer, some] = [newLabel(), newLabel()];
      a.compareImmediate(count, 4);
      a.jumpIf("lt", fewer);
      move.all(at);
      a.jump(end);
      a.bind(fewer);
      a.compareImmediate(count, 0);
      a.jumpIf("gt", some);
      move.none();
      a.jump(end);
      a.bind(some);
    }
    move.first(at);
    a.compareImmediate(count, 2);
    a.jumpIf("lt", end);
    move.lane(1, at);
    a.jumpIf("eq", end);
    move.lane(2, at);
    a.bind(end);
  }
}
