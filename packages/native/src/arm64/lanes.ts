// Instructions for operations on lanes. Each gets registers that the frame has chosen; the result may have the register of
// an operand. A mask is a vector whose lanes are all ones or all zeros.
import type { Operation, Value } from "@shardgrad/core/kernels";
import type { Asm } from "./asm.ts";
import type { Frame } from "./frame.ts";
import { scratch } from "./frame.ts";
import type { Shift, Three, Two } from "./instructions.ts";
import type { Integers } from "./integers.ts";
import type { LaneOperands } from "./lane-operands.ts";

const three: Partial<Record<Operation, Three>> = {
  "v.add": "fadd.4s",
  "v.sub": "fsub.4s",
  "v.mul": "fmul.4s",
  "v.div": "fdiv.4s",
  "v.min": "fmin.4s",
  "v.max": "fmax.4s",
  "v.and": "and.16b",
  "v.or": "orr.16b",
  "v.xor": "eor.16b",
  "v.andNot": "bic.16b",
  "v.addI": "add.4s",
  "v.subI": "sub.4s",
  "v.mulI": "mul.4s",
  "v.maxI": "smax.4s",
  "v.gt": "fcmgt.4s",
  "v.ge": "fcmge.4s",
  "v.eq": "fcmeq.4s",
  "v.eqI": "cmeq.4s",
  "v.keep": "and.16b",
  "v.drop": "bic.16b",
  "v.evens": "uzp1.4s",
  "v.odds": "uzp2.4s",
  "v.zipLow": "zip1.4s",
  "v.zipHigh": "zip2.4s",
  "mask.and": "and.16b",
  "mask.or": "orr.16b",
  "d.add": "fadd.2d",
  "d.sub": "fsub.2d",
  "d.mul": "fmul.2d",
  "d.div": "fdiv.2d",
  "d.and": "and.16b",
  "d.xor": "eor.16b",
  "d.addI": "add.2d",
  "d.subI": "sub.2d",
};

/** The operands change places. */
const reversed: Partial<Record<Operation, Three>> = {
  "v.lt": "fcmgt.4s",
  "v.le": "fcmge.4s",
  "v.ltI": "cmgt.4s",
};

const two: Partial<Record<Operation, Two>> = {
  "v.sqrt": "fsqrt.4s",
  "v.nearest": "frintn.4s",
  "v.floor": "frintm.4s",
  "v.trunc": "frintz.4s",
  "v.toFloat": "scvtf.4s",
  "v.toInt": "fcvtzs.4s",
  "mask.not": "mvn.16b",
  "d.sqrt": "fsqrt.2d",
  "d.nearest": "frintn.2d",
  "d.low": "fcvtl.2d.2s",
  "d.high": "fcvtl2.2d.4s",
};

const shifts: Partial<Record<Operation, Shift>> = {
  "v.shl": "shl.4s",
  "v.shr": "ushr.4s",
  "v.sar": "sshr.4s",
  "d.shl": "shl.2d",
  "d.shr": "ushr.2d",
};

/** The second operand where it is less, or greater, than the first; else the first. `mask` is none of the others. */
export function chooseExtreme(
  a: Asm,
  name: "v.pmin" | "v.pmax" | "d.pmin" | "d.pmax",
  to: number,
  x: number,
  y: number,
  mask: number,
): void {
  const compare = name.startsWith("v") ? "fcmgt.4s" : "fcmgt.2d";
  const chosen = to === x || to === y ? mask : to;
  if (name.endsWith("min")) a.three(compare, chosen, x, y);
  else a.three(compare, chosen, y, x);
  if (to === x) a.three("bit.16b", to, y, mask);
  else if (to === y) a.three("bif.16b", to, x, mask);
  else a.three("bsl.16b", to, y, x);
}

export class Lanes {
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

  /** Computes an operation on lanes into `to`. */
  operate(value: Value, to: number): void {
    const { making, args } = value;
    if (making.by !== "operation") throw new Error("no operation");
    const { operation, immediate } = making;
    const a = this.#a;
    const temporaries = [...this.#frame.temporaries(value)];
    const register = (i: number) => this.#operands.register(args[i]!, temporaries);
    const [name, turned] = [three[operation], reversed[operation]];
    const [unary, shift] = [two[operation], shifts[operation]];
    if (name) a.three(name, to, register(0), register(1));
    else if (turned) a.three(turned, to, register(1), register(0));
    else if (unary) a.two(unary, to, register(0));
    else if (shift) this.#shift(shift, to, register(0), immediate);
    else this.#operateByHand(operation, value, to, temporaries, register);
  }

  /** There is no shift to the right by 0. */
  #shift(name: Shift, to: number, x: number, by: number): void {
    if (by > 0) this.#a.shift(name, to, x, by);
    else this.copy(to, x);
  }

  copy(to: number, from: number): void {
    if (to !== from) this.#a.copy(to, from);
  }

  /** Operations that take more than one instruction, or other operands. */
  #operateByHand(
    operation: Operation,
    { args }: Value,
    to: number,
    temporaries: number[],
    register: (i: number) => number,
  ): void {
    const a = this.#a;
    switch (operation) {
      case "v.madd":
        this.#madd(args as [Value, Value, Value], to, temporaries.shift()!, register);
        return;
      case "v.ne":
        a.three("fcmeq.4s", to, register(0), register(1));
        a.two("mvn.16b", to, to);
        return;
      case "v.pmin":
      case "v.pmax":
      case "d.pmin":
      case "d.pmax": {
        const mask = temporaries.shift()!;
        chooseExtreme(a, operation, to, register(0), register(1), mask);
        return;
      }
      case "v.mulHighU": {
        const low = temporaries.shift()!;
        const [x, y] = [register(0), register(1)];
        a.three("umull.2d.2s", low, x, y);
        a.three("umull2.2d.4s", to, x, y);
        a.three("uzp2.4s", to, low, to);
        return;
      }
      case "v.select":
        this.#select(to, register(0), register(1), register(2));
        return;
      case "v.narrow": {
        const both = temporaries.shift()!;
        a.two("fcvtn.2s.2d", both, register(0));
        a.two("fcvtn2.4s.2d", both, register(1));
        this.copy(to, both);
        return;
      }
      case "v.round":
        a.two("fcvt.s.d", to, register(0));
        a.two("dup.4s.s0", to, to);
        return;
      case "d.splat":
        a.two("fcvt.d.s", to, register(0));
        a.two("dup.2d.d0", to, to);
        return;
      case "v.splatI":
        a.two("dup.4s.w", to, this.#integers.register(args[0]!, scratch));
        return;
      case "d.splatI":
        a.two("scvtf.d.x", to, this.#integers.register(args[0]!, scratch));
        a.two("dup.2d.d0", to, to);
        return;
      case "v.index":
        this.#operands.loadLaneNumbers(to);
        return;
      case "mask.tail": {
        const numbers = temporaries.shift()!;
        a.two("dup.4s.w", to, this.#integers.register(args[0]!, scratch));
        this.#operands.loadLaneNumbers(numbers);
        a.three("cmgt.4s", to, to, numbers);
        return;
      }
      default:
        throw new Error(`arm64: there is no ${operation}`);
    }
  }

  /** The instruction adds to its result. */
  #madd([x]: [Value, Value, Value], to: number, temporary: number, register: (i: number) => number): void {
    const [left, right, sum] = [register(0), register(1), register(2)];
    const target = to !== sum && (to === left || to === right) ? temporary : to;
    this.copy(target, sum);
    if (this.#frame.isFactor(x)) this.#a.three("fmla.4s.4s.s0", target, right, left);
    else this.#a.three("fmla.4s", target, left, right);
    this.copy(to, target);
  }

  #select(to: number, yes: number, no: number, mask: number): void {
    const a = this.#a;
    if (to === no) a.three("bit.16b", to, yes, mask);
    else if (to === yes) a.three("bif.16b", to, no, mask);
    else {
      this.copy(to, mask);
      a.three("bsl.16b", to, yes, no);
    }
  }
}
