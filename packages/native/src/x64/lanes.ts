// Instructions for operations on lanes, but for masks (masks.ts). Each gets registers that the frame has chosen; constants
// are read from memory (lane-operands.ts).
import type { Operation, Value, Variable } from "@shardgrad/core/kernels";
import type { Asm } from "../assembler/asm.ts";
import type { Three, Two, TwoImmediate } from "../assembler/forms.ts";
import { extremum, foldLanes, upperHalf } from "./folds.ts";
import type { Constants, Frame } from "./frame.ts";
import type { LaneOperands } from "./lane-operands.ts";
import { isConstant } from "./lane-operands.ts";
import type { Machine } from "./machine.ts";
import type { Masks } from "./masks.ts";
import { commutative, reversed } from "./needs.ts";
import { moveLanes, transposeLanes } from "./transposition.ts";

const three: Partial<Record<Operation, Three>> = {
  "v.add": "vaddps",
  "v.sub": "vsubps",
  "v.mul": "vmulps",
  "v.div": "vdivps",
  "v.pmin": "vminps",
  "v.pmax": "vmaxps",
  "v.and": "vandps",
  "v.or": "vorps",
  "v.xor": "vxorps",
  "v.andNot": "vandnps",
  "v.addI": "vpaddd",
  "v.subI": "vpsubd",
  "v.mulI": "vpmulld",
  "v.maxI": "vpmaxsd",
  "d.add": "vaddpd",
  "d.sub": "vsubpd",
  "d.mul": "vmulpd",
  "d.div": "vdivpd",
  "d.pmin": "vminpd",
  "d.pmax": "vmaxpd",
  // Bits have no type.
  "d.and": "vandps",
  "d.xor": "vxorps",
  "d.addI": "vpaddq",
  "d.subI": "vpsubq",
};

/** Predicates of the compare instructions that raise nothing for a quiet NaN. */
const predicates: Partial<Record<Operation, number>> = {
  "v.lt": 0x11,
  "v.le": 0x12,
  "v.gt": 0x1e,
  "v.ge": 0x1d,
  "v.eq": 0,
  "v.ne": 4,
};
const two: Partial<Record<Operation, Two>> = {
  "v.sqrt": "vsqrtps",
  "d.sqrt": "vsqrtpd",
  "v.toFloat": "vcvtdq2ps",
  "v.toInt": "vcvttps2dq",
  "d.low": "vcvtps2pd",
};
const shifts: Partial<Record<Operation, TwoImmediate>> = {
  "v.shl": "vpslld",
  "v.shr": "vpsrld",
  "v.sar": "vpsrad",
  "d.shl": "vpsllq",
  "d.shr": "vpsrlq",
};
const rounding: Partial<Record<Operation, number>> = { "v.nearest": 8, "v.floor": 9, "v.trunc": 11 };

export class Lanes {
  readonly #a: Asm;
  readonly #frame: Frame;
  readonly #machine: Machine;
  readonly #constants: Constants;
  readonly #operands: LaneOperands;
  readonly #masks: Masks;

  constructor(
    a: Asm,
    frame: Frame,
    machine: Machine,
    constants: Constants,
    operands: LaneOperands,
    masks: Masks,
  ) {
    this.#a = a;
    this.#frame = frame;
    this.#machine = machine;
    this.#constants = constants;
    this.#operands = operands;
    this.#masks = masks;
  }

  /** Computes an operation on lanes into `to`: a vector, or a mask where the machine has masks. */
  operate(value: Value, to: number): void {
    const { making, args } = value;
    if (making.by !== "operation") throw new Error("no operation");
    const { operation, immediate } = making;
    const [a, width, temporaries] = [this.#a, this.#machine.width, [...this.#frame.temporaries(value)]];
    const name = three[operation];
    if (name) {
      let [x, y] = args as [Value, Value];
      if (reversed.has(operation) || (commutative.has(operation) && isConstant(x))) [x, y] = [y, x];
      a.op3(name, width, to, this.#operands.register(x, temporaries), ...this.#operands.second(y));
      return;
    }
    const predicate = predicates[operation];
    if (predicate !== undefined) {
      const [x, y] = args as [Value, Value];
      const isTurned = commutative.has(operation) && isConstant(x);
      this.#masks.compare(isTurned ? [y, x] : [x, y], predicate, to, temporaries);
      return;
    }
    const round = rounding[operation];
    if (round !== undefined) {
      a.op2i(
        width === 64 ? "vrndscaleps" : "vroundps",
        width,
        to,
        this.#operands.register(args[0]!, temporaries),
        round,
      );
      return;
    }
    const [unary, shift] = [two[operation], shifts[operation]];
    if (unary) a.op2(unary, width, to, this.#operands.register(args[0]!, temporaries));
    else if (shift) a.op2i(shift, width, to, this.#operands.register(args[0]!, temporaries), immediate);
    else this.#operateByHand(operation, value, to, temporaries);
  }

  /** Operations that take more than one instruction, or not the same one on both sets. */
  #operateByHand(operation: Operation, value: Value, to: number, temporaries: number[]): void {
    const { args } = value;
    const [a, width] = [this.#a, this.#machine.width];
    const x = () => this.#operands.register(args[0]!, temporaries);
    switch (operation) {
      case "v.madd":
        this.#madd(args as [Value, Value, Value], to, temporaries);
        return;
      case "d.nearest":
        a.op2i(width === 64 ? "vrndscalepd" : "vroundpd", width, to, x(), 8);
        return;
      case "v.narrow":
        this.#narrow(x(), this.#operands.register(args[1]!, temporaries), to, this.#frame.temporaries(value));
        return;
      case "v.index":
        a.vmovups(width, to, this.#operands.laneNumbers);
        return;
      case "v.splatI":
        this.#operands.splatInt(args[0]!, to);
        return;
      case "v.min":
      case "v.max":
        this.#minimum(operation === "v.min", args as [Value, Value], to, temporaries);
        return;
      case "v.evens":
      case "v.odds":
      case "v.zipLow":
      case "v.zipHigh": {
        const t = temporaries.pop()!;
        moveLanes(a, width, operation, to, x(), this.#operands.register(args[1]!, temporaries), t);
        return;
      }
      case "v.mulHighU":
        this.#mulHigh(x(), this.#operands.register(args[1]!, temporaries), to, temporaries);
        return;
      case "v.ltI":
        this.#masks.compareInts(args as [Value, Value], true, to, temporaries);
        return;
      case "v.eqI":
        this.#masks.compareInts(args as [Value, Value], false, to, temporaries);
        return;
      case "v.select":
        this.#masks.select(args as [Value, Value, Value], to, temporaries);
        return;
      case "v.keep":
      case "v.drop":
        this.#masks.keep(operation === "v.keep", x(), args[1]!, to);
        return;
      case "mask.and":
      case "mask.or":
        this.#masks.combine(operation === "mask.and", args as [Value, Value], to);
        return;
      case "mask.not":
        this.#masks.not(args[0]!, to);
        return;
      case "tail.first":
      case "tail.some":
        this.#masks.first(args[0]!, to, temporaries);
        return;
      case "d.high":
        upperHalf(a, this.#machine, width, temporaries[0]!, x());
        a.op2("vcvtps2pd", width, to, temporaries[0]!);
        return;
      case "v.round":
        a.op3("vcvtsd2ss", 8, temporaries[0]!, x(), x());
        a.op2("vbroadcastss", width, to, temporaries[0]!);
        return;
      case "d.splat":
        a.op3("vcvtss2sd", 4, temporaries[0]!, x(), x());
        a.op2("vbroadcastsd", width, to, temporaries[0]!);
        return;
      case "d.splatI":
        this.#operands.splatWideInt(args[0]!, to, temporaries[0]!);
        return;
      default:
        throw new Error(`x64: there is no ${operation}`);
    }
  }

  #madd([x, y, z]: [Value, Value, Value], to: number, temporaries: number[]): void {
    const [a, width] = [this.#a, this.#machine.width];
    if (isConstant(x)) [x, y] = [y, x];
    const left = this.#operands.register(x, temporaries);
    if (isConstant(y)) {
      const sum = this.#operands.register(z, temporaries);
      if (to === left) a.op3("vfmadd132ps", width, to, sum, ...this.#operands.second(y));
      else {
        if (to !== sum) a.vmovups(width, to, sum);
        a.op3("vfmadd231ps", width, to, left, ...this.#operands.second(y));
      }
      return;
    }
    const right = this.#frame.vector(y);
    if (!isConstant(z) && to === this.#frame.vector(z)) a.op3("vfmadd231ps", width, to, left, right);
    else if (to === right) a.op3("vfmadd213ps", width, to, left, ...this.#operands.second(z));
    else if (to === left || isConstant(z)) {
      if (to !== left) a.vmovups(width, to, left);
      a.op3("vfmadd213ps", width, to, right, ...this.#operands.second(z));
    } else {
      a.vmovups(width, to, this.#frame.vector(z));
      a.op3("vfmadd231ps", width, to, left, right);
    }
  }

  #mulHigh(x: number, y: number, to: number, [t, u]: readonly number[]): void {
    const [a, width] = [this.#a, this.#machine.width];
    a.op2i("vpsrlq", width, to, x, 32);
    a.op2i("vpsrlq", width, t!, y, 32);
    a.op3("vpmuludq", width, to, to, t!); // odd lanes
    a.op3("vpmuludq", width, t!, x, y); // even lanes
    a.op2i("vpsrlq", width, t!, t!, 32);
    a.vmovups(width, u!, this.#constants.of(0, -1));
    a.op3("vandps", width, to, to, u!);
    a.op3("vorps", width, to, to, t!);
  }

  /** Two vectors of float64 as one of float32. */
  #narrow(low: number, high: number, to: number, [t, u]: readonly number[]): void {
    const [a, { width }] = [this.#a, this.#machine];
    a.op2("vcvtpd2ps", width, t!, low);
    a.op2("vcvtpd2ps", width, u!, high);
    if (width === 64) a.op3i("vinsertf64x4", 64, to, t!, u!, 1);
    else a.op3i("vinsertf128", 32, to, t!, u!, 1);
  }

  fold(value: Value, to: number): void {
    const { making, args } = value;
    if (making.by !== "fold") throw new Error("no fold");
    const temporaries = [...this.#frame.temporaries(value)];
    const parts = args.map((part) => this.#operands.register(part, temporaries));
    foldLanes(this.#a, this.#machine, making.fold, parts, to, temporaries);
  }

  transpose(variables: readonly Variable[], temporary: number): void {
    const registers = variables.map((variable) => this.#frame.vector(variable));
    transposeLanes(this.#a, this.#machine.width, registers, temporary);
  }

  #minimum(min: boolean, [x, y]: [Value, Value], to: number, temporaries: number[]): void {
    const t = temporaries.pop()!;
    const [left, right] = [this.#operands.register(x, temporaries), this.#operands.register(y, temporaries)];
    extremum(this.#a, this.#machine, min, left, right, to, t);
  }
}
