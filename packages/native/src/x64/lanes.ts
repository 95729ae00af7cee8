// Instructions for operations on lanes. Each gets registers that the frame has chosen; constants are read from memory.
import type { Operation, Value, Variable } from "@shardgrad/core/kernels";
import type { Asm } from "../assembler/asm.ts";
import type { Three } from "../assembler/forms.ts";
import type { Mem, Width } from "../assembler/operands.ts";
import { isReg } from "../assembler/operands.ts";
import type { Constants, Frame } from "./frame.ts";
import { scratch } from "./frame.ts";
import type { Machine } from "./machine.ts";
import { commutative, reversed } from "./needs.ts";

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

/** A mask that is saved while it is used for something else. */
const borrowedMask = 1;

/** Predicates of the compare instructions that raise nothing for a quiet NaN. */
const predicates: Partial<Record<Operation, number>> = {
  "v.lt": 0x11,
  "v.le": 0x12,
  "v.gt": 0x1e,
  "v.ge": 0x1d,
  "v.eq": 0,
  "v.ne": 4,
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
      this.#compare(args as [Value, Value], predicate, to, temporaries);
      return;
    }
    const round = rounding[operation];
    if (round !== undefined) {
      a.op2i(width === 64 ? "vrndscaleps" : "vroundps", width, to, this.#register(args[0]!, temporaries), round);
      return;
    }
    const x = () => this.#register(args[0]!, temporaries);
    switch (operation) {
      case "v.madd":
        this.#madd(args as [Value, Value, Value], to, temporaries);
        return;
      case "v.sqrt":
        a.op2("vsqrtps", width, to, x());
        return;
      case "d.sqrt":
        a.op2("vsqrtpd", width, to, x());
        return;
      case "v.shl":
        a.op2i("vpslld", width, to, x(), immediate);
        return;
      case "v.shr":
        a.op2i("vpsrld", width, to, x(), immediate);
        return;
      case "v.sar":
        a.op2i("vpsrad", width, to, x(), immediate);
        return;
      case "d.shl":
        a.op2i("vpsllq", width, to, x(), immediate);
        return;
      case "d.shr":
        a.op2i("vpsrlq", width, to, x(), immediate);
        return;
      case "d.nearest":
        a.op2i(width === 64 ? "vrndscalepd" : "vroundpd", width, to, x(), 8);
        return;
      case "v.narrow":
        this.#narrow(x(), this.#register(args[1]!, temporaries), to, this.#frame.temporaries(value));
        return;
      case "v.toFloat":
        a.op2("vcvtdq2ps", width, to, x());
        return;
      case "v.toInt":
        a.op2("vcvttps2dq", width, to, x());
        return;
      case "v.splatI":
        this.#splatInt(args[0]!, to);
        return;
      case "v.min":
      case "v.max":
        this.#minimum(operation === "v.min", args as [Value, Value], to, temporaries);
        return;
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
        if (this.#hasMasks) a.vmovups(width, to, x(), { k: this.#frame.mask(args[1]!), z: true });
        else a.op3("vandps", width, to, x(), this.#frame.vector(args[1]!));
        return;
      case "v.drop":
        if (this.#hasMasks) {
          if (to !== x()) a.vmovups(width, to, x());
          a.op3("vxorps", width, to, to, to, { k: this.#frame.mask(args[1]!) });
        } else a.op3("vandnps", width, to, this.#frame.vector(args[1]!), x());
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
      case "d.low":
        a.op2("vcvtps2pd", width, to, x());
        return;
      case "d.high":
        this.#upperHalf(width, temporaries[0]!, x());
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
    if (type === "v") return this.#hasMasks ? [this.#constants.of(making.bits), { bcast: true }] : [this.#constants.of(making.bits)];
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
      this.#a.op3i("vpcmpdK", this.#machine.width, to, left, this.#operand(y)[0], less ? 1 : 0, this.#operand(y)[1]);
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
    }
    else a.vblendvps(width, to, otherwise, this.#operand(yes)[0], this.#frame.vector(mask));
  }

  #combineMasks(and: boolean, [x, y]: [Value, Value], to: number): void {
    if (this.#hasMasks) {
      const [left, right] = [this.#frame.mask(x), this.#frame.mask(y)];
      this.#a.k3(and ? "kandw" : "korw", to, left, right);
    } else
      this.#a.op3(and ? "vandps" : "vorps", this.#machine.width, to, this.#frame.vector(x), this.#frame.vector(y));
  }

  /** An integer in every lane. */
  #splatInt(value: Value, to: number): void {
    if (value.making.by === "constant") this.#a.vmovups(this.#machine.width, to, this.#constants.of(value.making.number));
    else {
      const from = this.#frame.integer(value);
      if (isReg(from)) {
        this.#a.vmovd(to, from);
        this.#a.op2("vpbroadcastd", this.#machine.width, to, to);
      } else this.#a.op2("vpbroadcastd", this.#machine.width, to, from);
    }
  }

  #firstLanes(count: Value, to: number, [temporary]: readonly number[]): void {
    const [a, width] = [this.#a, this.#machine.width];
    const numbers = this.#constants.of(...Array.from({ length: this.#machine.target.lanes }, (_, i) => i));
    this.#splatInt(count, temporary!);
    if (this.#hasMasks) a.op3i("vpcmpdK", width, to, temporary!, numbers, 6); // not less or equal
    else a.op3("vpcmpgtd", width, to, temporary!, numbers);
  }

  #minimum(min: boolean, [x, y]: [Value, Value], to: number, temporaries: number[]): void {
    const t = temporaries.pop()!;
    this.#extremum(min, this.#register(x, temporaries), this.#register(y, temporaries), to, t);
  }

  /** NaN where either is; -0 is below 0. `to` and `t` are neither x nor y. */
  #extremum(min: boolean, x: number, y: number, to: number, t: number, width = this.#machine.width): void {
    const a = this.#a;
    const name = min ? "vminps" : "vmaxps";
    a.op3(name, width, to, x, y);
    a.op3(name, width, t, y, x);
    // The two orders differ for zeros, and for NaN.
    a.op3(min ? "vorps" : "vandps", width, to, to, t);
    const unordered = 3;
    if (this.#hasMasks) {
      a.kmovw(scratch, borrowedMask);
      a.op3i("vcmppsK", width, borrowedMask, x, y, unordered);
      a.op3("vaddps", width, to, x, y, { k: borrowedMask });
      a.kmovw(borrowedMask, scratch);
    } else {
      a.op3i("vcmpps", width, t, x, y, unordered);
      a.op3("vorps", width, to, to, t);
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

  /** The upper half of a vector of `width` bytes. */
  #upperHalf(width: Width, to: number, from: number): void {
    if (width === 64) this.#a.extract("vextractf64x4", 64, to, from, 1);
    else this.#a.extract(this.#hasMasks ? "vextractf32x4" : "vextractf128", 32, to, from, 1);
  }

  fold(value: Value, to: number): void {
    const { making, args } = value;
    if (making.by !== "fold") throw new Error("no fold");
    const [a, { width }] = [this.#a, this.#machine];
    const [t, u, v] = this.#frame.temporaries(value) as [number, number, number];
    const parts = args.map((part) => this.#frame.vector(part));
    const { fold } = making;
    const wide = fold === "addWide";
    const combine = (size: typeof width, d: number, low: number, high: number) => {
      if (fold === "min" || fold === "max") {
        this.#extremum(fold === "min", low, high, u, v, size);
        a.vmovups(width, d, u);
      } else if (reversed.has(`v.${fold}`)) a.op3(folds[fold], size, d, high, low);
      else a.op3(folds[fold], size, d, low, high);
    };
    // Parts that lie 8 lanes apart, then 4.
    let current = parts;
    if (current.length === 4) {
      combine(width, to, current[0]!, current[2]!);
      combine(width, t, current[1]!, current[3]!);
      current = [to, t];
    }
    if (current.length === 2) {
      combine(width, to, current[0]!, current[1]!);
      current = [to];
    } else if (current[0] !== to) a.vmovups(width, to, current[0]!);
    // Halves of a vector, down to one lane.
    if (width === 64) {
      this.#upperHalf(64, t, to);
      combine(32, to, to, t);
    }
    this.#upperHalf(32, t, to);
    combine(16, to, to, t);
    if (!wide) {
      a.op2i("vpermilps", 16, t, to, 0b01_00_11_10);
      combine(16, to, to, t);
      a.op2i("vpermilps", 16, t, to, 0b10_11_00_01);
    } else a.op2i("vpermilps", 16, t, to, 0b01_00_11_10);
    combine(16, to, to, t);
    if (wide) a.op2("vbroadcastsd", width, to, to);
    else a.op2("vbroadcastss", width, to, to);
  }

  /** Exchanges rows and columns of 8 × 8 or 16 × 16 lanes in place. */
  transpose(variables: readonly Variable[], temporary: number): void {
    const registers = variables.map((variable) => this.#frame.vector(variable));
    const [a, { width }] = [this.#a, this.#machine];
    /** Rows i and j become `low` and `high` of them. */
    const pair = (i: number, j: number, low: (d: number, x: number, y: number) => void, high: typeof low) => {
      const [x, y] = [registers[i]!, registers[j]!];
      low(temporary, x, y);
      high(y, x, y);
      a.vmovups(width, x, temporary);
    };
    const swap = (i: number, j: number) => {
      const [x, y] = [registers[i]!, registers[j]!];
      registers[i] = y;
      registers[j] = x;
    };
    const unpack = [
      (d: number, x: number, y: number) => a.op3("vunpcklps", width, d, x, y),
      (d: number, x: number, y: number) => a.op3("vunpckhps", width, d, x, y),
    ] as const;
    const halves = [0x44, 0xee].map((control) => (d: number, x: number, y: number) => a.op3i("vshufps", width, d, x, y, control));
    const byFour = width === 64 ? [0x88, 0xdd] : [0x20, 0x31];
    const quarters = byFour.map((control) => (d: number, x: number, y: number) =>
      width === 64 ? a.op3i("vshuff32x4", 64, d, x, y, control) : a.op3i("vperm2f128", 32, d, x, y, control),
    );
    const count = registers.length;
    for (let group = 0; group < count; group += 4) {
      pair(group, group + 1, ...unpack);
      pair(group + 2, group + 3, ...unpack);
      pair(group, group + 2, halves[0]!, halves[1]!);
      pair(group + 1, group + 3, halves[0]!, halves[1]!);
      swap(group + 1, group + 2);
    }
    // Now group g has, in row i, the columns i, i + 4, … of its four rows.
    for (let i = 0; i < 4; i++) {
      pair(i, i + 4, quarters[0]!, quarters[1]!);
      if (count === 16) {
        pair(i + 8, i + 12, quarters[0]!, quarters[1]!);
        pair(i, i + 8, quarters[0]!, quarters[1]!);
        pair(i + 4, i + 12, quarters[0]!, quarters[1]!);
      }
    }
    this.#permute(
      registers,
      variables.map((variable) => this.#frame.vector(variable)),
      temporary,
    );
  }

  /** Moves lanes so that what is in `from[i]` comes to be in `to[i]`. */
  #permute(from: number[], to: readonly number[], temporary: number): void {
    const { width } = this.#machine;
    for (let i = 0; i < to.length; i++) {
      const [source, target] = [from[i]!, to[i]!];
      if (source === target) continue;
      this.#a.vmovups(width, temporary, target);
      this.#a.vmovups(width, target, source);
      this.#a.vmovups(width, source, temporary);
      const other = from.indexOf(target, i);
      if (other >= 0) from[other] = source;
      from[i] = target;
    }
  }
}

const folds = { add: "vaddps", mul: "vmulps", pmin: "vminps", pmax: "vmaxps", addWide: "vaddpd" } as const;

const doubleBits = new DataView(new ArrayBuffer(8));

/** The two words of a float64, the lower first. */
function wordsOf(x: number): [number, number] {
  doubleBits.setFloat64(0, x, true);
  return [doubleBits.getInt32(0, true), doubleBits.getInt32(4, true)];
}
