// Instructions for operations on lanes. Each gets registers that the frame has chosen; constants are read from memory.
// Longer than 350 lines: one table, an entry for each operation.
import type { Operation, Value, Variable } from "@shardgrad/core/kernels";
import type { Asm } from "../assembler/asm.ts";
import type { Three, Two, TwoImmediate } from "../assembler/forms.ts";
import type { Mem } from "../assembler/operands.ts";
import { isReg } from "../assembler/operands.ts";
import { extremum, foldLanes, upperHalf } from "./folds.ts";
import type { Constants, Frame } from "./frame.ts";
import { scratch } from "./frame.ts";
import type { Machine } from "./machine.ts";
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

  constructor(a: Asm, frame: Frame, machine: Machine, constants: Constants) {
    this.#a = a;
    this.#frame = frame;
    this.#machine = machine;
    this.#constants = constants;
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
      if (reversed.has(operation) || (commutative.has(operation) && this.#isConstant(x))) [x, y] = [y, x];
      a.op3(name, width, to, this.#register(x, temporaries), ...this.#operand(y));
      return;
    }
    const predicate = predicates[operation];
    if (predicate !== undefined) {
      const [x, y] = args as [Value, Value];
      const isTurned = commutative.has(operation) && this.#isConstant(x);
      this.#compare(isTurned ? [y, x] : [x, y], predicate, to, temporaries);
      return;
    }
    const round = rounding[operation];
    if (round !== undefined) {
      a.op2i(
        width === 64 ? "vrndscaleps" : "vroundps",
        width,
        to,
        this.#register(args[0]!, temporaries),
        round,
      );
      return;
    }
    const [unary, shift] = [two[operation], shifts[operation]];
    if (unary) a.op2(unary, width, to, this.#register(args[0]!, temporaries));
    else if (shift) a.op2i(shift, width, to, this.#register(args[0]!, temporaries), immediate);
    else this.#operateByHand(operation, value, to, temporaries);
  }

  /** Operations that take more than one instruction, or not the same one on both sets. */
  #operateByHand(operation: Operation, value: Value, to: number, temporaries: number[]): void {
    const { args } = value;
    const [a, width] = [this.#a, this.#machine.width];
    const x = () => this.#register(args[0]!, temporaries);
    switch (operation) {
      case "v.madd":
        this.#madd(args as [Value, Value, Value], to, temporaries);
        return;
      case "d.nearest":
        a.op2i(width === 64 ? "vrndscalepd" : "vroundpd", width, to, x(), 8);
        return;
      case "v.narrow":
        this.#narrow(x(), this.#register(args[1]!, temporaries), to, this.#frame.temporaries(value));
        return;
      case "v.index":
        a.vmovups(width, to, this.#laneNumbers);
        return;
      case "v.splatI":
        this.#splatInt(args[0]!, to);
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
        moveLanes(a, width, operation, to, x(), this.#register(args[1]!, temporaries), t);
        return;
      }
      case "v.mulHighU":
        this.#mulHigh(x(), this.#register(args[1]!, temporaries), to, temporaries);
        return;
      case "v.ltI":
        this.#compareInts(args as [Value, Value], true, to, temporaries);
        return;
      case "v.eqI":
        this.#compareInts(args as [Value, Value], false, to, temporaries);
        return;
      case "v.select":
        this.#select(args as [Value, Value, Value], to, temporaries);
        return;
      case "v.keep":
      case "v.drop":
        this.#mask(operation === "v.keep", x(), args[1]!, to);
        return;
      case "mask.and":
      case "mask.or":
        this.#combineMasks(operation === "mask.and", args as [Value, Value], to);
        return;
      case "mask.not":
        if (this.#hasMasks) a.k2("knotw", to, this.#frame.mask(args[0]!));
        else a.op3("vxorps", width, to, this.#frame.vector(args[0]!), this.#constants.of(-1));
        return;
      case "tail.first":
        this.#firstLanes(args[0]!, to, temporaries);
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
      case "d.splatI": {
        a.vcvtsi2sd(temporaries[0]!, temporaries[0]!, this.#frame.integer(args[0]!));
        a.op2("vbroadcastsd", width, to, temporaries[0]!);
        return;
      }
      default:
        throw new Error(`x64: there is no ${operation}`);
    }
  }

  /** The lanes where the mask is set, or the others; 0 in place of the rest. */
  #mask(keeps: boolean, from: number, mask: Value, to: number): void {
    const [a, width] = [this.#a, this.#machine.width];
    if (!this.#hasMasks) a.op3(keeps ? "vandps" : "vandnps", width, to, this.#frame.vector(mask), from);
    else if (keeps) a.vmovups(width, to, from, { k: this.#frame.mask(mask), z: true });
    else {
      if (to !== from) a.vmovups(width, to, from);
      a.op3("vxorps", width, to, to, to, { k: this.#frame.mask(mask) });
    }
  }

  /** Sets the flags as a mask is: `all` or `any`; to be followed by a jump if equal or not equal. */
  maskToFlag(mask: Value, all: boolean): void {
    const lanes = this.#machine.target.lanes;
    if (this.#hasMasks) this.#a.kmovw(scratch, this.#frame.mask(mask));
    else this.#a.vmovmskps(32, scratch, this.#frame.vector(mask));
    this.#a.cmp(scratch, all ? 2 ** lanes - 1 : 0);
  }

  /** The register of lanes, into which a constant is loaded if need be. */
  register(value: Value, temporaries: number[]): number {
    return this.#register(value, temporaries);
  }

  /** Loads a constant. */
  loadConstant(to: number, value: Value): void {
    const [mem, options] = this.#operand(value);
    if (value.type === "v" && value.making.by === "constant" && value.making.bits === 0)
      this.#a.op3("vxorps", 16, to, to, to);
    else if (options) this.#a.op2("vbroadcastss", this.#machine.width, to, mem as Mem);
    else this.#a.vmovups(this.#machine.width, to, mem);
  }

  get #hasMasks(): boolean {
    return this.#machine.maskRegisters > 0;
  }

  #isConstant(value: Value): boolean {
    return value.making.by === "constant";
  }

  /** A second operand: a register, or a constant in memory, which AVX-512 repeats by itself. */
  #operand(value: Value): [number | Mem, { bcast: true }?] {
    const { making, type } = value;
    if (making.by !== "constant") return [this.#frame.vector(value)];
    if (type === "v")
      return this.#hasMasks
        ? [this.#constants.of(making.bits), { bcast: true }]
        : [this.#constants.of(making.bits)];
    return [this.#constants.of(...wordsOf(making.number))];
  }

  #register(value: Value, temporaries: number[]): number {
    if (!this.#isConstant(value)) return this.#frame.vector(value);
    const to = temporaries.pop();
    if (to === undefined) throw new Error("x64: a constant has no register");
    this.loadConstant(to, value);
    return to;
  }

  #madd([x, y, z]: [Value, Value, Value], to: number, temporaries: number[]): void {
    const [a, width] = [this.#a, this.#machine.width];
    if (this.#isConstant(x)) [x, y] = [y, x];
    const left = this.#register(x, temporaries);
    if (this.#isConstant(y)) {
      const sum = this.#register(z, temporaries);
      if (to === left) a.op3("vfmadd132ps", width, to, sum, ...this.#operand(y));
      else {
        if (to !== sum) a.vmovups(width, to, sum);
        a.op3("vfmadd231ps", width, to, left, ...this.#operand(y));
      }
      return;
    }
    const right = this.#frame.vector(y);
    if (!this.#isConstant(z) && to === this.#frame.vector(z)) a.op3("vfmadd231ps", width, to, left, right);
    else if (to === right) a.op3("vfmadd213ps", width, to, left, ...this.#operand(z));
    else if (to === left || this.#isConstant(z)) {
      if (to !== left) a.vmovups(width, to, left);
      a.op3("vfmadd213ps", width, to, right, ...this.#operand(z));
    } else {
      a.vmovups(width, to, this.#frame.vector(z));
      a.op3("vfmadd231ps", width, to, left, right);
    }
  }

  #compare([x, y]: [Value, Value], predicate: number, to: number, temporaries: number[]): void {
    const left = this.#register(x, temporaries);
    const [right, options] = this.#operand(y);
    if (this.#hasMasks) this.#a.op3i("vcmppsK", this.#machine.width, to, left, right, predicate, options);
    else this.#a.op3i("vcmpps", this.#machine.width, to, left, right, predicate);
  }

  #compareInts([x, y]: [Value, Value], less: boolean, to: number, temporaries: number[]): void {
    if (this.#hasMasks) {
      const left = this.#register(x, temporaries);
      this.#a.op3i(
        "vpcmpdK",
        this.#machine.width,
        to,
        left,
        this.#operand(y)[0],
        less ? 1 : 0,
        this.#operand(y)[1],
      );
    } else if (less)
      this.#a.op3("vpcmpgtd", this.#machine.width, to, this.#register(y, temporaries), this.#operand(x)[0]);
    else {
      if (this.#isConstant(x)) [x, y] = [y, x];
      this.#a.op3("vpcmpeqd", this.#machine.width, to, this.#register(x, temporaries), this.#operand(y)[0]);
    }
  }

  #select([yes, no, mask]: [Value, Value, Value], to: number, temporaries: number[]): void {
    const [a, width] = [this.#a, this.#machine.width];
    const otherwise = this.#register(no, temporaries);
    if (this.#hasMasks) {
      const [chosen, options] = this.#operand(yes);
      a.op3("vblendmps", width, to, otherwise, chosen, { ...options, k: this.#frame.mask(mask) });
    } else a.vblendvps(width, to, otherwise, this.#operand(yes)[0], this.#frame.vector(mask));
  }

  #combineMasks(and: boolean, [x, y]: [Value, Value], to: number): void {
    if (this.#hasMasks) {
      const [left, right] = [this.#frame.mask(x), this.#frame.mask(y)];
      this.#a.k3(and ? "kandw" : "korw", to, left, right);
    } else
      this.#a.op3(
        and ? "vandps" : "vorps",
        this.#machine.width,
        to,
        this.#frame.vector(x),
        this.#frame.vector(y),
      );
  }

  /** An integer in every lane. */
  #splatInt(value: Value, to: number): void {
    if (value.making.by === "constant")
      this.#a.vmovups(this.#machine.width, to, this.#constants.of(value.making.number));
    else {
      const from = this.#frame.integer(value);
      if (isReg(from)) {
        this.#a.vmovd(to, from);
        this.#a.op2("vpbroadcastd", this.#machine.width, to, to);
      } else this.#a.op2("vpbroadcastd", this.#machine.width, to, from);
    }
  }

  /** Where 0, 1, 2, … are. */
  get #laneNumbers(): Mem {
    return this.#constants.of(...Array.from({ length: this.#machine.target.lanes }, (_, i) => i));
  }

  #firstLanes(count: Value, to: number, [temporary]: readonly number[]): void {
    const [a, width] = [this.#a, this.#machine.width];
    const numbers = this.#laneNumbers;
    this.#splatInt(count, temporary!);
    if (this.#hasMasks)
      a.op3i("vpcmpdK", width, to, temporary!, numbers, 6); // not less or equal
    else a.op3("vpcmpgtd", width, to, temporary!, numbers);
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
    const parts = args.map((part) => this.#frame.vector(part));
    foldLanes(this.#a, this.#machine, making.fold, parts, to, this.#frame.temporaries(value));
  }

  transpose(variables: readonly Variable[], temporary: number): void {
    const registers = variables.map((variable) => this.#frame.vector(variable));
    transposeLanes(this.#a, this.#machine.width, registers, temporary);
  }

  #minimum(min: boolean, [x, y]: [Value, Value], to: number, temporaries: number[]): void {
    const t = temporaries.pop()!;
    const [left, right] = [this.#register(x, temporaries), this.#register(y, temporaries)];
    extremum(this.#a, this.#machine, min, left, right, to, t);
  }
}

const doubleBits = new DataView(new ArrayBuffer(8));

/** The two words of a float64, the lower first. */
function wordsOf(x: number): [number, number] {
  doubleBits.setFloat64(0, x, true);
  return [doubleBits.getInt32(0, true), doubleBits.getInt32(4, true)];
}
