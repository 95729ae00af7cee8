// Masks: instructions that make, combine and use them. AVX-512 has registers for them; on AVX2 they are vectors, whose
// lanes are all ones or all zeros.
import type { Value } from "@shardgrad/core/kernels";
import type { Asm } from "../assembler/asm.ts";
import type { Constants, Frame } from "./frame.ts";
import { scratch } from "./frame.ts";
import type { LaneOperands } from "./lane-operands.ts";
import { isConstant } from "./lane-operands.ts";
import type { Machine } from "./machine.ts";

export class Masks {
  readonly #a: Asm;
  readonly #frame: Frame;
  readonly #machine: Machine;
  readonly #constants: Constants;
  readonly #operands: LaneOperands;

  constructor(a: Asm, frame: Frame, machine: Machine, constants: Constants, operands: LaneOperands) {
    this.#a = a;
    this.#frame = frame;
    this.#machine = machine;
    this.#constants = constants;
    this.#operands = operands;
  }

  compare([x, y]: [Value, Value], predicate: number, to: number, temporaries: number[]): void {
    const left = this.#operands.register(x, temporaries);
    const [right, options] = this.#operands.second(y);
    if (this.#hasMasks) this.#a.op3i("vcmppsK", this.#machine.width, to, left, right, predicate, options);
    else this.#a.op3i("vcmpps", this.#machine.width, to, left, right, predicate);
  }

  compareInts([x, y]: [Value, Value], less: boolean, to: number, temporaries: number[]): void {
    if (this.#hasMasks) {
      const left = this.#operands.register(x, temporaries);
      this.#a.op3i(
        "vpcmpdK",
        this.#machine.width,
        to,
        left,
        this.#operands.second(y)[0],
        less ? 1 : 0,
        this.#operands.second(y)[1],
      );
    } else if (less)
      this.#a.op3(
        "vpcmpgtd",
        this.#machine.width,
        to,
        this.#operands.register(y, temporaries),
        this.#operands.second(x)[0],
      );
    else {
      if (isConstant(x)) [x, y] = [y, x];
      this.#a.op3(
        "vpcmpeqd",
        this.#machine.width,
        to,
        this.#operands.register(x, temporaries),
        this.#operands.second(y)[0],
      );
    }
  }

  select([yes, no, mask]: [Value, Value, Value], to: number, temporaries: number[]): void {
    const [a, width] = [this.#a, this.#machine.width];
    const otherwise = this.#operands.register(no, temporaries);
    if (this.#hasMasks) {
      const [chosen, options] = this.#operands.second(yes);
      a.op3("vblendmps", width, to, otherwise, chosen, { ...options, k: this.#frame.mask(mask) });
    } else a.vblendvps(width, to, otherwise, this.#operands.second(yes)[0], this.#frame.vector(mask));
  }

  /** The lanes below a count. */
  first(count: Value, to: number, [temporary]: readonly number[]): void {
    const [a, width] = [this.#a, this.#machine.width];
    const numbers = this.#operands.laneNumbers;
    this.#operands.splatInt(count, temporary!);
    if (this.#hasMasks)
      a.op3i("vpcmpdK", width, to, temporary!, numbers, 6); // not less or equal
    else a.op3("vpcmpgtd", width, to, temporary!, numbers);
  }

  combine(and: boolean, [x, y]: [Value, Value], to: number): void {
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

  /** The other lanes. */
  not(mask: Value, to: number): void {
    if (this.#hasMasks) this.#a.k2("knotw", to, this.#frame.mask(mask));
    else this.#a.op3("vxorps", this.#machine.width, to, this.#frame.vector(mask), this.#constants.of(-1));
  }

  /** The lanes where the mask is set, or the others; 0 in place of the rest. */
  keep(keeps: boolean, from: number, mask: Value, to: number): void {
    const [a, width] = [this.#a, this.#machine.width];
    if (!this.#hasMasks) a.op3(keeps ? "vandps" : "vandnps", width, to, this.#frame.vector(mask), from);
    else if (keeps) a.vmovups(width, to, from, { k: this.#frame.mask(mask), z: true });
    else {
      if (to !== from) a.vmovups(width, to, from);
      a.op3("vxorps", width, to, to, to, { k: this.#frame.mask(mask) });
    }
  }

  /** Sets the flags as a mask is: `all` or `any`; to be followed by a jump if equal or not equal. */
  toFlag(mask: Value, all: boolean): void {
    const lanes = this.#machine.target.lanes;
    if (this.#hasMasks) this.#a.kmovw(scratch, this.#frame.mask(mask));
    else this.#a.vmovmskps(32, scratch, this.#frame.vector(mask));
    this.#a.cmp(scratch, all ? 2 ** lanes - 1 : 0);
  }

  get #hasMasks(): boolean {
    return this.#machine.maskRegisters > 0;
  }
}
